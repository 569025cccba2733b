"""What a source of bars is.

One file of this folder, one public class, no registration: the file's name is the `kind` of a config.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import PrivateAttr

from ...core import Bars, ConfigError, Settings


class BarSource(Settings, ABC):
    """Where daily bars come from; its settings are the keys of a config table.

    >>> class Flat(BarSource):
    ...     price: float = 10.0
    ...     def fetch(self, symbol, start=None, end=None):
    ...         import pandas as pd
    ...         at = pd.to_datetime(["2024-01-02", "2024-01-03"])
    ...         table = pd.DataFrame({"session": at, "symbol": symbol, "volume": 100.0})
    ...         for name in ("open", "high", "low", "close"):
    ...             table[name] = self.price
    ...         return Bars.from_frame(table).between(start, end)
    >>> len(Flat(price=5).fetch("AAPL"))
    2
    """

    live: ClassVar[bool] = True
    """Whether new sessions appear by themselves; a file ends where it ends."""

    _notes: list[str] = PrivateAttr(default_factory=list)

    @abstractmethod
    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Bars of one symbol from `start` to `end`, both included; only sessions that are over.

        `DataError` where what was read is not bars, `SourceError` where a remote did not answer or
        has none.  Rows are never dropped silently: see `take_notes`.
        """

    def symbols(self) -> tuple[str, ...]:
        """Symbols that this source can list, sorted; empty where it cannot."""
        return ()

    def constituents(self, index: str, on: str | None = None) -> tuple[str, ...]:
        """The symbols of an index that were in it at the close of `on`, sorted; without `on`, today's.

        Today's list used on the past is survivorship: it holds only who stayed.  `ConfigError` where
        the source has no constituents, `SourceError` where it has none of that index or day.
        """
        kind = type(self).__module__.rpartition(".")[2]
        raise ConfigError(
            f"the source {kind!r} has no constituents of an index: ask another source, or write the "
            "symbols in a file"
        )

    def note(self, message: str) -> None:
        """Keep one sentence that a person should see about what was just fetched."""
        self._notes.append(message)

    def take_notes(self) -> tuple[str, ...]:
        """The sentences kept since the last call; whoever fetches shows them."""
        taken = tuple(self._notes)
        self._notes.clear()
        return taken
