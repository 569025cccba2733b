"""The times of RSS and Atom entries.

feedparser's own reading is not used: it takes times without a zone for UTC, and reads 2024/01/03 10:00
as 1 November 2024.  Names of zones are those of RFC 822, so that CST is Chicago's: a feed that means
China's counts fourteen hours too late rather than too early.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime

import pandas as pd

from ._times import read_times

_CHINESE = str.maketrans({"年": "-", "月": "-", "日": " "})


def entry_time(text: str, zone: str) -> pd.Timestamp:
    """A stated time as a UTC moment, NaT where it is none.

    Without a zone it is local to `zone`; a date without a clock is the end of that date.

    >>> print(entry_time("Wed, 03 Jan 2024 10:00:00 GMT", "Asia/Shanghai"))
    2024-01-03 10:00:00+00:00
    >>> print(entry_time("2024年1月3日 10:00", "Asia/Shanghai"))
    2024-01-03 02:00:00+00:00
    """
    text = " ".join(text.split())
    try:
        stated: datetime | None = parsedate_to_datetime(text)
    except ValueError:
        stated = None
    if stated is None:
        text = " ".join(text.translate(_CHINESE).split())
    elif stated.tzinfo is not None:
        return pd.Timestamp(stated).tz_convert("UTC")
    elif text.endswith("-0000"):
        return pd.Timestamp(stated, tz="UTC")  # RFC 5322: the time is UTC, the place is not said
    else:
        text = stated.isoformat(" ")
    return read_times(pd.Series([text], dtype=object), "", zone).iloc[0]
