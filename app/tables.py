"""Tables that people bring and take: CSV or Parquet by the file's name."""

import os
from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ..core import DataError

_WRITTEN = (".csv", ".parquet")


def read_table(path: Path, text: Collection[str] | None = None) -> pd.DataFrame:
    """Read a `.parquet` file, or any other as CSV in UTF-8, with or without mark.

    `text` names the columns whose cells stay as they stand, so that codes keep their zeros; by default
    all of them do.  Raises `DataError` for a file that is not there or cannot be read.
    """
    if not path.is_file():
        raise DataError(f"no file {str(path)!r}: check the path")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if text is None:
            return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        return pd.read_csv(path, dtype=dict.fromkeys(text, str), encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not in UTF-8: save it as UTF-8 and try again") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pa.ArrowException) as error:
        said = str(error).strip()
        raise DataError(f"{path} is no table that can be read: {said}") from None


def check_writable(path: Path) -> None:
    """Whether `write_table` can know this file; asked before the work, not after it."""
    if path.suffix not in _WRITTEN:
        raise DataError(f"cannot write {str(path)!r}: end the name in .csv or .parquet")
    if path.is_dir():
        raise DataError(f"cannot write {str(path)!r}: it is a folder")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write `.csv` (UTF-8) or `.parquet`, whole or not at all."""
    check_writable(path)
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
