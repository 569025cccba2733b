"""The single fields of a row of texts: paths, codes, weights and counts."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ...core import DataError
from ...core.places import expand

_BETWEEN = re.compile(r"[\s,;|/，；、]+")
_COUNT = re.compile(r"^(\d[\d,]*(?:\.\d+)?)\s*([万亿]?)$")
_TIMES = {"": 1.0, "万": 1e4, "亿": 1e8}
_CODE = re.compile(r"^(?:(sh|sz|bj)\.?)?(\d{6})$", re.IGNORECASE)


def read_weights(values: pd.Series, scale: str) -> pd.Series:
    """Weights above 0 from a column of strings; NaN where a value gives none."""
    numbers = pd.to_numeric(values, errors="coerce").replace([np.inf, -np.inf], np.nan)
    if scale == "as_is":
        return numbers.where(numbers > 0)
    counts = numbers.where(numbers >= 0)
    return 1.0 + (counts if scale == "count" else np.log1p(counts))


def read_counts(values: pd.Series) -> pd.Series:
    """Counts of readers or comments from a column of strings; NaN where a value is none.

    >>> read_counts(pd.Series(["120", "1,204", "1.2万", "", "many"])).tolist()
    [120.0, 1204.0, 12000.0, nan, nan]
    """

    def count(value: str) -> float:
        found = _COUNT.match(value.strip())
        return float("nan") if found is None else float(found[1].replace(",", "")) * _TIMES[found[2]]

    return values.map(count).astype(float)


def listed_symbols(value: str, names: Mapping[str, str]) -> str:
    """Codes with anything usual between them as symbols with blanks between, each once.

    >>> listed_symbols("600519，sz000001;600519", {})
    '600519.SH 000001.SZ'
    """
    if not value:
        return ""
    codes = [code for code in _BETWEEN.split(value.strip()) if code]
    return " ".join(dict.fromkeys(names.get(code) or with_suffix(code) for code in codes))


def with_suffix(code: str) -> str:
    """A mainland share's code with its exchange's suffix; any other symbol as it is.

    >>> [with_suffix(c) for c in ("300333", "600519", "sh510300", "000001.SZ", "430047", "AAPL")]
    ['300333.SZ', '600519.SH', '510300.SH', '000001.SZ', '430047.BJ', 'AAPL']
    """
    match = _CODE.match(code)
    if match is None:
        if code.isdigit():
            raise DataError(
                f"the code {code!r} has {len(code)} digits, a mainland share has six (were its zeros "
                "lost?): give its symbol under `symbols`, or mend the file"
            )
        return code
    prefix, digits = match.groups()
    if prefix:
        return f"{digits}.{prefix.upper()}"
    if digits.startswith("92") or digits[0] in "48":
        return f"{digits}.BJ"
    return f"{digits}.SH" if digits[0] in "569" else f"{digits}.SZ"


def resolve_path(path: str) -> Path:
    """The file that a setting names, with `${VARIABLE}` taken from the environment.

    Raises `ConfigError` for a variable that is not set, `DataError` where there is no such file.
    """
    found = expand(path)
    if not found.is_file():
        raise DataError(f"there is no file {str(found)!r} of texts")
    return found
