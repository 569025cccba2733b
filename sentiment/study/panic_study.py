"""What the panic index is worth, told with every look that was taken.

    describes   the index beside the return and implied fear of the same session and of those before
    predicts    the same of the sessions after; regressions of what can be earned over h sessions from
                the next open on; paths after extreme panic; returns by quantile of panic

Panic of session D is final at the cut-off of D, its close.  What happened in D itself moves with it and
is not prediction; what can be earned begins at the open of D+1.  Many lags and horizons are looked at,
so each family of looks has one p of its largest |t| against shuffled dates, and the families
that ask about the future one more p for being several (`_shuffles.py`).  Errors are Newey and West's.

Sources: Antweiler & Frank (2004), Da, Engelberg & Gao (2015), Tetlock (2007), which disagree on sign and
horizon; nothing here assumes one.  In regressions of this kind a slope is biased by about (1 + 3 rho)/n
of what panic owes to the return just seen (Stambaugh 1999): on few sessions a small slope is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...core import Bars, DataError, PanicIndex
from ...core.calendar import sessions
from ...core.notes import Said
from ...core.panic import ALL, DIVERGENCE, MARKET
from ._event_study import EVENTS, Zone, entries, event_study, paths
from ._findings import families, findings, tests_of
from ._lead_lag import LEAD_LAG, Looks, lead_lag, quantile_sorts, regression_chance
from ._regressions import FloatArray, predictive_regressions
from ._shuffles import IntArray, shuffled_dates
from .alignment import price_levels
from .settings import StudySettings

_FEWEST = 60


@dataclass(frozen=True, eq=False)
class PanicStudy:
    """What was found of one scope and audience.

    lead_lag
        One row an index form ("level", "change"), target ("return" or a name of `implied`) and lag:
        `timing`, `n`, `correlation`, `error`, `t`, `p`, `p_shuffled` (of this look alone), `lags`.
    regressions
        One row a horizon, model and regressor: log return for 10 points of panic.
    events
        One row a zone ("panic", "calm") and offset: mean log return from the event's close back, or from
        the open after it on; `expected`, `low`, `high` are those of shuffled dates (95 %).
    event_dates
        `zone`, `session`, `panic`.
    quantiles
        One row a horizon and quantile; quantile 0 is the highest less the lowest.
    tests
        One row a family of looks: `asks` ("past" or "future"), `looks`, `best`, `statistic`, `p_max`,
        and of those that ask about the future `p_joint`, all of them paid for.
    said
        The same in sentences.
    """

    scope: str
    audience: str
    settings: StudySettings
    first: pd.Timestamp
    last: pd.Timestamp
    sessions: int
    lead_lag: pd.DataFrame
    regressions: pd.DataFrame
    events: pd.DataFrame
    event_dates: pd.DataFrame
    quantiles: pd.DataFrame
    tests: pd.DataFrame
    said: tuple[Said, ...]

    @property
    def looks(self) -> int:
        """How many figures were looked at, each counted once."""
        return int(self.tests["looks"].sum())

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name, as they are written out."""
        names = ("tests", "lead_lag", "regressions", "events", "event_dates", "quantiles")
        return {name: getattr(self, name) for name in names}

    def to_payload(self) -> dict[str, Any]:
        """JSON-like values for a page or a machine: NaN is None, a session is YYYY-MM-DD."""
        head = {"scope": self.scope, "audience": self.audience, "sessions": self.sessions}
        span = {"first": f"{self.first:%Y-%m-%d}", "last": f"{self.last:%Y-%m-%d}"}
        said = [{"en": one.en, "zh": one.zh} for one in self.said]
        more = {"looks": self.looks, "said": said}
        settings = {"settings": self.settings.model_dump(mode="json")}
        return head | span | more | settings | {k: _records(t) for k, t in self.tables().items()}


def panic_study(
    panic: PanicIndex,
    bars: Bars,
    implied: Mapping[str, pd.Series] | None = None,
    settings: StudySettings = StudySettings(),  # noqa: B008  frozen
    scope: str = MARKET,
    audience: str = ALL,
    members: Sequence[str] = (),
) -> PanicStudy:
    """Hold one scope and audience of the index against its prices, and against implied fear.

    `audience` may be the index's divergence, too.  `implied` is by name the level known at the close of
    each session, NaN where nothing new came.  The prices are those of the scope: the symbol's own; of
    the market the equal weight of all symbols; of another scope that of its `members`.  Raises
    `DataError` for a scope without prices and below 60 sessions with panic and a return.
    """
    divergence = audience == DIVERGENCE
    chosen = panic.divergence(scope) if divergence else panic.one(scope, audience)["panic"]
    levels = price_levels(bars, _symbols(scope, bars, members))
    grid = sessions(bars.calendar, levels.index[0], levels.index[-1])
    levels = levels.reindex(grid)
    known = chosen.reindex(grid)
    first, last = known.first_valid_index(), known.last_valid_index()
    enough = int((known.notna() & levels["return"].notna()).sum())
    if enough < _FEWEST:
        raise DataError(
            f"a study needs {_FEWEST} sessions with both panic and a return, {scope} ({audience}) has "
            f"{enough}: choose another scope, or begin [texts] earlier than [bars]"
        )
    span = slice(grid.get_loc(first), grid.get_loc(last) + 1)
    fears = {name: one.reindex(grid) for name, one in (implied or {}).items()}
    return _Study(settings, known, levels, span, fears).done(scope, audience)


