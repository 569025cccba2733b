"""What a source of texts is: settings, and one method that returns dated texts.

A window is asked for in moments at which a text may be *used* (`Texts.available_at`), never in
moments of writing: a post of Monday that was edited on Friday belongs to a window of Friday.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import pandas as pd
from pydantic import PrivateAttr

from ...core import DataError, Settings, Texts

SHANGHAI = "Asia/Shanghai"


@dataclass(frozen=True)
class ReadCounts:
    """What the last `fetch` met: rows, rows without a usable time or without words, duplicates."""

    rows: int = 0
    dropped: int = 0
    duplicates: int = 0

    @property
    def left_out(self) -> str:
        """One sentence on the dropped rows; empty where there are none."""
        if not self.dropped:
            return ""
        return f"{self.dropped} of {self.rows} texts have no usable time or no words: left out"


class TextSource(Settings, ABC):
    """Somewhere texts come from; one file a kind in `sentiment/sources/`."""

    _counts: ReadCounts = PrivateAttr(default=ReadCounts())

    @abstractmethod
    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """Texts that become available from `start` to `end`, both included.

        `start` and `end` are dates or moments; without a zone they are Asia/Shanghai, and a bare
        `end` includes its whole day.  `symbol` keeps the texts that name it; None keeps all.
        """

    @property
    def counts(self) -> ReadCounts:
        """Rows, dropped rows and duplicates of the last `fetch`."""
        return self._counts


def moment(value: str | pd.Timestamp, *, end: bool = False, zone: str = SHANGHAI) -> pd.Timestamp:
    """A date or moment as a UTC moment; a bare date stands for its start, or with `end` its end.

    >>> print(moment("2024-02-08 15:00"), moment("2024-02-08", end=True))
    2024-02-08 07:00:00+00:00 2024-02-08 15:59:59.999999+00:00
    """
    try:
        at = pd.Timestamp(value)
    except ValueError:
        raise DataError(f"{value!r} is no date: write it like 2016-09-30 or 2016-09-30 15:00") from None
    bare = at == at.normalize() and ":" not in str(value) if isinstance(value, str) else False
    if at.tzinfo is None:
        at = at.tz_localize(zone)
    if bare and end:
        at = at + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    return at.tz_convert("UTC")


def within(texts: Texts, start: str | None, end: str | None, symbol: str | None) -> Texts:
    """The texts of a window and a symbol; the order is kept."""
    keep = pd.Series(True, index=texts.frame.index)
    if start is not None:
        keep &= texts.available_at >= moment(start)
    if end is not None:
        keep &= texts.available_at <= moment(end, end=True)
    if symbol is not None:
        keep &= texts.frame["symbol"] == symbol
    return Texts(texts.frame[keep].reset_index(drop=True), texts.synthetic)
