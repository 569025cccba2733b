"""The panic index as a value; how it is computed is `sentiment/`'s business."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from .errors import DataError, near_names
from .hashing import hash_frame

MARKET = "market"
"""The scope that takes every text, whether or not it names a symbol."""

ALL = "all"
"""The audience that takes every text, public and institution together."""

PUBLIC, INSTITUTION = "public", "institution"

DIVERGENCE = "divergence"
"""The reading that is no audience: panic of the public minus panic of institutions, -100 ... 100."""

SECTOR = "sector:"
"""How the scope of a sector begins."""

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
SUMS = ("neg", "neu", "pos")
"""Decayed counts after the session: what the next session goes on from."""

COLUMNS = ("scope", "audience", "session", *VALUES, *SUMS)
_KEYS = ["scope", "audience", "session"]


@dataclass(frozen=True, eq=False)
class PanicIndex:
    """Panic by (scope, audience, session); a scope is `"market"`, a symbol or `"sector:<name>"`.

    frame
        Sorted by scope, audience ("public", "institution", "all"), session; a scope's rows begin in the
        session of its first text.  `texts`: texts of the session; `effective`: decayed count E;
        `session_bearishness`: without decay; `bearishness`: with decay (0 balanced, above 0 fearful);
        `panic`: 0 calm ... 100 panic, NaN = no information (never 0, never 50); `z`: clipped to +-4;
        `attention`; `agreement`; `quality`: ok/thin/none.  `neg`, `neu`, `pos`: decayed sums, which
        only going on from the last session needs.

    The value of session D is final at the cut-off of D and trades at the open of D+1.
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        missing = [c for c in (*_KEYS, *VALUES) if c not in self.frame.columns]
        if missing:
            raise DataError(f"the panic index lacks the column {missing[0]!r}")
        if not _ascending(self.frame) and self.frame.duplicated(_KEYS).any():
            raise DataError("the panic index has two rows for one scope, audience and session")
        panic = self.frame["panic"].dropna()
        if ((panic < 0) | (panic > 100)).any():
            raise DataError(f"panic must be within 0 and 100, received {panic.min()} to {panic.max()}")
        unknown = set(self.frame["quality"].unique()) - set(QUALITIES)
        if unknown:
            raise DataError(f"quality is one of {QUALITIES}, received {unknown}")

    @cached_property
    def _rows(self) -> Mapping[tuple[str, str], np.ndarray]:
        """Where the rows of each (scope, audience) stand."""
        found: Mapping[tuple[str, str], np.ndarray] = self.frame.groupby(_KEYS[:2]).indices
        return found

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """Scopes, sorted: symbols, `"market"` and sectors."""
        return tuple(sorted({scope for scope, _ in self._rows}))

    @cached_property
    def audiences(self) -> tuple[str, ...]:
        """Audiences, sorted."""
        return tuple(sorted({audience for _, audience in self._rows}))

    @property
    def readings(self) -> tuple[str, ...]:
        """What `for_symbols` can be asked for: the audiences, and their divergence where both are."""
        both = {PUBLIC, INSTITUTION} <= set(self.audiences)
        return (*self.audiences, DIVERGENCE) if both else self.audiences

    def one(self, scope: str, audience: str = ALL) -> pd.DataFrame:
        """The rows of one scope and audience, indexed by session."""
        if scope not in self.scopes:
            raise DataError(f"no panic index for {scope!r}: {near_names(scope, self.scopes)}")
        if audience not in self.audiences:
            raise DataError(f"no audience {audience!r}: {near_names(audience, self.readings)}")
        rows = self._rows.get((scope, audience), np.empty(0, dtype=np.intp))
        return self.frame.iloc[rows].drop(columns=["scope", "audience"]).set_index("session")

    def divergence(self, scope: str = MARKET, column: str = "panic") -> pd.Series:
        """What the public feels minus what institutions feel, by session: -100 ... 100 for `panic`.

        Sessions are those that either audience has a row for; NaN where one of the two is unknown.
        `DataError` where the index lacks one of the two audiences.
        """
        public, institution = self.one(scope, PUBLIC)[column], self.one(scope, INSTITUTION)[column]
        found = public.astype(float).sub(institution.astype(float))
        return found.rename(DIVERGENCE)

    def for_symbols(
        self,
        symbols: tuple[str, ...],
        sessions: pd.DatetimeIndex,
        audience: str = ALL,
        column: str = "panic",
    ) -> pd.DataFrame:
        """One column as sessions x symbols: the market's scope until a symbol's own has begun.

        `audience` is one of `readings`.  A symbol's own scope begins with its first known `panic` in the
        index; from there on its own values count, before it the market's.  So a text that first names a
        symbol later on changes nothing before it.  Sessions without a value stay NaN.
        """
        market = self._series(MARKET, audience, column).reindex(sessions)
        found = {s: self._followed(s, market, audience, column) for s in symbols}
        return pd.DataFrame(found, index=sessions)

    def _followed(self, symbol: str, market: pd.Series, audience: str, column: str) -> pd.Series:
        if symbol not in self.scopes:
            return market
        begins = self._series(symbol, audience, "panic").first_valid_index()
        if begins is None:
            return market
        own = self._series(symbol, audience, column).reindex(market.index)
        return market.where(market.index < begins, own)

    def _series(self, scope: str, audience: str, column: str) -> pd.Series:
        if audience == DIVERGENCE and audience not in self.audiences:
            return self.divergence(scope, column)
        return self.one(scope, audience)[column]

    @property
    def fingerprint(self) -> str:
        """Content hash: equal index, equal hash."""
        return hash_frame(self.frame)


def _ascending(frame: pd.DataFrame) -> bool:
    """Whether rows stand in strictly ascending order, which is quicker seen than that none is twice."""
    scope, audience = (frame[name].to_numpy(dtype=object) for name in _KEYS[:2])
    session = frame["session"].to_numpy()
    same_scope, same_audience = scope[1:] == scope[:-1], audience[1:] == audience[:-1]
    later = np.where(same_audience, session[1:] > session[:-1], audience[1:] > audience[:-1])
    return bool(np.where(same_scope, later, scope[1:] > scope[:-1]).all())
