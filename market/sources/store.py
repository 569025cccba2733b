"""Bars that `qushi data fetch` or `import` has stored: offline, and the same tomorrow."""

from ...core import Bars
from ...core.places import expand
from ..store import BarStore
from ._base import BarSource


class StoredBars(BarSource):
    """Bars from the store.

    name
        The name they were stored under: the source's kind unless told otherwise.
    root
        The store's folder of bars.
    """

    name: str
    root: str = "store/bars"

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Stored bars of one symbol; `DataError` with near names where there are none."""
        return BarStore(expand(self.root)).read(self.name, symbol).between(start, end)

    def symbols(self) -> tuple[str, ...]:
        """Symbols stored under the name."""
        return BarStore(expand(self.root)).symbols(self.name)
