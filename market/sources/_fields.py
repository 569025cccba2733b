"""The fields of a table that somebody else wrote: files, codes, dates, numbers, flags.

Nothing is guessed from the values; what cannot be read is refused with file, row and value.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ...core import DataError
from ...core.calendar import calendar_of
from ...core.errors import near_names
from ..instruments import exchange_of

_ZONED = re.compile(r"\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})$")
_EMPTY = ("", "nan", "NaN", "NaT", "None", "null", "<NA>")
_LONG = {"SH": "XSHG", "SZ": "XSHE"}
_PREFIXED = re.compile(r"(SH|SZ|BJ|TWO|TW)\.?(\d+)")
_SUFFIXED = re.compile(r"(\d+)\.?(SH|SZ|BJ|TWO|TW|XSHG|XSHE)")


def read_csv(path: Path, delimiter: str = ",", encoding: str = "utf-8-sig") -> pd.DataFrame:
    """Every field as text, so that codes keep their zeros and a date is never taken for a number."""
    try:
        return pd.read_csv(path, sep=delimiter, encoding=encoding, dtype=str, keep_default_na=False)
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not {encoding}: set encoding, e.g. 'gb18030'") from None
    except LookupError:
        raise DataError(f"unknown encoding {encoding!r}: try 'utf-8' or 'gb18030'") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path.name} is not a table delimited by {delimiter!r}: {error}") from None


def read_parquet(path: Path) -> pd.DataFrame:
    """The file's columns with their types; a pandas index stored in it counts as columns."""
    try:
        table: pd.DataFrame = pq.read_table(path, partitioning=None).to_pandas(ignore_metadata=True)
    except pa.ArrowException as error:
        raise DataError(f"{path.name} is not a Parquet file: {error}") from None
    return table


def spellings(symbol: str, *, any_code: bool) -> set[str]:
    """The usual spellings of a symbol, upper case: 000001.SZ, SZ000001, SZ.000001, 000001.XSHE, 000001.

    The bare code 000001 is taken for the Shenzhen share; with `any_code` it may mean the Shanghai index
    as well, in a file that holds nothing else.
    """
    if calendar_of(symbol) == "XNYS":
        return {symbol.upper()}
    code, _, exchange = symbol.upper().rpartition(".")
    found = {f"{code}.{exchange}", f"{exchange}{code}", f"{exchange}.{code}", f"{code}{exchange}"}
    if exchange in _LONG:
        found.add(f"{code}.{_LONG[exchange]}")
    if any_code or exchange_of(code) in ("", exchange):
        found.add(code)
    return found


def symbol_of(text: str) -> str:
    """The symbol that a text of any usual spelling means.

    >>> symbol_of("sz000001"), symbol_of("600519"), symbol_of("000001.XSHE"), symbol_of("AAPL")
    ('000001.SZ', '600519.SH', '000001.SZ', 'AAPL')
    """
    spelled = text.strip().upper()
    if match := _PREFIXED.fullmatch(spelled):
        return f"{match[2]}.{match[1]}"
    if match := _SUFFIXED.fullmatch(spelled):
        short = {long: short for short, long in _LONG.items()}
        return f"{match[1]}.{short.get(match[2], match[2])}"
    exchange = exchange_of(spelled)
    return f"{spelled}.{exchange}" if exchange else text.strip()


class Grouped:
    """A table of several symbols, asked for one after the other: read once, sought once."""

    def __init__(self, table: pd.DataFrame, column: str) -> None:
        self._table = table
        self._rows = table.groupby(table[column].astype(str).str.strip().str.upper()).indices

    def rows(self, symbol: str, *, any_code: bool = False) -> pd.DataFrame:
        """The rows of a symbol in any usual spelling; empty where there are none."""
        spelled = sorted(spellings(symbol, any_code=any_code))
        mine = [self._rows[s] for s in spelled if s in self._rows]
        return self._table.iloc[np.sort(np.concatenate(mine))] if mine else self._table.iloc[:0]

    def near(self, symbol: str) -> str:
        """A sentence that offers the nearest of the codes that are there."""
        return near_names(symbol, self._rows)

    @property
    def symbols(self) -> set[str]:
        """The symbols that the codes mean."""
        return {symbol_of(text) for text in self._rows}


def dates(column: pd.Series, form: str, zone: str, where: str, hint: str) -> pd.DatetimeIndex:
    """Sessions, zone-naive midnights of `zone`; `form` as in strptime, empty reads ISO dates."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return _midnights(pd.DatetimeIndex(column).tz_convert(zone))
    if pd.api.types.is_datetime64_any_dtype(column):
        return _midnights(pd.DatetimeIndex(column))
    text = column.astype(str).str.strip()
    zoned = bool(text.str.len().max() > len("2024-01-02") and text.str.contains(_ZONED).any())
    parsed = pd.to_datetime(text, format=form or "ISO8601", errors="coerce", utc=zoned or None)
    if parsed.isna().any():
        at = int(np.flatnonzero(parsed.isna())[0])
        raise DataError(
            f"{where}, row {at + 1}: {text.iloc[at]!r} in {column.name!r} is not a date "
            f"of the form {form or 'YYYY-MM-DD'}{hint}"
        )
    found = pd.DatetimeIndex(parsed)
    return _midnights(found.tz_convert(zone) if zoned else found)


def days(column: pd.Series, where: str) -> pd.Series:
    """ISO dates, NaT where a field is empty."""
    empty = column.isna() | column.astype(str).str.strip().isin(_EMPTY)
    found = pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns]")
    if not empty.all():
        found[~empty] = dates(column[~empty], "", "UTC", where, "")
    return found


def numbers(column: pd.Series, where: str, at: pd.Series) -> np.ndarray:
    """Floats; an empty field is NaN, anything else that is no number is refused with its date `at`."""
    found = np.asarray(pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan))
    missing = np.flatnonzero(np.isnan(found))
    if not len(missing):
        return found
    text = column.iloc[missing].astype("string").str.strip()
    wrong = ~(text.isna() | text.isin(_EMPTY)).to_numpy(dtype=bool)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{where}, {at.iloc[missing[row]]:%Y-%m-%d}: {text.iloc[row]!r} in {column.name!r} is not a "
            "number"
        )
    return found


def _midnights(at: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return at.tz_localize(None).normalize().as_unit("ns")
