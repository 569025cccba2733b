"""One call of Tushare Pro: the token, the library, and what its refusals mean.

The library raises a bare `Exception` with a sentence in Chinese, whatever the server's code.  Only "so
many times a minute" passes by itself; a limit a day, missing points and a wrong token do not.
"""

import os
from typing import Any

import pandas as pd

from ...core import ConfigError, MissingExtraError, SourceError

VARIABLE = "TUSHARE_TOKEN"
_A_MINUTE = "每分钟"


class TooOftenError(Exception):
    """More calls in this minute than the token may make."""


def client(timeout: float) -> Any:
    """The library's client, with the token of the environment.

    `ConfigError` where there is no token, `MissingExtraError` where there is no library.
    """
    token = os.environ.get(VARIABLE, "").strip()
    if not token:
        raise ConfigError(
            f"the source 'tushare' needs the environment variable {VARIABLE}, which is not set: "
            "put the token of your account at tushare.pro into it, never into a file"
        )
    try:
        from tushare.pro.client import DataApi
    except ModuleNotFoundError:
        raise MissingExtraError("tushare", "tushare", "the source 'tushare'") from None
    return DataApi(token, timeout=timeout)


def call(api: Any, name: str, fields: tuple[str, ...], params: dict[str, str]) -> pd.DataFrame:
    """The rows of one answer, with at least `fields`, in the order of the server."""
    try:
        found: pd.DataFrame = api.query(name, fields=",".join(fields), **params)
    except (OSError, LookupError, TypeError, ValueError):
        raise
    except Exception as refusal:
        # tushare raises nothing finer for what its server refuses.
        if _A_MINUTE in str(refusal):
            raise TooOftenError(str(refusal)) from refusal
        raise SourceError(
            f"tushare refuses {name} ({refusal}): look at the token in {VARIABLE}, its points and its "
            "limits, or switch off what it does not reach (actions, listing, st, suspensions)"
        ) from refusal
    missing = [field for field in fields if field not in found.columns]
    if missing:
        raise SourceError(
            f"tushare's {name} lacks {missing[0]!r}; it has {', '.join(map(str, found.columns))}: "
            "tushare has changed its columns"
        )
    return found
