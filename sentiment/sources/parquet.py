"""Texts from a Parquet file."""

from pathlib import Path

import pandas as pd

from ._readers import read_parquet
from ._table import TableSource


class ParquetTexts(TableSource):
    """A Parquet file of texts, one a row; see `MappedTexts` for the shared settings.

    A column of dates counts from the end of each; moments with a zone keep it, moments without one are
    read in `zone`.
    """

    def _rows(self, path: Path) -> pd.DataFrame:
        return read_parquet(path)
