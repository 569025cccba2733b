"""Texts from a CSV file, plain or compressed (`.csv.gz`)."""

from gzip import BadGzipFile
from pathlib import Path

import pandas as pd

from ...core import DataError
from ._table import TableSource


class CsvTexts(TableSource):
    """A CSV file of texts, one a row; see `TableSource` for the shared settings.

    Compression follows the file's name.  Row numbers in messages count data rows from 1.
    """

    separator: str = ","
    encoding: str = "utf-8"

    def _rows(self, path: Path) -> pd.DataFrame:
        try:
            rows = pd.read_csv(
                path,
                sep=self.separator,
                encoding=self.encoding,
                dtype=str,
                keep_default_na=False,
                na_filter=False,
            )
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path.name} is not {self.encoding}: set encoding, mainland files are often gb18030"
            ) from error
        except (
            pd.errors.ParserError,
            pd.errors.EmptyDataError,
            LookupError,
            BadGzipFile,
            EOFError,
        ) as error:
            raise DataError(f"{path.name} is no CSV file that can be read: {error}") from error
        rows.columns = [str(c).removeprefix("\ufeff").strip() for c in rows.columns]
        rows.index = pd.RangeIndex(1, len(rows) + 1)
        return rows
