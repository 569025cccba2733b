"""What kind of instrument a symbol is, read from its code.

Price limits, lots, taxes and the function of a data vendor all hang on the board, and on the mainland
and Taiwan the code says the board: 688 is STAR, 300 is ChiNext, 51 is a Shanghai fund, 000 is a share
in Shenzhen but an index in Shanghai.  Source: the code ranges of the Shanghai, Shenzhen, Beijing and
Taiwan exchanges.  American symbols say nothing and are all "us".
"""

from functools import lru_cache
from typing import Literal

from ..core import DataError
from ..core.calendar import calendar_of

Board = Literal["main", "chinext", "star", "bse", "bond", "fund", "index", "us", "tw", "tw_fund"]

BOARDS: dict[str, tuple[Board, ...]] = {
    "XSHG": ("main", "chinext", "star", "bse", "bond", "fund", "index"),
    "XNYS": ("us",),
    "XTAI": ("tw", "tw_fund"),
}
"""The boards of each exchange calendar."""

_BY_CODE: tuple[tuple[str, tuple[str, ...], Board], ...] = (
    ("SH", ("688", "689"), "star"),
    ("SH", ("6", "900"), "main"),
    ("SH", ("5",), "fund"),
    ("SH", ("10", "11", "13"), "bond"),
    ("SH", ("000", "88", "93", "95", "99", "QVIX.", "RANK."), "index"),
    ("SZ", ("300", "301", "302"), "chinext"),
    ("SZ", ("000", "001", "002", "003", "200"), "main"),
    ("SZ", ("15", "16", "18"), "fund"),
    ("SZ", ("10", "11", "12"), "bond"),
    ("SZ", ("399", "98", "QVIX.", "RANK."), "index"),
    ("BJ", ("899",), "index"),
    ("BJ", ("4", "8", "92"), "bse"),
)


@lru_cache(maxsize=20_000)
def board_of(symbol: str) -> Board:
    """The board of a symbol; `DataError` for a mainland code in no known range.

    >>> board_of("000001.SZ"), board_of("000001.SH"), board_of("510300.SH"), board_of("0050.TW")
    ('main', 'index', 'fund', 'tw_fund')
    """
    calendar = calendar_of(symbol)
    code, _, suffix = symbol.rpartition(".")
    if calendar == "XNYS":
        return "us"
    if calendar == "XTAI":
        return "tw_fund" if code.startswith("00") else "tw"
    for exchange, prefixes, board in _BY_CODE:
        if exchange == suffix.upper() and code.startswith(prefixes):
            return board
    raise DataError(
        f"{symbol!r} is in no code range of its exchange: "
        "is the suffix right (Shanghai 6… .SH, Shenzhen 0… and 3… .SZ, Beijing 92… .BJ)?"
    )


def exchange_of(code: str) -> str:
    """The suffix of a bare code ("SH", "SZ", "BJ", "TW", or "" for the US), as if it were a share.

    A bare 000001 is taken for the Shenzhen share, never for the Shanghai index.

    >>> exchange_of("600519"), exchange_of("000001"), exchange_of("0050"), exchange_of("AAPL")
    ('SH', 'SZ', 'TW', '')
    """
    if not code.isdigit():
        return ""
    if len(code) != 6:
        return "TW" if len(code) in (4, 5) else ""
    if code.startswith(("4", "8", "92")):
        return "BJ"
    return "SH" if code.startswith(("5", "6", "9", "11")) else "SZ"
