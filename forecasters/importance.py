"""What a fitted model leans on: permutation importance of its features, out of sample.

A feature's column is taken from another window, all rows of it at once and in their order, so that the
column keeps its own shape in time and only its tie to the target is cut.  What the loss then gains is
what the model owes to the feature (Breiman 2001; Fisher, Rudin & Dominici 2019):

    importance = mean over repeats of loss(permuted) - loss(as it was)

About 0: not used, or of no use on these windows.  Two features that say the same share what they are
worth, and each alone looks unimportant.  A column and its `*_known` mark are permuted together.
Windows of fewer rows than others exchange columns among their like.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import DataError
from .base import Forecaster, Prediction, Targeted
from .windows import Float32Array, Float64Array, Int64Array, Windows

COLUMNS = ("feature", "loss", "base", "loss_increase", "spread", "repeats", "windows")
LossName = Literal["mae", "log_loss"]

_KNOWN = "_known"
_CLIP = 1e-6
"""Probabilities of 0 and 1 count as this far from them: one certain miss must not be infinite."""


def permutation_importance(
    model: Forecaster,
    windows: Windows,
    targets: Float64Array,
    *,
    seed: int = 0,
    repeats: int = 5,
    most: int = 2000,
) -> pd.DataFrame:
    """One row a feature, columns `COLUMNS`, the largest `loss_increase` first.

    `targets` [n] are the outcomes of the first target at the last step, NaN where there is none yet; the
    fit has not seen them (`Walk.last`).  `most` windows are drawn where there are more.  `loss` is "mae"
    where the model states a value, else "log_loss" of p_up (outcome above the model's dead band); `base`
    is the loss before, `spread` the standard deviation of the increase over the repeats.  A model that
    uses features sees the rows of each window and nothing before them, in `base` too; one that uses none
    gets zeros.  Same seed, same figures.  Raises `DataError` for fewer than 2 outcomes or repeats,
    or where the model answers for no window.
    """
    if len(targets) != len(windows):
        raise DataError(f"{len(windows)} windows but {len(targets)} outcomes")
    if repeats < 2:
        raise DataError(f"the spread needs 2 repeats or more, received {repeats}")
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(np.isfinite(targets))
    if len(chosen) < 2:
        raise DataError(f"a permutation needs 2 windows with an outcome, received {len(chosen)}")
    if len(chosen) > most:
        chosen = np.sort(rng.choice(chosen, most, replace=False))
    own = replace(windows, targets=None, paths=None).subset(chosen.astype(np.int64))
    was = np.asarray(targets, dtype=np.float64)[chosen]
    buckets = own.by_length(np.arange(len(own), dtype=np.int64))
    own, was = own.subset(np.concatenate(buckets)), was[np.concatenate(buckets)]
    values = [own.gather(bucket) for bucket in own.by_length(np.arange(len(own), dtype=np.int64))]
    loss, before = _losses(model, _apart(own, values), was)
    shuffled = [part[rng.permutation(len(part))] for part in values]
    _, after = _losses(model, _apart(own, shuffled), was)
    looks = not np.array_equal(before, after, equal_nan=True)
    if not looks:  # a rule on prices, slow to ask at times, and its prices may reach before the windows
        loss, before = _losses(model, own, was)
    counted = np.isfinite(before)
    if not counted.any():
        raise DataError(f"{model.kind} answers for none of the {len(own)} windows")
    base = float(before[counted].mean())
    rows = []
    for name, columns in feature_columns(windows.panel.names):
        gains = [] if looks else [0.0] * repeats
        for _ in range(repeats if looks else 0):
            mixed = [part.copy() for part in values]
            for part, source in zip(mixed, values, strict=True):
                part[:, :, columns] = source[:, :, columns][rng.permutation(len(part))]
            _, after = _losses(model, _apart(own, mixed), was)
            gains.append(float(after[counted].mean()) - base)
        spread = float(np.std(gains, ddof=1))
        rows.append((name, loss, base, float(np.mean(gains)), spread, repeats, int(counted.sum())))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("loss_increase", ascending=False, kind="stable", ignore_index=True)


def feature_columns(names: Sequence[str]) -> tuple[tuple[str, list[int]], ...]:
    """Each feature and its columns: its own, and its `*_known` mark where it has one.

    >>> feature_columns(["return_1", "panic", "panic_known"])
    (('return_1', [0]), ('panic', [1, 2]))
    """
    place = {name: i for i, name in enumerate(names)}
    found = []
    for name, i in place.items():
        if name.endswith(_KNOWN) and name.removesuffix(_KNOWN) in place:
            continue
        mark = place.get(name + _KNOWN)
        found.append((name, [i] if mark is None else [i, mark]))
    return tuple(found)


def _apart(windows: Windows, values: Sequence[Float32Array]) -> Windows:
    """The same windows with these values, on a panel where no two of them share a row.

    The windows stand by length, and `values` are those of each length, [n, length, F].
    """
    after = np.cumsum(windows.lengths)
    starts = np.repeat(after - windows.lengths, windows.lengths)
    rows: Int64Array = np.repeat(windows.starts, windows.lengths) + np.arange(len(starts)) - starts
    old = windows.panel
    panel = replace(
        old,
        values=np.concatenate([part.reshape(-1, windows.n_features) for part in values]),
        close=old.close[rows],
        symbols=old.symbols[rows],
        sessions=old.sessions[rows],
        first=starts,
    )
    return replace(windows, panel=panel, ends=after - 1)


def _losses(model: Forecaster, windows: Windows, targets: Float64Array) -> tuple[LossName, Float64Array]:
    """The loss of each window, NaN where the model does not answer."""
    answer: Prediction = model.predict(windows)
    if answer.value is not None:
        value = answer.value.reshape(len(windows), -1) if answer.value.ndim < 3 else answer.value[..., 0]
        return "mae", np.abs(_last_step(value) - targets)
    if answer.p_up is None:
        raise DataError(f"{model.kind} states neither a value nor a probability")
    p = np.clip(_last_step(answer.p_up), _CLIP, 1 - _CLIP)
    band = model.band if isinstance(model, Targeted) else 0.0
    return "log_loss", np.where(targets > band, -np.log(p), -np.log(1 - p))


def _last_step(values: npt.NDArray[np.float64]) -> Float64Array:
    last: Float64Array = values if values.ndim == 1 else values[:, -1]
    return last
