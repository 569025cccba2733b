"""Which sessions are over: a bar of a session still running is not a bar yet.

Vendors answer during the session with today's prices so far.  Stored, such a row would look final and
stay wrong for ever.  A session counts as over half an hour after the close, when closing auctions and
delayed feeds have settled.
"""

import pandas as pd

from ..core.calendar import CLOSES, ZONES, sessions

SETTLING = pd.Timedelta(minutes=30)


def now() -> pd.Timestamp:
    """The present moment, UTC; one place, so that tests can set the clock."""
    return pd.Timestamp.now("UTC")


def last_finished(calendar: str) -> pd.Timestamp:
    """The last session of the exchange that is over, a zone-naive midnight."""
    local = now().tz_convert(ZONES[calendar]).tz_localize(None)
    closed_by = local - SETTLING - pd.Timedelta(f"{CLOSES[calendar]}:00")
    past = sessions(calendar, end=closed_by.normalize())
    return pd.Timestamp(past[-1])