def _symbols(scope: str, bars: Bars, members: Sequence[str]) -> Sequence[str]:
    if scope == MARKET:
        return bars.symbols
    chosen = [s for s in members or (scope,) if s in bars.symbols]
    if not chosen:
        raise DataError(f"there are no prices of {scope!r}: name its symbols in [bars]")
    return chosen


class _Study:
    """One study while it is made: everything on the exchange's sessions, targets cut to the span."""

    def __init__(
        self,
        settings: StudySettings,
        known: pd.Series,
        levels: pd.DataFrame,
        span: slice,
        fears: Mapping[str, pd.Series],
    ) -> None:
        self.settings, self.levels, self.span, self.fears = settings, levels, span, fears
        self.known = known
        self.panic = known.to_numpy(dtype=float)[span]
        change = known.diff().to_numpy(dtype=float)[span]
        self.forms = {"level": self.panic, "change": change}
        self.by = shuffled_dates(len(self.panic), settings.shuffles, settings.seed)

    def done(self, scope: str, audience: str) -> PanicStudy:
        looks = self._lead_lags()
        ahead = {h: self._cut(self._ahead(h)) for h in self.settings.horizons}
        regressions = predictive_regressions(
            self.panic, self._cut(self._past()), ahead, self.settings.controls
        )
        chance = regression_chance(self.panic, ahead, self.by)
        zones = self._events(*self.settings.bounds(audience))
        sorts = quantile_sorts(self.panic, ahead, self.settings.quantiles, self.by)
        tests = tests_of(families(looks, regressions, chance, list(zones.values()), sorts))
        lead_lags = pd.concat([one.table for one in looks], ignore_index=True)[list(LEAD_LAG)]
        events = pd.concat([z.table for z in zones.values()], ignore_index=True)[list(EVENTS)]
        index = self.known.index[self.span]
        n = int(np.isfinite(self.panic).sum())
        return PanicStudy(
            scope=scope,
            audience=audience,
            settings=self.settings,
            first=index[0],
            last=index[-1],
            sessions=n,
            lead_lag=lead_lags,
            regressions=regressions,
            events=events,
            event_dates=self._dates({name: z.at for name, z in zones.items()}),
            quantiles=sorts.table,
            tests=tests,
            said=findings(tests, lead_lags, regressions, events, n=n, shuffles=len(self.by)),
        )

    def _lead_lags(self) -> list[Looks]:
        lags = range(-self.settings.lags, self.settings.lags + 1)
        targets = [("return", form, self.levels["return"], False) for form in self.forms]
        for name, fear in self.fears.items():
            targets += [(name, "level", fear, True), (name, "change", fear.diff(), False)]
        found = []
        for target, form, values, persistent in targets:
            at = {k: self._cut(values.shift(-k).to_numpy(dtype=float)) for k in lags}
            found.append(lead_lag(form, self.forms[form], target, at, self.by, persistent=persistent))
        return found

    def _events(self, low: float, high: float) -> dict[str, Zone]:
        asked = self.settings
        opened = self.levels["open"].to_numpy(dtype=float)
        closed = self.levels["close"].to_numpy(dtype=float)
        around = paths(opened, closed, asked.before, asked.after)[self.span]
        inside = {"panic": self.panic >= high, "calm": self.panic <= low}
        zones = {}
        for zone, extreme in inside.items():
            state = np.where(np.isfinite(self.panic), extreme.astype(float), np.nan)
            at = entries(state, asked.cooldown)
            zones[zone] = event_study(zone, at, around, asked.before, self.by)
        return zones

    def _dates(self, events: Mapping[str, IntArray]) -> pd.DataFrame:
        index = self.known.index[self.span]
        parts = [
            pd.DataFrame({"zone": zone, "session": index[at], "panic": self.panic[at]})
            for zone, at in events.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def _ahead(self, horizon: int) -> FloatArray:
        """The label: from the open of t+1 to the open of t+1+h."""
        opened = self.levels["open"]
        found: FloatArray = (opened.shift(-1 - horizon) - opened.shift(-1)).to_numpy(dtype=float)
        return found

    def _past(self) -> FloatArray:
        closed = self.levels["close"]
        found: FloatArray = (closed - closed.shift(self.settings.past)).to_numpy(dtype=float)
        return found

    def _cut(self, values: FloatArray) -> FloatArray:
        return values[self.span]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    plain = table.copy()
    for name in plain.columns:
        if pd.api.types.is_datetime64_any_dtype(plain[name]):
            plain[name] = plain[name].dt.strftime("%Y-%m-%d")
    plain = plain.astype(object).where(plain.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in plain.to_dict("records")]
