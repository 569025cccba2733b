"""Corporate actions of one symbol: cninfo's dividends and rights issues, Sina's of funds.

cninfo, where listed companies must publish, counts per ten shares: 10 派 8 is 0.80 yuan a share, before
tax, 10 送 5 and 10 转 5 are half a share each, the first out of profits.  Of a fund Sina has what was
paid so far, a fund share, on each ex day.
"""

import pandas as pd

from ...core import Actions, SourceError
from ...core.actions import AMOUNTS
from ...core.akshare_wire import Ask, lacking, library
from ..instruments import board_of
from ._actions import gathered
from ._akshare_prices import Window

_TEN = 10.0
_DIVIDENDS = {
    "除权日": "session",
    "派息日": "pay_session",
    "派息比例": "cash",
    "送股比例": "bonus",
    "转增比例": "split",
}
_RIGHTS = {"除权基准日": "session", "配股比例": "rights", "配股价格": "rights_price"}


def listed_actions(window: Window, ask: Ask) -> Actions | str:
    """Every action that the sites list, or why what they list cannot be read as actions.

    None listed counts as none known to be: whether that is true is for the prices to say.
    """
    board = board_of(window.symbol)
    if board == "index":
        return Actions.none([window.symbol])
    table = _of_fund(window, ask) if board == "fund" else _of_share(window, ask)
    if (table["rights"].gt(0) & ~table["rights_price"].gt(0)).any():
        return "a rights issue is listed without its price"
    # Some old rows were paid before the shares went ex, through the registrar: at the latest then.
    table["pay_session"] = table[["session", "pay_session"]].max(axis=1)
    return gathered(table[table[list(AMOUNTS)].gt(0).any(axis=1)], window.symbol, "XSHG")


def _of_share(window: Window, ask: Ask) -> pd.DataFrame:
    akshare = library()

    def dividends() -> pd.DataFrame:
        try:
            found: pd.DataFrame = akshare.stock_dividend_cninfo(symbol=window.code)
        except KeyError as error:
            # akshare reads the first column of an empty table where a company never paid.
            if error.args != ("实施方案公告日期",):
                raise
            return pd.DataFrame(columns=list(_DIVIDENDS))
        return found

    paid = ask(f"the dividends of {window.symbol} from cninfo", dividends)
    rights = ask(
        f"the rights issues of {window.symbol} from cninfo",
        lambda: akshare.stock_allotment_cninfo(symbol=window.code),
    )
    parts = [_read(paid, _DIVIDENDS, "dividends"), _read(rights, _RIGHTS, "rights issues")]
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    for name in AMOUNTS:
        column = table[name] if name in table else pd.Series(0.0, index=table.index)
        scale = 1.0 if name == "rights_price" else _TEN
        table[name] = pd.to_numeric(column).astype("float64").fillna(0.0) / scale
    if "pay_session" not in table:
        table["pay_session"] = pd.NaT
    return table


def _read(found: pd.DataFrame, names: dict[str, str], what: str) -> pd.DataFrame:
    missing = lacking(found, tuple(names))
    if missing:
        raise SourceError(f"cninfo's {what} lack {missing!r}: the site or akshare has changed")
    table = found[list(names)].rename(columns=names)
    for name in ("session", "pay_session"):
        if name in table:
            table[name] = pd.to_datetime(table[name]).astype("datetime64[ns]")
    return table[table["session"].notna()]  # proposed or called off: never went ex


def _of_fund(window: Window, ask: Ask) -> pd.DataFrame:
    akshare = library()

    def dividends() -> pd.DataFrame:
        try:
            found: pd.DataFrame = akshare.fund_etf_dividend_sina(symbol=window.prefixed)
        except KeyError as error:
            if error.args != ("date",):  # the same, of a fund that never paid
                raise
            return pd.DataFrame({"日期": [], "累计分红": []})
        return found

    found = ask(f"the dividends of {window.symbol} from Sina", dividends)
    missing = lacking(found, ("日期", "累计分红"))
    if missing:
        raise SourceError(
            f"the dividends of {window.symbol} from Sina lack {missing!r}: "
            "the site or akshare has changed"
        )
    paid = pd.to_numeric(found["累计分红"]).astype("float64")
    table = pd.DataFrame({"session": pd.to_datetime(found["日期"]).astype("datetime64[ns]")})
    table["cash"] = paid.diff().fillna(paid).round(6)
    for name in AMOUNTS[1:]:
        table[name] = 0.0
    table["pay_session"] = pd.NaT
    return table
