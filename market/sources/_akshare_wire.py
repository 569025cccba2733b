"""The akshare library, quiet, and the ways in which it fails on an answer it does not expect.

It unpacks Sina's prices with a JavaScript engine, evaluates Sina's factors as Python, and reads the
other sites as JSON that is not quite JSON: each has its own exception for "this is not what I know".
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

Ask = Callable[[str, Callable[[], pd.DataFrame]], pd.DataFrame]
"""Sends one call of akshare, politely: what is asked for, in words, and the call."""

_WITH_BARS = ("akshare.stock_feature.stock_hist_tx", "akshare.stock.stock_info")


def library() -> Any:
    """akshare, imported when first needed; its progress bars are switched off."""
    import akshare
    from akshare.utils.tqdm import get_tqdm

    for name in _WITH_BARS:
        sys.modules[name].get_tqdm = partial(get_tqdm, enable=False)  # type: ignore[attr-defined]
    return akshare


def unknown_shapes() -> tuple[type[Exception], ...]:
    """Exceptions that mean: the answer arrived and is not what akshare expects."""
    from akshare.utils.demjson import JSONException
    from py_mini_racer.py_mini_racer import MiniRacerBaseException  # type: ignore[import-untyped]

    builtin = (LookupError, TypeError, ValueError, AttributeError, SyntaxError, NameError)
    return (*builtin, JSONException, MiniRacerBaseException)


def lacking(table: pd.DataFrame, wanted: tuple[str, ...]) -> str:
    """The first wanted column that is not there, "" where all are."""
    return next((name for name in wanted if name not in table.columns), "")
