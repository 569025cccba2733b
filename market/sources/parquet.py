"""Bars from Parquet files of any column names."""

from pathlib import Path

import pandas as pd

from ._fields import read_parquet
from ._table import TableSource


class Parquet(TableSource):
    """Parquet files in a folder; see `TableSource` for the mapping.

    A pandas index stored in the file counts as columns.

    >>> Parquet(folder="~/bars", adjustment="raw", columns={"factor": "adj_factor"}).pattern
    '{symbol}.parquet'
    """

    pattern: str = "{symbol}.parquet"

    def _read(self, path: Path) -> pd.DataFrame:
        return read_parquet(path)
