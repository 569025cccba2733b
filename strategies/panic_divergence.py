"""Where the public is more frightened than those who write for it, or less.

With P the panic of the two audiences, d = P_public - P_institution (-100 ... 100) as the index has it.
Whether the crowd or its newspapers are right nobody has shown: in Tetlock (2007) the pessimism of a
newspaper column is reverted within a week, in Antweiler & Frank (2004) message boards say hardly
anything of returns.  So the sign is a setting: with s = d (`against_public`) or s = -d (`with_public`)

    own position   long where s >= threshold, in cash where s <= leave, else as before
    with a base    the base's weights, 0 where s <= -threshold
"""

from typing import ClassVar, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from ..core import DataError, Weights
from ..core.panic import DIVERGENCE
from ._base import Need, Signals, Strategy, Wrapped, decide_on_change


class PanicDivergence(Strategy):
    """Trade the public's panic less the institutions'.

    base
        Another strategy to hold back, as in `panic_filter`; left out: a position of its own, 1/n of the
        equity a symbol.
    threshold
        Points of difference that say something, above 0.
    leave
        Without a base: difference at which the position ends.
    sign
        "against_public" is long while the public is the more frightened; "with_public" while it is the
        calmer one.

    Where one of the two is NaN there is no information: an own position stays as it is, a base passes
    through.  `DataError` where the texts are of one audience only.

    >>> sorted(PanicDivergence(base={"kind": "trend_follow"}).requirements())
    ['forecast', 'panic']
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"panic"})

    base: Wrapped | None = None
    threshold: float = Field(default=30.0, gt=0, le=100)
    leave: float = Field(default=0.0, ge=-100, le=100)
    sign: Literal["against_public", "with_public"] = "against_public"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.leave >= self.threshold:
            raise ValueError(f"leave ({self.leave:g}) must be below threshold ({self.threshold:g})")
        return self

    def requirements(self) -> frozenset[Need]:
        """Panic, and whatever the base needs."""
        return self.needs | (frozenset() if self.base is None else self.base.requirements())

    def weights(self, signals: Signals) -> Weights:
        """Decisions where something changes, NaN everywhere else."""
        said = self._difference(signals)
        return self._own(said) if self.base is None else self._held_back(self.base, said, signals)

    def _difference(self, signals: Signals) -> pd.DataFrame:
        """What the sign is for, in points; NaN where either audience is not known."""
        if DIVERGENCE not in signals.panic:
            raise DataError(
                "panic_divergence needs texts of the public and of institutions, the experiment has "
                f"{', '.join(signals.panic) or 'no texts'}: add a source of the other audience"
            )
        found = signals.panic[DIVERGENCE].reindex(
            index=signals.close.index, columns=signals.close.columns
        )
        return found.astype(float) if self.sign == "against_public" else -found.astype(float)

    def _own(self, said: pd.DataFrame) -> Weights:
        state = pd.DataFrame(np.nan, index=said.index, columns=said.columns)
        state = state.mask(said >= self.threshold, 1.0).mask(said <= self.leave, 0.0)
        targets = state.ffill() / max(said.shape[1], 1)
        return Weights(decide_on_change(targets), f"panic_divergence_{self.sign}")

    def _held_back(self, base: Strategy, said: pd.DataFrame, signals: Signals) -> Weights:
        own = base.weights(signals)
        said = said.reindex(index=own.frame.index, columns=own.frame.columns)
        factor = 1.0 - (said <= -self.threshold).astype(float)
        changed = factor.ne(factor.shift(1).fillna(1.0))
        frame = (own.frame.ffill() * factor).where(own.frame.notna() | changed)
        return Weights(frame, f"{own.name}+panic_divergence")
