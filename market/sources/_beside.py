"""What lies beside the bars of a folder: a file of corporate actions, a file of listings.

Both hold all symbols of the folder, so they are read once, and a column that is not known is refused:
a misspelt amount would otherwise count as none.
"""

import pandas as pd

from ...core import Actions, DataError, Listing
from ...core.actions import AMOUNTS
from ...core.errors import near_names
from ._fields import Grouped, days, numbers

_ACTIONS = ("symbol", "session", *AMOUNTS, "pay_session")
_LISTINGS = ("symbol", "listed", "delisted", "name")


def actions_of(table: pd.DataFrame, where: str) -> Grouped:
    """A file's corporate actions, checked once for all symbols."""
    _check_columns(table, _ACTIONS, ("symbol", "session"), where)
    found = pd.DataFrame({"symbol": table["symbol"].astype(str)})
    found["session"] = days(table["session"], where)
    if found["session"].isna().any():
        raise DataError(
            f"{where}: an action of {found['symbol'][found['session'].isna()].iloc[0]} has no date"
        )
    for name in AMOUNTS:
        if name in table.columns:
            found[name] = pd.Series(numbers(table[name], where, found["session"]), table.index).fillna(
                0.0
            )
    if "pay_session" in table.columns:
        found["pay_session"] = days(table["pay_session"], where)
    return Grouped(found, "symbol")


def one_symbols_actions(of_all: Grouped, symbol: str) -> Actions:
    """The actions of one symbol: known, even where the file has none."""
    rows = of_all.rows(symbol)
    return Actions.from_frame(rows.assign(symbol=symbol).reset_index(drop=True), [symbol])


def listings_of(table: pd.DataFrame, where: str) -> Grouped:
    """A file's listings, checked once for all symbols."""
    _check_columns(table, _LISTINGS, ("symbol",), where)
    found = pd.DataFrame({"symbol": table["symbol"].astype(str)})
    for name in ("listed", "delisted"):
        found[name] = days(table[name], where) if name in table.columns else pd.NaT
    found["name"] = table["name"].fillna("").astype(str) if "name" in table.columns else ""
    return Grouped(found, "symbol")


def one_symbols_listing(of_all: Grouped, symbol: str, where: str) -> dict[str, Listing]:
    """The listing of one symbol, as `Bars` takes it; empty where the file does not name it."""
    rows = of_all.rows(symbol)
    if len(rows) > 1:
        raise DataError(f"{where} names {symbol} {len(rows)} times: one row a symbol")
    if rows.empty:
        return {}
    row = rows.iloc[0]
    listed, delisted = (None if pd.isna(row[name]) else row[name] for name in ("listed", "delisted"))
    return {symbol: Listing(listed, delisted, row["name"])}


def _check_columns(
    table: pd.DataFrame, known: tuple[str, ...], needed: tuple[str, ...], where: str
) -> None:
    for name in table.columns:
        if name not in known:
            raise DataError(f"{where} has the column {str(name)!r}: {near_names(str(name), known)}")
    for name in needed:
        if name not in table.columns:
            raise DataError(f"{where} lacks the column {name!r}; it has {', '.join(table.columns)}")
