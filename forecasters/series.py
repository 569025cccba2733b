"""External series (indices, rates, somebody else's panic) as they were known at each session's close.

A series is a list of values, each with the moment from which it could be known.  At the close of session
t of the bars' exchange the value is the last one whose moment is not later, so the zones decide:

    a close of New York on day d     is known in Shanghai at the close of d+1, not of d
    a close of Taipei on day d       (13:30) is known in Shanghai (15:00) at the close of d
    a value with a date only         counts from the end of that date: at the close of the next session

`lag` waits some sessions more, for what is published later than it is dated.  A value is kept until the
next one comes, `max_age` sessions at most; after that it is not known.  Forms of a series x, where x[t]
is what is known at the close of t and t-1 the session before, on the exchange's calendar:

    level  x[t]        change  x[t] - x[t-1]        return  ln(x[t] / x[t-1])

So nothing new gives the change 0, and what came over a long holiday comes at once.  A series that is
revised later must be given as first published: what is here has no memory of revisions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import DataError
from ..core.calendar import CLOSES, ZONES, session_of, sessions
from ..core.errors import near_names
from ..core.hashing import hash_frame

KNOWN = "_known"
"""Suffix of the column that says whether the value of the column before it is known."""

Form = Literal["level", "change", "return"]

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ExternalSeries:
    """One series from outside the bars, and how it becomes features.

    values
        float64, indexed by the moment (with a zone) from which each value can be known, ascending, no
        moment twice; NaN is no value and is passed over.
    forms
        Which columns it gives: "level", "change", "return" (unknown unless both values are above 0).
    lag
        Sessions of the bars' exchange to wait after the moment.
    max_age
        Sessions after which a value that no other followed counts as not known.

    Raises `DataError`.

    >>> at = pd.DatetimeIndex(["2024-01-02 16:00", "2024-01-03 16:00"], tz="America/New_York")
    >>> vix = ExternalSeries("vix", pd.Series([13.2, 14.0], index=at))
    >>> vix.columns
    ('series_vix_level', 'series_vix_level_known')
    >>> vix.at(pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-04"]), "XSHG").tolist()
    [[nan, 0.0], [13.2, 1.0], [14.0, 1.0]]
    """

    name: str
    values: pd.Series
    forms: tuple[Form, ...] = ("level",)
    lag: int = 0
    max_age: int = 10

    def __post_init__(self) -> None:
        moments = self.values.index
        if not isinstance(moments, pd.DatetimeIndex) or moments.tz is None:
            raise DataError(f"the series {self.name!r} needs moments with a zone: localise its dates")
        if not moments.is_monotonic_increasing or not moments.is_unique:
            raise DataError(f"the series {self.name!r} needs ascending moments, each of them once")
        if np.isinf(self.values.to_numpy(dtype=float)).any():
            raise DataError(f"the series {self.name!r} holds an infinite value")
        if self.lag < 0 or self.max_age < 0:
            raise DataError(
                f"the series {self.name!r} has lag {self.lag} and max_age {self.max_age}: neither may "
                "be below 0"
            )
        unknown = [form for form in self.forms if form not in get_args(Form)]
        if unknown or not self.forms:
            raise DataError(
                f"the series {self.name!r} has the forms {self.forms}: choose from level, change, return"
            )

    @classmethod
    def of_closes(
        cls,
        name: str,
        closes: pd.Series,
        calendar: str,
        forms: tuple[Form, ...] = ("level",),
        lag: int = 0,
        max_age: int = 10,
    ) -> Self:
        """From closes by session: each is known at the close of its session on its own exchange."""
        moments = closes.index + pd.Timedelta(f"{CLOSES[calendar]}:00")
        values = closes.astype(float).set_axis(moments.tz_localize(ZONES[calendar]))
        return cls(name, values, forms, lag, max_age)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns: each form's value, then whether it is known."""
        names = (f"series_{self.name}_{form}" for form in self.forms)
        return tuple(column for name in names for column in (name, name + KNOWN))

    @property
    def fingerprint(self) -> str:
        """Content hash: equal moments and values, equal hash."""
        moments = self.values.index.tz_convert("UTC")
        return hash_frame(pd.DataFrame({"moment": moments, "value": self.values.to_numpy(dtype=float)}))

    def at(self, asked: pd.DatetimeIndex, calendar: str) -> Float64Array:
        """What is known at the close of each session asked for, [sessions, columns]; NaN where nothing.

        `asked` are sessions of the exchange `calendar`.
        """
        known_sessions = sessions(calendar)
        position = known_sessions.searchsorted(asked).astype(np.int64)
        now, before = (self._known(position - back, calendar) for back in (0, 1))
        columns: list[Float64Array] = []
        for form in self.forms:
            value = _FORMS[form](now, before)
            columns += [value, np.isfinite(value).astype(float)]
        return np.column_stack(columns)

    def _known(self, position: Int64Array, calendar: str) -> Float64Array:
        """The value known at the close of the sessions at these positions of the calendar."""
        given = self.values.dropna()
        placed = session_of(pd.DatetimeIndex(given.index), calendar)
        kept = ~placed.isna()  # a moment after the calendar's last session is known at none
        since = sessions(calendar).searchsorted(placed[kept]).astype(np.int64) + self.lag
        values = given.to_numpy(dtype=float)[kept]
        # side="right" less one: of several values of one session the last one stands.
        found = np.searchsorted(since, position, side="right") - 1
        if len(values) == 0:
            return np.full(len(position), np.nan)
        young = (found >= 0) & (position - since[found] <= self.max_age)
        return np.where(young, values[found], np.nan)


def chosen_series(names: Sequence[str], series: Sequence[ExternalSeries]) -> tuple[ExternalSeries, ...]:
    """The series of these names, in their order; `DataError` with near names for one that is not there.

    >>> at = pd.DatetimeIndex(["2024-01-02"], tz="UTC")
    >>> chosen_series(["vix"], [ExternalSeries("vix", pd.Series([13.2], index=at))])[0].name
    'vix'
    """
    held = {one.name: one for one in series}
    for name in names:
        if name not in held:
            raise DataError(f"no external series {name!r}: {near_names(name, held)}")
    return tuple(held[name] for name in names)


def _level(now: Float64Array, before: Float64Array) -> Float64Array:
    return now


def _change(now: Float64Array, before: Float64Array) -> Float64Array:
    return now - before


def _return(now: Float64Array, before: Float64Array) -> Float64Array:
    positive = (now > 0) & (before > 0)
    found = np.full(len(now), np.nan)
    found[positive] = np.log(now[positive] / before[positive])
    return found


_FORMS = {"level": _level, "change": _change, "return": _return}
