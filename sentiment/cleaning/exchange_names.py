"""Names of mainland shares as the three exchanges publish them, through akshare.

Shenzhen publishes every change of a short name with its day, so its names are known with both ends.
Shanghai and Beijing publish today's names and the day of listing: since when today's name holds is not
known, and its `since` stays empty.  The code has held since listing, which is a row of its own.  Names
of delisted shares (Shanghai, Shenzhen) end with their last day.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pandas as pd
from pydantic import Field

from ...core import SourceError
from ...core.akshare_wire import lacking, library, unknown_shapes
from ...core.manners import Manners
from ..identity import normalised
from .naming import COLUMNS, NameTable

_DAY = pd.Timedelta(days=1)
_LISTED = ("证券代码", "证券简称", "上市日期")
_CHANGES = ("证券代码", "变更日期", "变更前简称", "变更后简称")
Row = tuple[str, str, str, object, object]
Call = Callable[[], pd.DataFrame]


class _Share(NamedTuple):
    symbol: str
    name: str
    listed: pd.Timestamp  # NaT: unknown
    delisted: pd.Timestamp  # NaT: it is listed


class ExchangeNames(Manners):
    """Where the names come from: seven requests and Beijing's pages, politely.

    timeout
        Seconds to wait for each answer.
    """

    timeout: float = Field(default=15.0, gt=0)

    def fetch(self) -> NameTable:
        """Names of all shares, and Shenzhen's former ones; `SourceError` where a list is missing."""
        akshare = library()
        rows: list[Row] = []
        history = self._changes(partial(akshare.stock_info_sz_change_name, "简称变更"))
        listed, gone = ("A股代码", "A股简称", "A股上市日期"), (*_LISTED, "终止上市日期")
        for share in (
            *self._shares("Shenzhen's list of shares", akshare.stock_info_sz_name_code, listed, "SZ"),
            *self._shares("Shenzhen's delisted shares", akshare.stock_info_sz_delist, gone, "SZ"),
        ):
            rows += _dated(share, history.get(share.symbol, []))
        main, star = (partial(akshare.stock_info_sh_name_code, board) for board in ("主板A股", "科创板"))
        gone = ("公司代码", "公司简称", "上市日期", "暂停上市日期")
        for share in (
            *self._shares("Shanghai's list of main shares", main, _LISTED, "SH"),
            *self._shares("Shanghai's list of STAR shares", star, _LISTED, "SH"),
            *self._shares("Shanghai's delisted shares", akshare.stock_info_sh_delist, gone, "SH"),
            *self._shares("Beijing's list of shares", akshare.stock_info_bj_name_code, _LISTED, "BJ"),
        ):
            rows += _undated(share)
        return NameTable.from_rows(rows)

    def _shares(self, what: str, call: Call, columns: tuple[str, ...], suffix: str) -> list[_Share]:
        """Shares of a list; `columns` are code, name, listed and, where it is of gone ones, delisted."""
        table = self._asked(what, call, columns)
        listed = pd.to_datetime(table[columns[2]], errors="coerce")
        gone = pd.Series(pd.NaT, index=table.index)
        if len(columns) > 3:
            gone = pd.to_datetime(table[columns[3]], errors="coerce")
        return [
            _Share(f"{str(code).zfill(6)}.{suffix}", str(name), since, until)
            for code, name, since, until in zip(
                table[columns[0]], table[columns[1]], listed, gone, strict=True
            )
        ]

    def _changes(self, call: Call) -> dict[str, list[tuple[pd.Timestamp, str, str]]]:
        """Day, name before and name after of each change, ascending, by symbol."""
        table = self._asked("Shenzhen's changes of short names", call, _CHANGES)
        found: dict[str, list[tuple[pd.Timestamp, str, str]]] = {}
        rows = zip(*(table[name] for name in _CHANGES), strict=True)
        for code, day, before, after in rows:
            one = (pd.Timestamp(day), str(before), str(after))
            found.setdefault(f"{str(code).zfill(6)}.SZ", []).append(one)
        return {symbol: sorted(those, key=lambda one: one[0]) for symbol, those in found.items()}

    def _asked(self, what: str, call: Call, wanted: tuple[str, ...]) -> pd.DataFrame:
        found = self._ask_watched(what, call, self.timeout, unknown_shapes())
        missing = lacking(found, wanted)
        if missing:
            raise SourceError(f"{what} lacks {missing!r}: akshare has changed its columns")
        return found


def merged(fetched: NameTable, own: NameTable | None) -> NameTable:
    """What was fetched, with the aliases of a table made by hand."""
    if own is None:
        return fetched
    aliases = own.frame[own.frame["kind"] == "alias"]
    both = pd.concat([fetched.frame, aliases], ignore_index=True)
    return NameTable.from_rows(both[list(COLUMNS)].to_numpy().tolist(), own.settings)


def _dated(share: _Share, changes: list[tuple[pd.Timestamp, str, str]]) -> list[Row]:
    """Names of one share from its changes; the first holds since listing, the last still does."""
    rows: list[Row] = []
    since, borne = share.listed, changes[0][1] if changes else share.name
    for day, _, after in changes:
        if normalised(after) == normalised(borne):
            continue
        if not since >= day:  # NaT included; two changes of one day leave the last
            rows.append((share.symbol, borne, "former", since, day - _DAY))
        since, borne = day, after
    if normalised(borne) == normalised(share.name):
        until = since if share.delisted < since else share.delisted
        rows.append((share.symbol, share.name, "name", since, until))
    else:
        # the changes do not lead to today's name: since when it holds is not known
        rows.append((share.symbol, borne, "former", since, since))
        rows.append((share.symbol, share.name, "name", pd.NaT, share.delisted))
    return rows + _code(share)


def _undated(share: _Share) -> list[Row]:
    return [(share.symbol, share.name, "name", pd.NaT, share.delisted), *_code(share)]


def _code(share: _Share) -> list[Row]:
    if pd.isna(share.listed) or share.delisted < share.listed:
        return []
    return [(share.symbol, share.symbol[:6], "code", share.listed, share.delisted)]
