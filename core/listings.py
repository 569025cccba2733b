"""Since when a symbol is on its exchange, and until when."""

from dataclasses import dataclass

import pandas as pd

from .errors import DataError


@dataclass(frozen=True)
class Listing:
    """When a symbol was listed and delisted, as far as a source knows.

    listed
        First session on the exchange; None where unknown.
    delisted
        The day from which it is off the exchange; None while it is listed, or where unknown.
    name
        The company's or fund's name, "" where unknown.

    Raises `DataError` where a day has a zone or a clock, or the end does not come after the beginning.

    >>> Listing(pd.Timestamp("2019-07-22")).delisted is None
    True
    """

    listed: pd.Timestamp | None = None
    delisted: pd.Timestamp | None = None
    name: str = ""

    def __post_init__(self) -> None:
        for day in (self.listed, self.delisted):
            if day is not None and (pd.isna(day) or day.tz is not None or day != day.normalize()):
                raise DataError(
                    f"a listing has days without zone or clock, received {day}: use .normalize(), or "
                    "None where the day is not known"
                )
        if self.listed is not None and self.delisted is not None and self.delisted <= self.listed:
            raise DataError(f"listed on {self.listed:%Y-%m-%d} and gone on {self.delisted:%Y-%m-%d}")
