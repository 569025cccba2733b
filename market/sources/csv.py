"""Bars from CSV files of any column names, date form and encoding.

Every field is read as text first, so that codes keep their zeros and a date is never taken for a
number.
"""

from pathlib import Path

import pandas as pd

from ...core import DataError
from ._table import TableSource


class Csv(TableSource):
    """CSV files in a folder; see `TableSource` for the mapping.

    delimiter, encoding
        As the files have them; UTF-8 (with or without mark) by default, `gb18030` for many Chinese
        exports.

    >>> Csv(folder="~/bars", pattern="{exchange}{code}.csv", adjustment="adjusted",
    ...     columns={"volume": "vol"}, volume_unit=100).volume_unit
    100.0
    """

    pattern: str = "{symbol}.csv"
    delimiter: str = ","
    encoding: str = "utf-8-sig"

    def _read(self, path: Path) -> pd.DataFrame:
        try:
            return pd.read_csv(
                path, sep=self.delimiter, encoding=self.encoding, dtype=str, keep_default_na=False
            )
        except UnicodeDecodeError:
            raise DataError(
                f"{path.name} is not {self.encoding}: set encoding, e.g. 'gb18030'"
            ) from None
        except LookupError:
            raise DataError(f"unknown encoding {self.encoding!r}: try 'utf-8' or 'gb18030'") from None
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise DataError(
                f"{path.name} is not a table delimited by {self.delimiter!r}: {error}"
            ) from None
