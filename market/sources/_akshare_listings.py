"""Since when a share is listed and until when, and when its name said ST.

The three exchanges publish their lists, so a handful of requests serve thousands of symbols.  Shenzhen
also publishes every change of a short name with its date: a name that begins with ST or *ST is a
special treatment that can be dated.  Shanghai has no such list, and today's list of ST shares says
nothing about yesterday (it would hide who was saved, and who was delisted).
"""

import re
from functools import partial

import pandas as pd

from ...core import Listing, SourceError
from ...core.akshare_wire import Ask, lacking, library

_TREATED = re.compile(r"S?\*?ST", re.IGNORECASE)


def listings(exchange: str, ask: Ask) -> dict[str, Listing]:
    """Every share of an exchange (SH, SZ, BJ) by its code, the delisted ones of SH and SZ included."""
    akshare = library()
    if exchange == "SH":
        boards = [
            ask("Shanghai's list of main shares", partial(akshare.stock_info_sh_name_code, "主板A股")),
            ask("Shanghai's list of STAR shares", partial(akshare.stock_info_sh_name_code, "科创板")),
        ]
        gone = ask("Shanghai's delisted shares", akshare.stock_info_sh_delist)
        named = [_named(board, "证券代码", "证券简称", "上市日期") for board in boards]
        table = pd.concat(named, ignore_index=True)
        left = _named(gone, "公司代码", "公司简称", "上市日期", "暂停上市日期")
    elif exchange == "SZ":
        shares = ask("Shenzhen's list of shares", akshare.stock_info_sz_name_code)
        gone = ask("Shenzhen's delisted shares", akshare.stock_info_sz_delist)
        table = _named(shares, "A股代码", "A股简称", "A股上市日期")
        left = _named(gone, "证券代码", "证券简称", "上市日期", "终止上市日期")
    else:
        shares = ask("Beijing's list of shares", akshare.stock_info_bj_name_code)
        table = _named(shares, "证券代码", "证券简称", "上市日期")
        left = table.iloc[:0].assign(delisted=pd.NaT)
    found = {
        row.code: Listing(_day(row.listed), None, row.name) for row in table.itertuples(index=False)
    }
    for row in left.itertuples(index=False):
        since, until = _day(row.listed), _day(row.delisted)
        ordered = since is None or until is None or since < until
        found[row.code] = Listing(since if ordered else None, until, row.name)
    return found


def renamings(ask: Ask) -> pd.DataFrame:
    """Shenzhen's changes of short names: code, day, before, after; ascending by day."""
    akshare = library()
    found = ask(
        "Shenzhen's changes of short names", lambda: akshare.stock_info_sz_change_name("简称变更")
    )
    names = {"证券代码": "code", "变更日期": "day", "变更前简称": "before", "变更后简称": "after"}
    missing = lacking(found, tuple(names))
    if missing:
        raise SourceError(
            f"Shenzhen's changes of names lack {missing!r}: akshare has changed its columns"
        )
    table = found[list(names)].rename(columns=names)
    table["day"] = pd.to_datetime(table["day"]).astype("datetime64[ns]")
    return table.sort_values("day", kind="stable", ignore_index=True)


def treated(changes: pd.DataFrame, code: str, name: str, sessions: pd.DatetimeIndex) -> pd.Series | None:
    """Sessions on which the share's name said ST; None where changes and today's name disagree.

    Uses only names in effect on each session.  `name` is today's, "" where unknown.
    """
    mine = changes[changes["code"] == code]
    last = mine["after"].iloc[-1] if len(mine) else name
    if name and _is_treated(last) != _is_treated(name):
        return None
    if mine.empty:
        return pd.Series(data=_is_treated(name), index=sessions)
    names = [mine["before"].iloc[0], *mine["after"]]
    at = mine["day"].searchsorted(sessions, side="right")
    return pd.Series([_is_treated(names[k]) for k in at], index=sessions)


def _is_treated(name: str) -> bool:
    return _TREATED.match(re.sub(r"\s", "", str(name))) is not None


def _named(found: pd.DataFrame, code: str, name: str, listed: str, delisted: str = "") -> pd.DataFrame:
    names = {
        code: "code",
        name: "name",
        listed: "listed",
        **({delisted: "delisted"} if delisted else {}),
    }
    missing = lacking(found, tuple(names))
    if missing:
        raise SourceError(f"a list of shares lacks {missing!r}: akshare has changed its columns")
    table = found[list(names)].rename(columns=names)
    table["code"] = table["code"].astype(str).str.zfill(6)
    table["name"] = table["name"].astype(str).str.strip()
    return table


def _day(value: object) -> pd.Timestamp | None:
    day = pd.to_datetime(value, errors="coerce")
    return None if pd.isna(day) else pd.Timestamp(day)
