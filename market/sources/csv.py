"""Bars from CSV files of any column names, date form and encoding.

Every field is read as text first, so that codes keep their zeros and a date is never taken for a
number.
"""

from pathlib import Path

import pandas as pd

from ._fields import read_csv
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
        return self._read_text(path)

    def _read_text(self, path: Path) -> pd.DataFrame:
        return read_csv(path, self.delimiter, self.encoding)
