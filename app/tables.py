"""Tables that people bring and take: CSV or Parquet by the file's name."""

import os
from pathlib import Path

import pandas as pd

from ..core import DataError


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write `.csv` (UTF-8) or `.parquet`, whole or not at all."""
    if path.suffix not in (".csv", ".parquet"):
        raise DataError(f"cannot write {str(path)!r}: end the name in .csv or .parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        if path.suffix == ".csv":
            table.to_csv(unfinished, index=False)
        else:
            table.to_parquet(unfinished, index=False)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
