"""Reading the times of texts, as careful as the panic index needs them.

A moment that a clock change makes ambiguous takes the later reading: a text may be used too late,
never too early.
"""

import re

import pandas as pd

from ...core import ConfigError

_ZONED = re.compile(r"\d[:\d.]*\s*(?:Z|[+-]\d{2}:?\d{2})$")
_BARE = re.compile(r"^\d{4}-?\d{1,2}-?\d{1,2}$")
_CLOCK = re.compile(r"%[HIcXTRs]")
_UNIX = {"unix": "s", "unix_ms": "ms"}
DAY_END = pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)


def read_times(values: pd.Series, date_format: str, zone: str) -> pd.Series:
    """Strings as UTC moments; NaT where a string is no time.

    Without a zone a time is local to `zone`; a date without a clock is the end of that date.
    """
    text = values.astype(str).str.strip()
    if date_format in _UNIX:
        numbers = pd.to_numeric(text, errors="coerce")
        return pd.to_datetime(numbers, unit=_UNIX[date_format], utc=True).astype("datetime64[ns, UTC]")
    if date_format:
        return _local(_parse(text, date_format), zone, bare=not _CLOCK.search(date_format))
    text = text.str.replace("/", "-", regex=False)
    zoned = text.str.contains(_ZONED) & text.str.contains(":")
    bare = text.str.match(_BARE)
    found = pd.Series(pd.NaT, index=values.index, dtype="datetime64[ns, UTC]")
    found[zoned] = _parse(text[zoned], "ISO8601", utc=True)
    plain = ~zoned & ~bare
    found[plain] = _local(_parse(text[plain], "ISO8601"), zone, bare=False)
    found[bare] = _local(_parse(text[bare], "ISO8601"), zone, bare=True)
    return found


def _parse(text: pd.Series, form: str, *, utc: bool = False) -> pd.Series:
    kind = "datetime64[ns, UTC]" if utc else "datetime64[ns]"
    return pd.to_datetime(text, format=form, errors="coerce", utc=utc).astype(kind)


def _local(times: pd.Series, zone: str, *, bare: bool) -> pd.Series:
    moments = times + DAY_END if bare else times
    if moments.dt.tz is None:
        try:
            later = [False] * len(moments)
            moments = moments.dt.tz_localize(zone, ambiguous=later, nonexistent="shift_forward")
        except (KeyError, ValueError) as error:
            raise ConfigError(f"unknown zone {zone!r}: write it like Asia/Shanghai") from error
    return moments.dt.tz_convert("UTC").astype("datetime64[ns, UTC]")
