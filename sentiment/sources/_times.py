"""Reading the times of texts, as careful as the panic index needs them.

A time that is known to the day counts from the end of that day, and one that is known to the minute
from the end of that minute: a text may be used too late, never too early.  For the same reason a
moment that a clock change makes ambiguous takes the later reading.

Many files write 2016-05-03 00:00:00 for a bare date.  No source publishes at midnight only, so a column
whose times are all at midnight is read as dates, unless the precision is set.
"""

import re
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ...core import ConfigError
from ._base import Precision

AsStated = Literal["auto", "second", "minute", "day"]
"""How exact times are: as declared, or "auto", found from a column."""

_ZONE = re.compile(r"\s*(?:Z|[+-]\d{2}:?\d{2})$")
_ZONED = re.compile(r"\d[:\d.]*\s*(?:Z|[+-]\d{2}:?\d{2})$")
_BARE = re.compile(r"^\d{4}-?\d{1,2}-?\d{1,2}$")
_CLOCK = re.compile(r"%[HIcXTRs]")
_UNIX = {"unix": "s", "unix_ms": "ms"}
_MINUTE = pd.Timedelta(minutes=1)
_TICK = pd.Timedelta(microseconds=1)
DAY_END = pd.Timedelta(days=1) - _TICK


@dataclass(frozen=True)
class Times:
    """Times that were read: `moments` (UTC, NaT where a string is no time), and how exact they are.

    `found` is the precision that holds for all of them; `guessed` whether only the rule of midnights
    says so.
    """

    moments: pd.Series
    found: Precision
    guessed: bool = False


def read_times(values: pd.Series, date_format: str, zone: str) -> pd.Series:
    """Strings as UTC moments, midnights as midnights; NaT where a string is no time.

    Without a zone a time is local to `zone`; a date without a clock is the end of that date.  Raises
    `ConfigError` for an unknown zone.
    """
    return stated_times(values, date_format, zone, "second").moments


def stated_times(values: pd.Series, date_format: str, zone: str, precision: AsStated) -> Times:
    """As `read_times`, each time counted from the end of the span that its precision leaves open."""
    text = values.astype(str).str.strip()
    wall, moments, bare, zoned = _read(text, date_format, zone)
    clocked = moments.notna() & ~bare
    midnight = clocked.any() and bool((wall[clocked] == wall[clocked].dt.normalize()).all())
    dates = precision == "day" or (precision == "auto" and midnight)
    if dates:
        ends = wall.dt.normalize() + DAY_END  # on the clock that stated the day
        ends = _local(ends, zone).where(~zoned, moments + (ends - wall))
        moments = moments.where(~clocked, ends)
    elif precision == "minute":
        ends = moments + (wall.dt.floor("min") + _MINUTE - _TICK - wall)
        moments = moments.where(~clocked, ends)
    moments = moments.astype("datetime64[ns, UTC]")
    if dates or (moments.notna().any() and not clocked.any()):
        return Times(moments, "day", guessed=dates and precision == "auto")
    return Times(moments, "minute" if precision == "minute" else "second")


def _read(
    text: pd.Series, date_format: str, zone: str
) -> tuple[pd.Series, pd.Series, pd.Series, pd.Series]:
    """The clock as stated (naive), the moment (UTC), where a date had no clock, where it had a zone."""
    never = pd.Series(False, index=text.index)
    if date_format in _UNIX:
        moments = _from_number(text, _UNIX[date_format])
        return _wall(moments, zone), moments, never, never
    if date_format:
        bare = pd.Series(not _CLOCK.search(date_format), index=text.index)
        if "%z" in date_format:
            moments = _parse(text, date_format, utc=True)
            return _wall(moments, zone), moments, bare, never
        wall = _parse(text, date_format)
        return wall, _local(wall.where(~bare, wall + DAY_END), zone), bare, never
    text = text.str.replace("/", "-", regex=False)
    zoned = text.str.contains(_ZONED) & text.str.contains(":")
    bare = text.str.match(_BARE)
    wall = _parse(text.where(~zoned, text.str.replace(_ZONE, "", regex=True)), "ISO8601")
    moments = _local(wall.where(~bare, wall + DAY_END), zone)
    moments[zoned] = _parse(text[zoned], "ISO8601", utc=True)
    return wall, moments, bare, zoned


def _parse(text: pd.Series, form: str, *, utc: bool = False) -> pd.Series:
    kind = "datetime64[ns, UTC]" if utc else "datetime64[ns]"
    return pd.to_datetime(text, format=form, errors="coerce", utc=utc).astype(kind)


def _from_number(text: pd.Series, unit: str) -> pd.Series:
    numbers = pd.to_numeric(text, errors="coerce")
    return pd.to_datetime(numbers, unit=unit, utc=True).astype("datetime64[ns, UTC]")


def _wall(moments: pd.Series, zone: str) -> pd.Series:
    try:
        return moments.dt.tz_convert(zone).dt.tz_localize(None)
    except (KeyError, ValueError) as error:
        raise _unknown(zone) from error


def _local(wall: pd.Series, zone: str) -> pd.Series:
    try:
        later = [False] * len(wall)
        moments = wall.dt.tz_localize(zone, ambiguous=later, nonexistent="shift_forward")
    except (KeyError, ValueError) as error:
        raise _unknown(zone) from error
    return moments.dt.tz_convert("UTC").astype("datetime64[ns, UTC]")


def _unknown(zone: str) -> ConfigError:
    return ConfigError(f"unknown zone {zone!r}: write it like Asia/Shanghai")
