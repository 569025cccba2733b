"""How far the texts of an archive go, and which sessions have none.

A session is covered where a text became available between the close of the session before and its own:
the texts that the panic index of that session is made of.  A hole is a session without any.  A later
version covers nothing: where only edits came, the source was not collected.  Sessions come from the
exchange's calendar, so a weekend or Spring Festival is none.
"""

import pandas as pd
import sqlalchemy as sa

from ...core import ConfigError
from ...core.calendar import CLOSES, ZONES, session_of, sessions
from ...core.errors import near_names
from ..sources._base import moment
from ._tables import GONE, MET, TEXTS, fetched, moments, nanoseconds

_BUCKET = 30 * 60 * 10**9
"""Half an hour: every close and every zone falls on one, so all of a bucket is of one session."""


def summary(engine: sa.Engine) -> pd.DataFrame:
    """One row a source, audience and symbol: `texts`, `versions`, `first`, `last` (available, UTC)."""
    keys = (TEXTS.c.source, TEXTS.c.audience, TEXTS.c.symbol)
    query = sa.select(*keys, *_counts(), *_ends()).group_by(*keys).order_by(*keys)
    return _table(engine, query)


def coverage(
    engine: sa.Engine,
    calendar: str = "XSHG",
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """One row a source and audience, of what became available from `start` to `end`.

    `texts`, `versions` (later ones included), `gone` (taken back by the source), `first` and `last` (of
    the first versions, available, UTC, NaT without texts), `sessions` (from the first to the last text,
    or to the bounds where they are given), `covered`, `holes` (sessions without a text), `missing` (the
    holes as runs of sessions, "2020-02-04" or "2020-02-04..2020-02-06") and `last_fetch` (when the
    archive last heard of the source, UTC).  `ConfigError` for an unknown calendar.
    """
    if calendar not in ZONES:
        raise ConfigError(f"unknown calendar {calendar!r}: {near_names(calendar, ZONES)}")
    at = TEXTS.c.available_at
    window = []
    if start is not None:
        window.append(at >= nanoseconds(moment(start, zone=ZONES[calendar])))
    if end is not None:
        window.append(at <= nanoseconds(moment(end, end=True, zone=ZONES[calendar])))
    keys = (TEXTS.c.source, TEXTS.c.audience)
    gone = sa.func.count(GONE.c.text_id).label("gone")
    own = sa.and_(GONE.c.text_id == TEXTS.c.text_id, TEXTS.c.version == 1)
    joined = sa.select(*keys, *_counts(), gone, *_ends()).select_from(TEXTS.outerjoin(GONE, own))
    found = _table(engine, joined.where(*window).group_by(*keys))
    bucket = ((at + (_BUCKET - 1)) // _BUCKET).label("bucket")
    buckets = _table(engine, sa.select(*keys, bucket).where(TEXTS.c.version == 1).distinct())
    table = _heard(engine).merge(found, how="left", on=["source", "audience"])
    for name in ("texts", "versions", "gone"):
        table[name] = pd.to_numeric(table[name]).fillna(0).astype(int)
    table = table.sort_values(["source", "audience"], ignore_index=True)
    of = buckets.groupby(["source", "audience"])["bucket"].agg(list).to_dict()
    days = [of.get(key, []) for key in zip(table["source"], table["audience"], strict=True)]
    holes = [_holes(calendar, found, start, end) for found in days]
    for name in ("sessions", "covered", "holes", "missing"):
        table[name] = [hole[name] for hole in holes]
    order = ["source", "audience", "texts", "versions", "gone", "first", "last"]
    return table[[*order, "sessions", "covered", "holes", "missing", "last_fetch"]]


def _holes(
    calendar: str,
    buckets: list[int],
    start: str | pd.Timestamp | None,
    end: str | pd.Timestamp | None,
) -> dict[str, object]:
    at = pd.DatetimeIndex(pd.to_datetime([b * _BUCKET for b in sorted(buckets)], utc=True))
    covered = session_of(at, calendar).dropna().unique()
    first, last = _bound(calendar, start, False), _bound(calendar, end, True)
    if len(covered):
        first = covered[0] if first is None else first
        last = covered[-1] if last is None else last
    if first is None or last is None or first > last:
        return {"sessions": 0, "covered": 0, "holes": 0, "missing": ()}
    known = sessions(calendar, first, last)
    lacking = known.difference(covered)
    return {
        "sessions": len(known),
        "covered": len(known) - len(lacking),
        "holes": len(lacking),
        "missing": _runs(known, lacking),
    }


def _bound(calendar: str, given: str | pd.Timestamp | None, is_end: bool) -> pd.Timestamp | None:
    """The day of the first session asked for, or of the last: the one whose close is past by then."""
    if given is None:
        return None
    local = moment(given, end=is_end, zone=ZONES[calendar]).tz_convert(ZONES[calendar])
    day = local.tz_localize(None).normalize()
    if is_end and local.strftime("%H:%M:%S") < CLOSES[calendar] + ":00":
        day -= pd.Timedelta(days=1)
    return day


def _runs(known: pd.DatetimeIndex, lacking: pd.DatetimeIndex) -> tuple[str, ...]:
    """Sessions in a row as one range."""
    place = pd.Series(known.get_indexer(lacking), index=lacking)
    run = (place.diff() != 1).cumsum()
    ranges = []
    for _, days in place.groupby(run):
        first, last = (f"{day:%Y-%m-%d}" for day in (days.index[0], days.index[-1]))
        ranges.append(first if first == last else f"{first}..{last}")
    return tuple(ranges)


def _counts() -> tuple[sa.Label[int], sa.Label[int]]:
    return (
        sa.func.count(sa.case((TEXTS.c.version == 1, 1))).label("texts"),
        sa.func.count().label("versions"),
    )


def _ends() -> tuple[sa.Label[int], sa.Label[int]]:
    at = sa.case((TEXTS.c.version == 1, TEXTS.c.available_at))
    return sa.func.min(at).label("first"), sa.func.max(at).label("last")


def _heard(engine: sa.Engine) -> pd.DataFrame:
    """Every source and audience, and when the archive last heard of it."""
    keys = (TEXTS.c.source, TEXTS.c.audience)
    added = sa.select(*keys, sa.func.max(TEXTS.c.recorded_at).label("last_fetch")).group_by(*keys)
    met = sa.select(MET.c.source, MET.c.audience, MET.c.last_at.label("last_fetch"))
    found = pd.concat([_table(engine, added), _table(engine, met)], ignore_index=True)
    return found.groupby(["source", "audience"], as_index=False)["last_fetch"].max()


def _table(engine: sa.Engine, query: sa.Select[tuple[object, ...]]) -> pd.DataFrame:
    with engine.connect() as connection:
        frame = fetched(connection.execute(query))
    for name in {"first", "last", "last_fetch"} & set(frame.columns):
        frame[name] = moments(frame[name])
    return frame.infer_objects()
