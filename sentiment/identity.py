"""When two texts are the same text.

A text is known by its source's id where it has one; else by a hash of source, symbol, normalised
text and session, so that the same sentence posted twice in one session counts once and the same
sentence a week later counts again (step 1 of the panic index).  Normalised: Unicode NFKC (full-width
letters become plain ones), case folded, all white space removed.
"""

import hashlib
import re
import unicodedata

import pandas as pd

from ..core.calendar import session_of

HASHED = "text:"
"""How an id begins that was made from the text itself."""

_BLANK = re.compile(r"[\s\u200b\ufeff]+")


def normalised(text: str) -> str:
    """The text without case, width and white space.

    >>> normalised("ＡＢ 跌 停 ")
    'ab跌停'
    """
    return _BLANK.sub("", unicodedata.normalize("NFKC", text).casefold())


def content_hash(text: str) -> str:
    """SHA-256 (hex) of a text exactly as the classifier reads it: the key of its scores."""
    return hashlib.sha256(text.encode()).hexdigest()


def text_key(source: str, symbol: str | None, text: str) -> str:
    """What identical texts of one source and symbol share, whatever the session."""
    parts = "\x1f".join((source, symbol or "", normalised(text)))
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def hashed_ids(keys: pd.Series, available_at: pd.Series, calendar: str) -> pd.Series:
    """Ids of texts without an id of their own: `text:<key>:<session>`.

    A moment past the exchange's known sessions takes its UTC date instead of a session.
    """
    moments = pd.DatetimeIndex(available_at)
    session = pd.Series(session_of(moments, calendar), index=keys.index)
    day = session.fillna(pd.Series(moments.tz_localize(None).normalize(), index=keys.index))
    return HASHED + keys + ":" + day.dt.strftime("%Y%m%d")
