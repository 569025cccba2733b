"""Exchange sessions.

Which days an exchange is open is a fact that workday packages get wrong (make-up weekends, sudden
closures), so it comes from `exchange_calendars`: XSHG for the mainland, XNYS for the US, XTAI for
Taiwan.  Sessions are zone-naive midnights; a text's clock is compared in the exchange's own zone.
"""

from functools import lru_cache

import pandas as pd

from .errors import ConfigError, DataError, near_names

ZONES = {"XSHG": "Asia/Shanghai", "XNYS": "America/New_York", "XTAI": "Asia/Taipei"}
CLOSES = {"XSHG": "15:00", "XNYS": "16:00", "XTAI": "13:30"}
PER_YEAR = {"XSHG": 243, "XNYS": 252, "XTAI": 245}
"""Sessions a year, the mean of 2006-2025, used wherever a figure is annualised."""

_FIRST = {"XSHG": "1990-12-03", "XNYS": "1962-01-02", "XTAI": "1990-12-03"}
"""From when sessions are known: the mainland has no earlier ones, US vendors no earlier bars."""

_SUFFIXES = {"SH": "XSHG", "SZ": "XSHG", "BJ": "XSHG", "TW": "XTAI", "TWO": "XTAI"}


def calendar_of(symbol: str) -> str:
    """The calendar of a symbol by its suffix: `.SH .SZ .BJ`, `.TW .TWO`, anything else the US.

    `DataError` for a bare code, which names no exchange.

    >>> calendar_of("000300.SH"), calendar_of("0050.TW"), calendar_of("BRK.B")
    ('XSHG', 'XTAI', 'XNYS')
    """
    if symbol.isdigit():
        raise DataError(f"the symbol {symbol!r} names no exchange: write it like 600519.SH or 0050.TW")
    return _SUFFIXES.get(symbol.rpartition(".")[2].upper() if "." in symbol else "", "XNYS")


@lru_cache(maxsize=8)
def _all_sessions(calendar: str) -> pd.DatetimeIndex:
    import exchange_calendars

    if calendar not in ZONES:
        raise ConfigError(f"unknown calendar {calendar!r}: {near_names(calendar, ZONES)}")
    found: pd.DatetimeIndex = exchange_calendars.get_calendar(calendar, start=_FIRST[calendar]).sessions
    return found.as_unit("ns").rename("session")


def sessions(
    calendar: str, start: str | pd.Timestamp | None = None, end: str | pd.Timestamp | None = None
) -> pd.DatetimeIndex:
    """Sessions of an exchange from `start` to `end`, both included, zone-naive midnights.

    >>> [str(s.date()) for s in sessions("XSHG", "2024-02-07", "2024-02-20")]
    ['2024-02-07', '2024-02-08', '2024-02-19', '2024-02-20']
    """
    found = _all_sessions(calendar)
    low = found[0] if start is None else pd.Timestamp(start)
    high = found[-1] if end is None else pd.Timestamp(end)
    return found[(found >= low) & (found <= high)]


def session_of(moments: pd.DatetimeIndex, calendar: str, cutoff: str = "") -> pd.DatetimeIndex:
    """The first session whose cut-off is at or after each moment.

    `moments` are zone-aware.  `cutoff` is a local clock time ("15:00" or "15:00:00", default the
    close), inclusive.  What comes after the close, on a weekend, on a holiday or on a make-up
    workday belongs to the next session.  A moment after the last known session gives NaT.

    >>> at = pd.DatetimeIndex(["2024-02-08 15:00", "2024-02-08 15:00:01"], tz="Asia/Shanghai")
    >>> [str(s.date()) for s in session_of(at, "XSHG")]
    ['2024-02-08', '2024-02-19']
    """
    if moments.tz is None:
        raise DataError("moments without a zone cannot be placed in a session: localise them first")
    known = _all_sessions(calendar)
    clock = cutoff or CLOSES[calendar]
    offset = pd.Timedelta(clock if clock.count(":") == 2 else f"{clock}:00")
    local = moments.tz_convert(ZONES[calendar]).tz_localize(None).as_unit("ns")
    position = (known + offset).searchsorted(local, side="left")
    padded = known.append(pd.DatetimeIndex([pd.NaT]))
    return pd.DatetimeIndex(padded[position], name="session")
