"""A position of its own after extreme panic, for a stated number of sessions, then a pause.

Baker & Wurgler (2006) and Da, Engelberg & Gao (2015) see prices come back after fear, the latter within
two days; others see them fall on.  So the sign is a setting, and its opposite is the same bet turned:

    buy_panic     in cash, long for `hold` sessions after the signal
    avoid_panic   long, in cash for `hold` sessions after the signal

The signal of a symbol is panic >= `threshold` at the close of t, or, with `release`, the first session
after such a one whose panic is below `release`: the fright is over.  Decided at t and filled at the next
open, left at t + `hold`; from there `cooldown` sessions pass in which no signal counts.
"""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field, model_validator

from ..core import Weights
from ._base import Need, Signals, Strategy, decide_on_change, one_audience


class PanicContrarian(Strategy):
    """Long (or in cash) for `hold` sessions after extreme panic, 1/n of the equity a symbol.

    threshold
        Panic from which a session is extreme, 0 ... 100.
    release
        Wait until panic is below this; left out: act at once.
    hold
        Sessions of the position.
    cooldown
        Sessions after its end without a new one; 0 may enter again in the session it ends.
    sign
        "buy_panic" buys after the signal; "avoid_panic" holds, and sells after it.
    audience
        "all", "public" or "institution".

    NaN panic is no information: it neither gives nor ends a signal, while sessions go on being counted.

    >>> PanicContrarian(threshold=95, release=70, hold=10).cooldown
    20
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"panic"})

    threshold: float = Field(default=90.0, ge=0, le=100)
    release: float | None = Field(default=None, ge=0, le=100)
    hold: int = Field(default=5, ge=1)
    cooldown: int = Field(default=20, ge=0)
    sign: Literal["buy_panic", "avoid_panic"] = "buy_panic"
    audience: Annotated[str, AfterValidator(one_audience)] = "all"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.release is not None and self.release > self.threshold:
            raise ValueError(
                f"release ({self.release:g}) must not be above threshold ({self.threshold:g})"
            )
        return self

    def weights(self, signals: Signals) -> Weights:
        """1/n or 0 at the sessions at which a symbol's position changes, NaN everywhere else."""
        panic = signals.panic_of(self.audience)
        panic = panic.reindex(index=signals.close.index, columns=signals.close.columns).astype(float)
        after = np.column_stack([self._after_signal(panic[s].to_numpy()) for s in panic.columns])
        held = after if self.sign == "buy_panic" else ~after
        share = 1.0 / max(len(signals.symbols), 1)
        targets = pd.DataFrame(held * share, index=panic.index, columns=panic.columns)
        targets = targets.where(signals.close.notna().cummax())  # nothing before the first bar
        return Weights(decide_on_change(targets), f"panic_contrarian_{self.sign}")

    def _after_signal(self, panic: np.ndarray) -> np.ndarray:
        """True in the `hold` sessions from each signal on; row t looks at rows up to t only."""
        inside = np.zeros(len(panic), dtype=bool)
        ends, free, armed = 0, 0, False
        for t, now in enumerate(panic):
            if t >= free:
                signal = now >= self.threshold if self.release is None else armed and now < self.release
                armed = now >= self.threshold or (armed and not signal)
                if signal:
                    ends, free, armed = t + self.hold, t + self.hold + self.cooldown, False
            inside[t] = t < ends
        return inside
