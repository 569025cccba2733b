"""Files of texts as tables of strings: CSV, JSON lines, Parquet.

Missing values are empty strings; the index counts rows (of JSON lines: lines) from 1.  A file whose
container is damaged or cut off raises `UnreadableError`: it may be a file that is still being written.
"""

import gzip
import json
import zlib
from gzip import BadGzipFile
from pathlib import Path

import pandas as pd

from ...core import DataError


class UnreadableError(DataError):
    """A file cannot be read to its end."""


def read_csv(path: Path, separator: str, encoding: str) -> pd.DataFrame:
    """A CSV file, compressed or not as its name says."""
    try:
        rows = pd.read_csv(
            path,
            sep=separator,
            encoding=encoding,
            dtype=str,
            keep_default_na=False,
            na_filter=False,
        )
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"{path.name} is not {encoding}: set encoding, mainland files are often gb18030"
        ) from error
    except (
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
        LookupError,
        BadGzipFile,
        EOFError,
        zlib.error,
    ) as error:
        raise UnreadableError(f"{path.name} is no CSV file that can be read: {error}") from error
    rows.columns = [str(c).removeprefix("\ufeff").strip() for c in rows.columns]
    rows.index = pd.RangeIndex(1, len(rows) + 1)
    return rows


def read_jsonl(path: Path, encoding: str) -> pd.DataFrame:
    """JSON lines; keys may differ from line to line, blank lines are skipped."""
    lines, numbers = [], []
    for number, line in enumerate(_decoded(path, encoding).split("\n"), start=1):
        if not line.strip():
            continue
        lines.append(_object(line, number, path))
        numbers.append(number)
    if not lines:
        raise UnreadableError(f"{path.name} is empty: expected one JSON object a line")
    rows = pd.DataFrame(lines, index=numbers, dtype=object)
    return rows.where(rows.notna(), "").map(str)


def read_parquet(path: Path) -> pd.DataFrame:
    """A Parquet file; whole numbers stay whole, moments keep their zone, nested values are refused."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError(f"{path.name} is no Parquet file that can be read: {error}") from error
    columns = {name: _strings(table.column(name)) for name in table.column_names}
    return pd.DataFrame(columns, index=pd.RangeIndex(1, table.num_rows + 1), dtype=object)


def _strings(column: "object") -> list[str]:
    import pyarrow as pa

    values = column.to_pylist()  # type: ignore[attr-defined]
    kind = column.type  # type: ignore[attr-defined]
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return ["" if value is None else value.isoformat() for value in values]
    if pa.types.is_floating(kind):
        return ["" if value is None or value != value else _number(value) for value in values]
    return ["" if value is None else str(value) for value in values]


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)


def _decoded(path: Path, encoding: str) -> str:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadableError(f"{path.name} is not {encoding}: set encoding") from error
    except (BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableError(f"{path.name} is no gzip file that can be read: {error}") from error


def _object(line: str, number: int, path: Path) -> dict[str, object]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"{path.name}, line {number} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path.name}, line {number} is no JSON object: {line[:40]!r}")
    return found
