"""The akshare library, quiet, and the ways in which it fails on an answer it does not expect.

It unpacks Sina's prices with a JavaScript engine, evaluates Sina's factors as Python, and reads the
other sites as JSON that is not quite JSON: each has its own exception for "this is not what I know".
Prices and texts come through it, so it lies below both.
"""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pandas as pd

Ask = Callable[[str, Callable[[], pd.DataFrame]], pd.DataFrame]
"""Sends one call of akshare, politely: what is asked for, in words, and the call."""

_WITH_BARS = (
    "akshare.stock_feature.stock_hist_tx",
    "akshare.stock.stock_info",
    "akshare.stock_fundamental.stock_notice",
    "akshare.stock_feature.stock_disclosure_cninfo",
    "akshare.stock_feature.stock_irm_cninfo",
    "akshare.stock_feature.stock_research_report_em",
)
_WITH_PLAIN_BARS = ("akshare.news.news_cctv",)
_TRYING_AGAIN = "akshare.stock_feature.stock_info"


def library() -> Any:
    """akshare, imported when first needed, without progress bars and without tries of its own.

    It would try one site ten times, with waits of 511 seconds in all, on top of our tries.
    """
    import akshare
    from akshare.request import make_request_with_retry_json
    from akshare.utils.tqdm import get_tqdm

    for name in _WITH_BARS:
        sys.modules[name].get_tqdm = partial(get_tqdm, enable=False)  # type: ignore[attr-defined]
    for name in _WITH_PLAIN_BARS:
        sys.modules[name].tqdm = _no_bar  # type: ignore[attr-defined]

    def once(url: str, **settings: Any) -> Any:
        return make_request_with_retry_json(url, **{**settings, "max_retries": 1})

    sys.modules[_TRYING_AGAIN].make_request_with_retry_json = once  # type: ignore[attr-defined]
    return akshare


def unknown_shapes() -> tuple[type[Exception], ...]:
    """Exceptions that mean: the answer arrived and is not what akshare expects."""
    from akshare.exceptions import AkshareException
    from akshare.utils.demjson import JSONException
    from py_mini_racer.py_mini_racer import MiniRacerBaseException  # type: ignore[import-untyped]

    builtin = (LookupError, TypeError, ValueError, AttributeError, SyntaxError, NameError)
    return (*builtin, JSONException, MiniRacerBaseException, AkshareException)


def lacking(table: pd.DataFrame, wanted: tuple[str, ...]) -> str:
    """The first wanted column that is not there, "" where all are."""
    return next((name for name in wanted if name not in table.columns), "")


def _no_bar(items: Iterable[Any], *_: Any, **__: Any) -> Iterable[Any]:
    return items
