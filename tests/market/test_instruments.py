"""The board that a code says."""

import pytest

from qushi.core import DataError
from qushi.core.calendar import calendar_of
from qushi.market import board_of
from qushi.market.instruments import BOARDS, exchange_of


@pytest.mark.parametrize(
    ("symbol", "board"),
    [
        ("600519.SH", "main"), ("601318.SH", "main"), ("605499.SH", "main"), ("000001.SZ", "main"),
        ("002594.SZ", "main"), ("300059.SZ", "chinext"), ("301236.SZ", "chinext"), ("688981.SH", "star"),
        ("430047.BJ", "bse"), ("830799.BJ", "bse"), ("920002.BJ", "bse"), ("000001.SH", "index"),
        ("000852.SH", "index"), ("399006.SZ", "index"), ("899050.BJ", "index"), ("510300.SH", "fund"),
        ("588000.SH", "fund"), ("159915.SZ", "fund"), ("113050.SH", "bond"), ("123001.SZ", "bond"),
        ("2330.TW", "tw"), ("0050.TW", "tw_fund"), ("00631L.TW", "tw_fund"), ("AAPL", "us"),
        ("BRK.B", "us"), ("^GSPC", "us"),
    ],
)  # fmt: skip
def test_board_of_known_symbols(symbol, board):
    assert board_of(symbol) == board


def test_board_of_impossible_code_is_refused():
    with pytest.raises(DataError, match=r"777777\.SH"):
        board_of("777777.SH")


def test_exchange_of_bare_code_is_the_shares():
    found = {
        c: exchange_of(c) for c in ("600519", "000001", "300750", "830799", "510300", "0050", "IBM")
    }
    assert found == {
        "600519": "SH", "000001": "SZ", "300750": "SZ", "830799": "BJ",
        "510300": "SH", "0050": "TW", "IBM": "",
    }  # fmt: skip


def test_boards_every_board_belongs_to_one_exchange():
    every = [board for boards in BOARDS.values() for board in boards]
    assert len(every) == len(set(every)) == 10
    for symbol in ("600519.SH", "920002.BJ", "0050.TW", "AAPL"):
        assert board_of(symbol) in BOARDS[calendar_of(symbol)]
