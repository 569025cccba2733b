"""The clock of the sources: when a feed was read, which day is over."""

import pandas as pd


def now() -> pd.Timestamp:
    """The present moment, UTC; one place, so that tests can set the clock."""
    return pd.Timestamp.now("UTC")
