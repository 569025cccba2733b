"""The embedded sample: real bars that need no network.

CSI 300 from 2006 to 2025 and four American shares from 2000 to 2013, taken from packages whose
licences allow it; `sample/PROVENANCE.md` says from where, under which licence and what was done.
"""

from pathlib import Path
from typing import ClassVar

from ...core import Bars, DataError
from ...core.errors import near_names
from ..bar_file import read_bars
from ._base import BarSource

FOLDER = Path(__file__).parent.parent / "sample"


class Sample(BarSource):
    """The bars shipped with qushi.

    >>> Sample().symbols()
    ('000300.SH', 'AAPL', 'GOOG', 'IBM', 'MSFT')
    >>> len(Sample().fetch("000300.SH", "2024-01-01", "2024-12-31"))
    242
    """

    live: ClassVar[bool] = False

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Bars of one sample symbol; `DataError` for any other."""
        if symbol not in self.symbols():
            raise DataError(f"no sample of {symbol!r}: {near_names(symbol, self.symbols())}")
        return read_bars(FOLDER / f"{symbol}.parquet").between(start, end)

    def symbols(self) -> tuple[str, ...]:
        """Every sample symbol."""
        return tuple(sorted(path.stem for path in FOLDER.glob("*.parquet")))
