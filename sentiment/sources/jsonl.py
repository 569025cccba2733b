"""Texts from JSON lines (`.jsonl`, `.jsonl.gz`): one object a line."""

import gzip
import json
from pathlib import Path

import pandas as pd

from ...core import DataError
from ._table import TableSource


class JsonlTexts(TableSource):
    """A file of one JSON object a line; see `TableSource` for the shared settings.

    Keys may differ from line to line; a missing key is an empty value.  Blank lines are skipped.
    """

    encoding: str = "utf-8"

    def _rows(self, path: Path) -> pd.DataFrame:
        lines, numbers = [], []
        for number, line in enumerate(self._decoded(path).splitlines(), start=1):
            if not line.strip():
                continue
            lines.append(_object(line, number, path))
            numbers.append(number)
        if not lines:
            raise DataError(f"{path.name} is empty: expected one JSON object a line")
        rows = pd.DataFrame(lines, index=numbers, dtype=object)
        return rows.where(rows.notna(), "").map(str)

    def _decoded(self, path: Path) -> str:
        try:
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            return raw.decode(self.encoding).replace("\u2028", " ").replace("\u2029", " ")
        except (UnicodeDecodeError, LookupError) as error:
            raise DataError(f"{path.name} is not {self.encoding}: set encoding") from error
        except gzip.BadGzipFile as error:
            raise DataError(f"{path.name} is no gzip file: {error}") from error


def _object(line: str, number: int, path: Path) -> dict[str, object]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{path.name}, line {number} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path.name}, line {number} is no JSON object: {line[:40]!r}")
    return found
