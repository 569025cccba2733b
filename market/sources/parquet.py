"""Bars from Parquet files of any column names."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ...core import DataError
from ._table import TableSource


class Parquet(TableSource):
    """Parquet files in a folder; see `TableSource` for the mapping.

    A pandas index stored in the file counts as columns.

    >>> Parquet(folder="~/bars", adjustment="raw", columns={"factor": "adj_factor"}).pattern
    '{symbol}.parquet'
    """

    pattern: str = "{symbol}.parquet"

    def _read(self, path: Path) -> pd.DataFrame:
        try:
            table: pd.DataFrame = pq.read_table(path).to_pandas(ignore_metadata=True)
        except pa.ArrowException as error:
            raise DataError(f"{path.name} is not a Parquet file: {error}") from None
        return table
