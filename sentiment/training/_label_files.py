"""The files that labelled texts come in, read as they stand: every cell a string, save times."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from ...core import DataError


def read_rows(path: Path, encoding: str = "utf-8") -> pd.DataFrame:
    """All columns of a CSV, Parquet, JSON or JSON-lines file, by its name; `DataError` otherwise.

    A list of pairs becomes `text` and `label`, and `attrs["pairs"]` says so.
    """
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r} of labelled texts")
    kind = path.suffix.lower()
    if kind == ".json":
        return _json(path, encoding)
    if kind in (".jsonl", ".ndjson"):
        return _json_lines(path, encoding)
    return _parquet(path) if kind == ".parquet" else _csv(path, encoding)


def _csv(path: Path, encoding: str) -> pd.DataFrame:
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding=encoding)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, LookupError) as error:
        raise DataError(f"{path.name} is no CSV file that can be read: {error}") from error
    raw.columns = [str(c).removeprefix("\ufeff").strip() for c in raw.columns]
    return raw


def _parquet(path: Path) -> pd.DataFrame:
    try:
        raw = pd.read_parquet(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path.name} is no Parquet file that can be read: {error}") from error
    raw.columns = [str(c) for c in raw.columns]
    return raw


def _json(path: Path, encoding: str) -> pd.DataFrame:
    try:
        rows = json.loads(path.read_text(encoding=encoding))
    except (json.JSONDecodeError, UnicodeDecodeError, LookupError) as error:
        raise DataError(f"{path.name} is no JSON file that can be read: {error}") from error
    return _table(rows, path.name)


def _json_lines(path: Path, encoding: str) -> pd.DataFrame:
    rows = []
    try:
        for number, line in enumerate(path.read_text(encoding=encoding).splitlines(), start=1):  # noqa: B007  named in the error
            if line.strip():
                rows.append(json.loads(line))
    except (json.JSONDecodeError, UnicodeDecodeError, LookupError) as error:
        raise DataError(f"{path.name}, line {number}: no JSON that can be read: {error}") from error
    return _table(rows, path.name)


def _table(rows: Any, name: str) -> pd.DataFrame:
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        return pd.DataFrame([{str(k): v for k, v in row.items()} for row in rows], dtype=object)
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 2 for row in rows):
        raise DataError(f"{name} is no JSON list of [text, label] pairs, nor of objects")
    table = pd.DataFrame([(str(t), str(c)) for t, c in rows], columns=["text", "label"], dtype=object)
    table.attrs["pairs"] = True
    return table
