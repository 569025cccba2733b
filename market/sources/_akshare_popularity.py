"""Popularity: where Eastmoney ranks a share among all by how much its forum and its app are visited.

The rank says how many looked, not what they thought: it holds no text, and is a series beside the panic
index.  RANK.600519.SH is that of 600519.SH; 1 is the most popular share, so a falling line is a rising
popularity.  The site ranks shares of Shanghai and Shenzhen, one row a day, and shows about a year.

A rank has a date only, and may take in the evening (the site's figures beside it are of 23:00), so the
close of that day cannot know it.  The row of a session therefore holds the rank of the session before:

    close[s] = rank of session d, where s is the first session after d

and the rank of a day still running stands nowhere yet.  The site ranks weekends and holidays, too; they
are left out, since every session shall say the same thing: how popular the share was on a session.

Whether the site changes ranks afterwards is not known.
"""

import re

import pandas as pd

from ...core import DataError, SourceError
from ...core.akshare_wire import Ask, lacking, library
from ...core.bars import PRICES
from ...core.calendar import sessions
from ..instruments import board_of

PREFIX = "RANK."

_SHARE = re.compile(r"RANK\.((\d{6})\.(SH|SZ))")
_DAY, _RANK = "时间", "排名"
_NONE_LISTED = "Expected axis has 1 elements"
"""So pandas fails inside akshare where the site's list is empty (akshare's issues 6178 and 6602)."""


def popularity(symbol: str, ask: Ask) -> pd.DataFrame:
    """All prices of a session are the rank of the session before, volume 0.

    Days that are no session of XSHG are left out, and days without a rank.  `DataError` for what is no
    share of Shanghai or Shenzhen, `SourceError` where the site has no ranks or answers something else.
    """
    named = _SHARE.fullmatch(symbol)
    if named is None or board_of(named[1]) not in ("main", "chinext", "star"):
        raise DataError(
            f"there is no {symbol!r}: only shares of Shanghai and Shenzhen are ranked, as RANK.600519.SH"
        )
    found = ask(symbol, lambda: _listed(named[3] + named[2]))
    if found.empty:
        raise SourceError(f"Eastmoney has no ranks of {symbol}: is the code right, is it listed?")
    missing = lacking(found, (_DAY, _RANK))
    if missing:
        raise SourceError(f"{symbol} lacks the column {missing!r}: akshare has changed its columns")
    days = pd.to_datetime(found[_DAY].astype(str).str[:10], format="%Y-%m-%d", errors="coerce")
    ranks = pd.to_numeric(found[_RANK], errors="coerce").astype(float)
    strange = found[_RANK].notna() & ~(ranks % 1 == 0)
    if days.isna().any() or days.duplicated().any() or strange.any():
        raise SourceError(
            f"{symbol} came with days or ranks that are none, or a day twice: the site has changed"
        )
    known = sessions("XSHG")
    kept = days.isin(known) & ranks.notna() & (days < known[-1])
    following = known[known.searchsorted(days[kept], side="right")]
    table = pd.DataFrame({price: ranks[kept].to_numpy() for price in PRICES})
    return table.assign(symbol=symbol, session=following, volume=0.0)


def _listed(code: str) -> pd.DataFrame:
    try:
        found: pd.DataFrame = library().stock_hot_rank_detail_em(symbol=code)
    except ValueError as error:
        if _NONE_LISTED not in str(error):
            raise
        return pd.DataFrame()
    return found
