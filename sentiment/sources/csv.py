"""Texts from a CSV file, plain or compressed (`.csv.gz`)."""

from pathlib import Path

import pandas as pd

from ._readers import read_csv
from ._table import TableSource


class CsvTexts(TableSource):
    """A CSV file of texts, one a row; see `MappedTexts` for the shared settings.

    Compression follows the file's name.  Row numbers in messages count data rows from 1.
    """

    separator: str = ","
    encoding: str = "utf-8"

    def _rows(self, path: Path) -> pd.DataFrame:
        return read_csv(path, self.separator, self.encoding)
