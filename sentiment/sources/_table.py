"""One file of texts."""

from abc import abstractmethod
from pathlib import Path

import pandas as pd

from ...core import DataError, Texts
from ._assembly import assembled
from ._base import within
from ._fields import resolve_path
from ._mapping import MappedTexts


class TableSource(MappedTexts):
    """One file of texts, one a row; see `MappedTexts` for the settings that all files share."""

    path: str

    @abstractmethod
    def _rows(self, path: Path) -> pd.DataFrame:
        """The file as strings, missing values as empty strings; the index counts rows from 1."""

    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """The texts of the file; `DataError` names the row or column that is missing."""
        path = resolve_path(self.path)
        rows = self._rows(path)
        if rows.empty:
            self._mapped(rows, path.name)
            raise DataError(f"{path.name} has no rows")
        table = self._table(rows, path.name, path.name.partition(".")[0])
        found = assembled(table, len(rows), self.calendar, synthetic=self.synthetic)
        self._counts, self._gone = found.counts, dict(found.gone)
        return within(found.texts, start, end, symbol)
