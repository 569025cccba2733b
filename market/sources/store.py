"""Bars that `qushi data fetch` or `import` has stored: offline, and the same tomorrow."""

from typing import ClassVar

from ...core import Bars
from ...core.places import expand, store_folder
from ..store import BarStore
from ._base import BarSource


class StoredBars(BarSource):
    """Bars from the store.

    name
        The name they were stored under: the source's kind unless told otherwise.
    root
        The store's folder of bars; left out, where `qushi data` keeps them.
    """

    live: ClassVar[bool] = False

    name: str
    root: str = ""

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Stored bars of one symbol; `DataError` with near names where there are none."""
        return self._store.read(self.name, symbol).between(start, end)

    def symbols(self) -> tuple[str, ...]:
        """Symbols stored under the name."""
        return self._store.symbols(self.name)

    @property
    def _store(self) -> BarStore:
        return BarStore(expand(self.root) if self.root else store_folder() / "bars")
