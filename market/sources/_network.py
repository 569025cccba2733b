"""A source of bars behind a connection: its manners, and the session that is still running."""

from abc import ABC

import pandas as pd

from ...core import SourceError
from ...core.manners import Manners
from .. import clock
from ._base import BarSource


class NetworkSource(Manners, BarSource, ABC):
    """A source of bars behind a connection; see `Manners` for the settings that all of them share."""

    def _finished(self, table: pd.DataFrame, calendar: str, what: str) -> pd.DataFrame:
        """Without the session that is still running; `SourceError` where nothing is left."""
        over = table[table["session"] <= clock.last_finished(calendar)]
        if over.empty:
            raise SourceError(f"{what}: no session in that window is over yet")
        return over


def compact(date: str | None, otherwise: str) -> str:
    """A date as YYYYMMDD.

    >>> compact("2024-01-02", "19900101"), compact(None, "19900101")
    ('20240102', '19900101')
    """
    return otherwise if date is None else f"{pd.Timestamp(date):%Y%m%d}"
