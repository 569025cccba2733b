"""Texts from JSON lines (`.jsonl`, `.jsonl.gz`): one object a line."""

from pathlib import Path

import pandas as pd

from ._readers import read_jsonl
from ._table import TableSource


class JsonlTexts(TableSource):
    """A file of one JSON object a line; see `MappedTexts` for the shared settings.

    Keys may differ from line to line; a missing key is an empty value.  Blank lines are skipped.
    """

    encoding: str = "utf-8"

    def _rows(self, path: Path) -> pd.DataFrame:
        return read_jsonl(path, self.encoding)
