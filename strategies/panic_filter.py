"""Another strategy, held back by the panic index.

Nobody knows the sign: fear precedes both further falls and rebounds, depending on horizon and
audience (see the literature named with the index).  So the rule is a setting.  With f the index itself
(`avoid_panic`) or 100 minus the index (`buy_panic`, where calm is what one avoids), the base's target
weight is multiplied by

    veto:   m = 0 where f >= threshold, else 1
    scale:  m = clip((threshold - f) / (threshold - calm), 0, 1), rounded to `step`

NaN panic is no information: m = 1, and the base passes through unchanged.
"""

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field, model_validator

from ..core import Weights
from ._base import Need, Signals, Strategy, Wrapped, one_audience


class PanicFilter(Strategy):
    """Multiply another strategy's target weights by 0 ... 1 according to the panic index.

    base
        The strategy that is filtered: a `Strategy`, or a table like `{kind = "trend_follow"}`.
    mode
        "veto" is all or nothing, "scale" linear between `calm` and `threshold`.
    sign
        "avoid_panic" holds less in fear, "buy_panic" holds less in calm (the mirror image).
    threshold, calm
        0 ... 100.  `calm` matters to "scale" only.
    step
        "scale" moves in steps of this size, so that not every session is a rebalancing.
    audience
        "all", "public" or "institution".

    A new decision is made where the base decides and where the multiplier changes.

    >>> PanicFilter(base={"kind": "buy_and_hold"}, mode="scale").requirements()
    frozenset({'panic'})
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"panic"})

    base: Wrapped
    mode: Literal["veto", "scale"] = "veto"
    sign: Literal["avoid_panic", "buy_panic"] = "avoid_panic"
    threshold: float = Field(default=80.0, ge=0, le=100)
    calm: float = Field(default=50.0, ge=0, le=100)
    step: float = Field(default=0.25, gt=0, le=1)
    audience: Annotated[str, AfterValidator(one_audience)] = "all"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.mode == "scale" and self.calm >= self.threshold:
            raise ValueError(f"calm ({self.calm:g}) must be below threshold ({self.threshold:g})")
        return self

    def requirements(self) -> frozenset[Need]:
        """Panic, and whatever the base needs."""
        return self.needs | self.base.requirements()

    def weights(self, signals: Signals) -> Weights:
        """The base's weights times the multiplier; NaN where neither decides."""
        base = self.base.weights(signals)
        panic = signals.panic_of(self.audience)
        panic = panic.reindex(index=base.frame.index, columns=base.frame.columns)
        factor = self._multiplier(panic)
        changed = factor.ne(factor.shift(1).fillna(1.0))
        target = base.frame.ffill() * factor
        frame = target.where(base.frame.notna() | changed)
        return Weights(frame, f"{base.name}+panic_{self.mode}")

    def _multiplier(self, panic: pd.DataFrame) -> pd.DataFrame:
        """0 ... 1, and exactly 1 where panic is unknown."""
        fear = panic.astype(float) if self.sign == "avoid_panic" else 100.0 - panic.astype(float)
        if self.mode == "veto":
            return 1.0 - (fear >= self.threshold).astype(float)
        linear = ((self.threshold - fear) / (self.threshold - self.calm)).clip(0.0, 1.0)
        stepped = np.clip((linear / self.step).round() * self.step, 0.0, 1.0)
        return stepped.where(fear.notna(), 1.0)
