"""What a strategy is, and what it may look at."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self

import pandas as pd
from pydantic import BeforeValidator, SerializeAsAny

from ..core import Bars, DataError, Forecasts, PanicIndex, Settings, Weights
from ..core.errors import near_names
from ..core.extensions import build
from ..core.panic import DIVERGENCE

Need = Literal["forecast", "panic"]


@dataclass(frozen=True, eq=False)
class Signals:
    """Everything known to a strategy, sessions x symbols, row t known at the close of t.

    close
        Back-adjusted close, NaN where a symbol has no bar.
    expected_return, p_up
        Of one model and seed, or None where no forecast was asked for; NaN outside its window.  Where
        "flat" has a probability of its own, p_up is 0.5 + (up - down) / 2: 0.5 leans neither way.
    panic
        By audience ("public", "institution", "all"), and their "divergence" where texts are of both
        (public minus institution, -100 ... 100); NaN is no information.  Empty without texts.
    """

    close: pd.DataFrame
    expected_return: pd.DataFrame | None = None
    p_up: pd.DataFrame | None = None
    panic: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        bars: Bars,
        forecasts: Forecasts | None = None,
        panic: PanicIndex | None = None,
        *,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> Self:
        """Align forecasts (of one model and seed) and panic to the bars' sessions from `start` on."""
        close = bars.adjusted("close").loc[start:end]
        at, symbols = pd.DatetimeIndex(close.index), tuple(close.columns)

        def aligned(column: str) -> pd.DataFrame | None:
            if forecasts is None:
                return None
            return forecasts.wide(column).reindex(index=at, columns=list(symbols))

        p_up, p_down = aligned("p_up"), None
        if forecasts is not None and "p_down" in forecasts.frame.columns:
            p_down = aligned("p_down")
        if p_up is not None and p_down is not None:
            p_up = p_up.where(p_down.isna(), 0.5 + (p_up - p_down) / 2)
        by_audience = {}
        if panic is not None:
            by_audience = {a: panic.for_symbols(symbols, at, a) for a in panic.readings}
        return cls(close, aligned("expected_return"), p_up, by_audience)

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Sessions, ascending."""
        return pd.DatetimeIndex(self.close.index)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols, in column order."""
        return tuple(str(c) for c in self.close.columns)

    def panic_of(self, audience: str) -> pd.DataFrame:
        """Panic of one audience; `DataError` where there is none."""
        if audience not in self.panic:
            hint = near_names(audience, self.panic) if self.panic else "the experiment has no texts"
            raise DataError(f"no panic index of the audience {audience!r}: {hint}")
        return self.panic[audience]

    def until(self, session: pd.Timestamp) -> Self:
        """What was known at the close of `session`."""

        def cut(frame: pd.DataFrame | None) -> pd.DataFrame | None:
            return None if frame is None else frame.loc[:session]

        panic = {a: f.loc[:session] for a, f in self.panic.items()}
        return type(self)(self.close.loc[:session], cut(self.expected_return), cut(self.p_up), panic)


class Strategy(Settings, ABC):
    """Turns signals into target weights, for all sessions and symbols at once.

    Causal: row t of the weights is the same whether or not later signals exist; the conformance
    suite cuts the signals short and compares.  NaN in the weights means "no decision".
    """

    needs: ClassVar[frozenset[Need]] = frozenset()

    @abstractmethod
    def weights(self, signals: Signals) -> Weights:
        """Target weights for every session and symbol of the signals."""

    def requirements(self) -> frozenset[Need]:
        """What the signals must hold; a strategy that wraps another adds the other's."""
        return self.needs


def _from_table(value: Any) -> Any:
    if isinstance(value, Mapping):
        return build("qushi.strategies", value, Strategy, "base")
    return value


Wrapped = Annotated[SerializeAsAny[Strategy], BeforeValidator(_from_table)]
"""A strategy that another one holds: a `Strategy`, or a table like `{kind = "trend_follow"}`."""


def decide_on_change(targets: pd.DataFrame) -> pd.DataFrame:
    """Keep only the sessions at which a symbol's target changes; NaN (no decision) elsewhere.

    `targets` is sessions x symbols; its own NaN are no decisions.  A strategy with a steady target
    then buys once and holds, where repeating the number would rebalance every session.
    """
    before = targets.ffill().shift(1)
    return targets.where(targets.notna() & targets.ne(before))


def one_audience(name: str) -> str:
    """The audience of a setting; the divergence of two has a scale and a strategy of its own."""
    if name == DIVERGENCE:
        raise ValueError("the divergence is no audience's panic: use the strategy panic_divergence")
    return name
