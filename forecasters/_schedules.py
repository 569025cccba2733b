"""Learning rates: functions of the epochs done, p, and for "plateau" of the validation losses so far.

No state of their own, so a resumed fit goes on at the same rate.  W epochs of warm-up, E epochs in all:

    warm-up    rate * min(1, p / W)
    cosine     rate * (1 + cos(pi * max(0, p - W) / (E - W))) / 2        (Loshchilov & Hutter 2017)
    step       rate * decay ^ floor(p / decay_every)
    plateau    rate * decay ^ (times that decay_every epochs in a row brought no better loss)
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .training import Training

Schedule = Literal["constant", "cosine", "step", "plateau"]


def learning_rate(settings: "Training", done: float, valid: Sequence[float] = ()) -> float:
    """The rate after `done` epochs, and the validation losses of those that are whole.

    >>> from qushi.forecasters.training import Training
    >>> learning_rate(Training(learning_rate=0.1, epochs=10, schedule="cosine"), 5)
    0.05
    """
    factor = min(1.0, done / settings.warmup) if settings.warmup else 1.0
    if settings.schedule == "cosine":
        past = max(0.0, done - settings.warmup) / max(1, settings.epochs - settings.warmup)
        factor *= (1 + math.cos(math.pi * past)) / 2
    elif settings.schedule == "step":
        factor *= settings.decay ** math.floor(done / settings.decay_every)
    elif settings.schedule == "plateau":
        factor *= settings.decay ** _plateaus(valid, settings.decay_every)
    return settings.learning_rate * factor


def _plateaus(valid: Sequence[float], every: int) -> int:
    """How often `every` epochs in a row brought no better loss."""
    best, stale, found = math.inf, 0, 0
    for loss in valid:
        stale = 0 if loss < best else stale + 1
        best = min(best, loss)
        if stale == every:
            stale, found = 0, found + 1
    return found
