"""The panic index as a value; how it is computed is `sentiment/`'s business."""

from dataclasses import dataclass

import pandas as pd

from .errors import DataError, near_names
from .hashing import hash_frame

MARKET = "market"
"""The scope that takes every text, whether or not it names a symbol."""

ALL = "all"
"""The audience that takes every text, public and institution together."""

QUALITIES = ("ok", "thin", "none")
VALUES = (
    "texts",
    "effective",
    "session_bearishness",
    "bearishness",
    "panic",
    "z",
    "attention",
    "agreement",
    "quality",
)
COLUMNS = ("scope", "audience", "session", *VALUES)


@dataclass(frozen=True, eq=False)
class PanicIndex:
    """Panic by (scope, audience, session); a scope is a symbol or `"market"`.

    frame
        Sorted by scope, audience ("public", "institution", "all"), session.  `texts`: texts of the
        session; `effective`: decayed count E; `session_bearishness`: without decay; `bearishness`:
        with decay (0 balanced, above 0 fearful); `panic`: 0 calm ... 100 panic, NaN = no information
        (never 0, never 50); `z`: clipped to +-4; `attention`; `agreement`; `quality`: ok/thin/none.

    The value of session D is final at the cut-off of D and trades at the open of D+1.
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        missing = [c for c in COLUMNS if c not in self.frame.columns]
        if missing:
            raise DataError(f"the panic index lacks the column {missing[0]!r}")
        keys = ["scope", "audience", "session"]
        if self.frame.duplicated(keys).any():
            raise DataError("the panic index has two rows for one scope, audience and session")
        panic = self.frame["panic"].dropna()
        if ((panic < 0) | (panic > 100)).any():
            raise DataError(f"panic must be within 0 and 100, received {panic.min()} to {panic.max()}")
        unknown = set(self.frame["quality"]) - set(QUALITIES)
        if unknown:
            raise DataError(f"quality is one of {QUALITIES}, received {unknown}")

    @property
    def scopes(self) -> tuple[str, ...]:
        """Scopes, sorted: symbols and `"market"`."""
        return tuple(sorted(self.frame["scope"].unique()))

    @property
    def audiences(self) -> tuple[str, ...]:
        """Audiences, sorted."""
        return tuple(sorted(self.frame["audience"].unique()))

    def one(self, scope: str, audience: str = ALL) -> pd.DataFrame:
        """The rows of one scope and audience, indexed by session."""
        if scope not in self.scopes:
            raise DataError(f"no panic index for {scope!r}: {near_names(scope, self.scopes)}")
        if audience not in self.audiences:
            raise DataError(f"no audience {audience!r}: {near_names(audience, self.audiences)}")
        keep = (self.frame["scope"] == scope) & (self.frame["audience"] == audience)
        return self.frame[keep].drop(columns=["scope", "audience"]).set_index("session")

    def for_symbols(
        self,
        symbols: tuple[str, ...],
        sessions: pd.DatetimeIndex,
        audience: str = ALL,
        column: str = "panic",
    ) -> pd.DataFrame:
        """One column as sessions x symbols: the market's scope until a symbol's own has begun.

        A symbol's own scope begins with its first known `panic` in the index; from there on its own
        values count, before it the market's.  So a text that first names a symbol later on changes
        nothing before it.  Sessions without a value stay NaN.
        """
        found = {s: self._followed(s, sessions, audience, column) for s in symbols}
        return pd.DataFrame(found, index=sessions)

    def _followed(
        self, symbol: str, sessions: pd.DatetimeIndex, audience: str, column: str
    ) -> pd.Series:
        market = self.one(MARKET, audience)[column].reindex(sessions)
        if symbol not in self.scopes:
            return market
        own = self.one(symbol, audience)
        begins = own["panic"].first_valid_index()
        if begins is None:
            return market
        return market.where(sessions < begins, own[column].reindex(sessions))

    @property
    def fingerprint(self) -> str:
        """Content hash: equal index, equal hash."""
        return hash_frame(self.frame)
