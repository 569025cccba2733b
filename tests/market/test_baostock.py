"""The real baostock against a local server that speaks its protocol."""

import sys
import time

import numpy as np
import pandas as pd
import pytest

from baostock_server import END, Refusal, serve
from qushi.core import DataError, MissingExtraError, SourceError
from qushi.core.calendar import sessions
from qushi.market.sources.baostock import Baostock
from qushi.market.store import BarStore

pytest.importorskip("baostock")
from baostock.common import contants, context

DAYS = [f"{d:%Y-%m-%d}" for d in sessions("XSHG", "2024-01-02", "2024-01-15")]
EX, HALT, LAST = "2024-01-08", "2024-01-10", "2024-01-15"
CASH, BONUS, TRANSFER = 0.5, 0.1, 0.2
# Before the ex date around 20, after it around 15 = (20 - 0.5) / 1.3.
CLOSE = dict(zip(DAYS, [20.0, 20.4, 20.1, 20.0, 15.2, 15.1, 15.1, 15.4, 15.3, 15.5], strict=True))
K = ["date", "open", "high", "low", "close", "preclose", "volume", "amount", "tradestatus", "isST"]
DIVIDEND = [
    "code",
    "dividOperateDate",
    "dividPayDate",
    "dividCashPsBeforeTax",
    "dividCashPsAfterTax",
    "dividStocksPs",
    "dividReserveToStockPs",
]


def reference(previous):
    return (previous - CASH) / (1 + BONUS + TRANSFER)


class Exchange:
    """One company as baostock tells of it; a test changes what it needs."""

    def __init__(self):
        self.close = dict(CLOSE)
        self.halted, self.special = {HALT}, set()
        self.dividends = [
            ["sh.600000", EX, "2024-01-09", "0.500000", "0.45或0.5", "0.100000", "0.200000"]
        ]
        self.factors = [["sh.600000", EX, "0.77", f"{20.0 / reference(20.0):.6f}", "1.3"]]
        self.columns = list(K)
        self.absent = {}
        self.basic = [["sh.600000", "浦发银行", "1999-11-10", "", "1", "1"]]
        self.lists = {"2024-01-08": ["sh.600000", "sz.000001"], "2024-01-15": ["sh.600000", "sh.600036"]}

    def rows(self, start, end):
        before, found = None, []
        for day, close in self.close.items():
            published = close if before is None else before
            if day == EX and self.factors and before:
                published = round(reference(before) + 1e-9, 2)
            halted = day in self.halted
            volume = "" if halted else f"{1_000_000 + round(close * 100)}"
            high, low = (close, close) if halted else (close * 1.02, close * 0.98)
            row = [close, high, low, close, published]
            numbers = [f"{x:.4f}" for x in row]
            flags = ["0" if halted else "1", "1" if day in self.special else "0"]
            amount = "" if halted else f"{close * 1_000_000:.4f}"
            if start <= day <= end:
                found.append([day, *numbers, volume, amount, *flags])
            before = close
        return found

    def __call__(self, query, params):
        if query in self.absent:
            raise self.absent[query]
        if query == "query_history_k_data_plus":
            _, fields, start, end, *_ = params
            table = pd.DataFrame(self.rows(start, end), columns=K)
            wanted = [c for c in self.columns if c in fields.split(",") or c not in K]
            return wanted, table.reindex(columns=wanted, fill_value="x").values.tolist()
        if query == "query_adjust_factor":
            return [
                "code",
                "dividOperateDate",
                "foreAdjustFactor",
                "backAdjustFactor",
                "adjustFactor",
            ], (self.factors)
        if query == "query_dividend_data":
            return DIVIDEND, [d for d in self.dividends if d[1].startswith(params[1])]
        if query == "query_stock_basic":
            return ["code", "code_name", "ipoDate", "outDate", "type", "status"], self.basic
        if query.endswith("_stocks"):
            known = [d for d in sorted(self.lists) if d <= params[0]]
            rows = [[known[-1], code, "x"] for code in self.lists[known[-1]]] if known else []
            return ["updateDate", "code", "code_name"], rows
        return [], []


@pytest.fixture
def exchange():
    return Exchange()


@pytest.fixture
def baostock(monkeypatch, at, exchange):
    at("2024-01-16 06:00")  # 14:00 in Shanghai: the session of the 15th is the last one over
    with serve(exchange) as replay:
        monkeypatch.setattr(contants, "BAOSTOCK_SERVER_IP", replay.address[0])
        monkeypatch.setattr(contants, "BAOSTOCK_SERVER_PORT", replay.address[1])
        yield replay


def source(**settings):
    return Baostock(**{"pause": 0, "first_wait": 0, "timeout": 5, **settings})


def test_baostock_bars_are_raw_with_reference_prices_and_flags(baostock, exchange):
    exchange.special = {"2024-01-03"}
    bars = source().fetch("600000.SH")
    frame = bars.one("600000.SH")
    assert (bars.adjustment, bars.calendar) == ("raw", "XSHG")
    assert list(frame["close"]) == list(CLOSE.values())
    assert frame.loc[EX, "pre_close"] == pytest.approx(15.0)
    assert frame.loc["2024-01-09", "pre_close"] == pytest.approx(15.2)
    assert list(frame.index[frame["st"]]) == [pd.Timestamp("2024-01-03")]
    assert list(frame.index[frame["suspended"]]) == [pd.Timestamp(HALT)]
    assert frame.loc[HALT, "volume"] == 0
    assert frame.loc[HALT, ["open", "high", "low"]].eq(15.1).all()
    assert frame.loc[DAYS[0], "volume"] == 1_002_000


def test_baostock_actions_are_amounts_a_share_and_explain_the_factor(baostock):
    bars = source().fetch("600000.SH")
    row = bars.actions.one("600000.SH").loc[EX]
    assert (row["cash"], row["bonus"], row["split"]) == (CASH, BONUS, TRANSFER)
    assert row["pay_session"] == pd.Timestamp("2024-01-09")
    factor = bars.one("600000.SH")["factor"]
    by_hand = bars.actions.factor("600000.SH", bars.one("600000.SH")["close"])
    np.testing.assert_allclose(factor, by_hand, rtol=1e-5)
    assert source().fetch("600000.SH").fingerprint == bars.fingerprint


def test_baostock_listing_has_the_first_and_last_day(baostock, exchange):
    exchange.basic = [["sh.600000", "某公司", "1999-11-10", "2025-01-02", "1", "0"]]
    listing = source().fetch("600000.SH").listings["600000.SH"]
    assert (listing.listed, listing.delisted) == (pd.Timestamp("1999-11-10"), pd.Timestamp("2025-01-02"))
    assert listing.name == "某公司"


def test_baostock_asks_for_dividends_only_of_years_with_an_ex_date(baostock, exchange):
    source().fetch("600000.SH")
    asked = [params[1] for query, params in baostock.asked if query == "query_dividend_data"]
    assert asked == ["2024"]
    baostock.asked.clear()
    source().fetch("600000.SH", "2024-01-09", "2024-01-12")
    assert "query_dividend_data" not in baostock.queries


def test_baostock_without_a_start_asks_from_the_first_session_of_the_market(baostock):
    source().fetch("600000.SH")
    params = next(params for query, params in baostock.asked if query.endswith("k_data_plus"))
    assert params[2:4] == ["1990-12-19", LAST]


def test_baostock_rights_issue_that_is_not_listed_makes_the_actions_unknown(baostock, exchange):
    exchange.dividends = []
    polite = source()
    bars = polite.fetch("600000.SH")
    assert bars.actions.known == frozenset()
    assert "600000.SH: from the close of 20" in polite.take_notes()[0]
    assert bars.one("600000.SH")["factor"].iloc[-1] == pytest.approx(20 / 15)


def test_baostock_dividend_that_the_prices_do_not_show_makes_the_actions_unknown(baostock, exchange):
    exchange.dividends.append(["sh.600000", "2024-01-12", "", "1.0", "", "", ""])
    polite = source()
    assert polite.fetch("600000.SH").actions.known == frozenset()
    assert "on 2024-01-12" in polite.take_notes()[0]


def test_baostock_factor_and_reference_price_that_disagree_are_noted(baostock, exchange):
    exchange.factors[0][3] = "1.100000"
    polite = source()
    polite.fetch("600000.SH")
    assert "from the adjustment factor it would be 18.182" in polite.take_notes()[0]


def test_baostock_without_a_list_of_factors_takes_them_from_the_reference_prices(baostock, exchange):
    rows = exchange.rows
    exchange.rows = lambda start, end: rows("", "9")
    listed, exchange.factors = exchange.factors, []
    exchange.rows = lambda start, end: [
        [*r[:5], "15.0000", *r[6:]] if r[0] == EX else r for r in rows(start, end)
    ]
    factor = source().fetch("600000.SH").one("600000.SH")["factor"]
    assert factor.loc["2024-01-05"] == 1
    assert factor.loc[EX] == pytest.approx(float(listed[0][3]), rel=1e-4)


def test_baostock_without_actions_knows_none_and_asks_for_none(baostock):
    bars = source(actions=False).fetch("600000.SH")
    assert bars.actions.known == frozenset()
    assert "query_dividend_data" not in baostock.queries


def test_baostock_index_has_no_flags_and_no_actions(baostock, exchange):
    exchange.halted = set()
    bars = source().fetch("000300.SH")
    assert bars.actions.known == {"000300.SH"}
    assert baostock.queries == ["login", "query_history_k_data_plus", "logout"]
    assert "tradestatus" not in baostock.asked[1][1][1]


@pytest.mark.parametrize("symbol", ["430047.BJ", "113050.SH", "AAPL"])
def test_baostock_symbol_out_of_reach_is_refused_without_a_connection(baostock, symbol):
    with pytest.raises(DataError, match=symbol):
        source().fetch(symbol)
    assert baostock.asked == []


def test_baostock_constituents_are_those_of_the_day(baostock):
    assert source().constituents("000300.SH", "2024-01-12") == ("000001.SZ", "600000.SH")
    assert source().constituents("000300.SH") == ("600000.SH", "600036.SH")
    assert baostock.asked[1] == ("query_hs300_stocks", ["2024-01-12"])
    with pytest.raises(SourceError, match="there are none"):
        source().constituents("000016.SH", "2001-01-05")
    with pytest.raises(SourceError, match=r"not of '000852\.SH'"):
        source().constituents("000852.SH")


def test_baostock_answer_of_a_later_list_is_refused(baostock, exchange, monkeypatch):
    good = exchange.__class__.__call__
    monkeypatch.setattr(exchange.__class__, "__call__", lambda s, q, p: good(s, q, ["2024-01-15"]))
    with pytest.raises(SourceError, match="answered with the list of 2024-01-15"):
        source().constituents("000300.SH", "2024-01-12")


# Manners of the line --------------------------------------------------------------------------------


def test_baostock_prints_nothing_and_logs_out(baostock, capsys):
    source().fetch("600000.SH")
    assert capsys.readouterr().out == ""
    assert (baostock.queries[0], baostock.queries[-1]) == ("login", "logout")
    assert baostock.queries.count("login") == 1
    assert context.default_socket is None


def test_baostock_logs_out_after_a_refusal_too(baostock, exchange):
    exchange.absent["query_adjust_factor"] = Refusal("10001006", "用户权限不足")
    with pytest.raises(SourceError, match=r"refuses query_adjust_factor: 10001006 用户权限不足"):
        source().fetch("600000.SH")
    assert baostock.queries[-1] == "logout"


def test_baostock_answer_of_many_pages_is_read_to_its_end(baostock, exchange):
    days = [f"{d:%Y-%m-%d}" for d in sessions("XSHG", "2000-01-01", "2024-01-15")][-4000:]
    exchange.close = dict.fromkeys(days, 10.0)
    exchange.factors, exchange.dividends, exchange.halted = [], [], set()
    bars = source().fetch("600000.SH")
    assert len(bars) == 4000
    # Two full pages, and the empty one that says so.
    assert baostock.queries.count("query_history_k_data_plus") == 3


def test_baostock_page_that_fails_is_not_taken_for_the_end(baostock, exchange):
    days = [f"{d:%Y-%m-%d}" for d in sessions("XSHG", "2000-01-01", "2024-01-15")][-2500:]
    exchange.close = dict.fromkeys(days, 10.0)
    seen = []

    def second_page_breaks(query, message):
        seen.append(query)
        second = query == "query_history_k_data_plus" and seen.count(query) == 2
        return None if second else message

    baostock.damage = second_page_breaks
    with pytest.raises(SourceError, match="broke off after 2000 rows"):
        source(attempts=1).fetch("600000.SH")
    assert len(source().fetch("600000.SH")) == 2500


DAMAGES = {
    "a page instead of data": lambda m: b"<html><title>403 Forbidden</title></html>",
    "closed in the middle of an answer": lambda m: m[: len(m) // 2],
    "query_adjust_factor: the connection was closed": lambda m: None,
    "has a form that the library does not know": lambda m: m[:21] + b"0\1fine" + END,
}


@pytest.mark.parametrize("said", DAMAGES)
def test_baostock_damaged_answer_is_one_sentence_and_ends(baostock, said):
    damage = DAMAGES[said]
    baostock.damage = lambda query, m: damage(m) if query == "query_adjust_factor" else m
    begun = time.monotonic()
    with pytest.raises(SourceError, match=said) as caught:
        source(attempts=2).fetch("600000.SH")
    assert "query_adjust_factor" in str(caught.value)
    assert time.monotonic() - begun < 5


def test_baostock_silence_ends_after_the_time_out(baostock):
    baostock.damage = lambda query, m: time.sleep(1) if query == "query_stock_basic" else m
    with pytest.raises(SourceError, match=r"600000\.SH from baostock.*query_stock_basic.*timed out"):
        source(attempts=1, timeout=0.2).fetch("600000.SH")


def test_baostock_nobody_there_is_a_source_error(monkeypatch, at):
    at("2024-01-16 06:00")
    monkeypatch.setattr(contants, "BAOSTOCK_SERVER_IP", "127.0.0.1")
    monkeypatch.setattr(contants, "BAOSTOCK_SERVER_PORT", 9)
    with pytest.raises(SourceError, match=r"after 2 tries.*ConnectionRefusedError"):
        source(attempts=2).fetch("600000.SH")


def test_baostock_broken_line_is_tried_again_with_a_new_login(baostock):
    failures = iter([None])

    def once(query, m):
        return next(failures, m) if query == "query_adjust_factor" else m

    baostock.damage = once
    assert len(source().fetch("600000.SH")) == len(DAYS)
    assert baostock.queries.count("login") == 2


def test_baostock_blacklisted_user_is_told_at_once(baostock, exchange):
    exchange.absent["login"] = Refusal("10001011", "黑名单用户")
    with pytest.raises(SourceError, match="refuses login: 10001011 黑名单用户"):
        source().fetch("600000.SH")
    assert baostock.queries == ["login"]


def test_baostock_without_the_library_names_the_extra(baostock, monkeypatch):
    monkeypatch.setitem(sys.modules, "baostock", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'qushi\[baostock\]'"):
        source().fetch("600000.SH")
    assert baostock.asked == []


def test_baostock_no_rows_names_the_symbol(baostock, exchange):
    exchange.close = {}
    with pytest.raises(SourceError, match=r"600009\.SH: baostock has no bars"):
        source().fetch("600009.SH")


def test_baostock_changed_column_is_named(baostock, exchange):
    exchange.columns = ["date", "open", "high", "low", "last", *K[5:]]
    with pytest.raises(SourceError, match=r"lacks 'close'; it has date, open, high, low, last"):
        source().fetch("600000.SH")


def test_baostock_number_that_is_none_is_named(baostock, exchange):
    rows = exchange.rows
    exchange.rows = lambda start, end: [[*r[:4], "--", *r[5:]] for r in rows(start, end)]
    with pytest.raises(SourceError, match="close holds something that is no number"):
        source().fetch("600000.SH")


def test_baostock_running_session_is_left_out(baostock, at):
    at("2024-01-15 06:59")  # 14:59 in Shanghai
    assert str(source().fetch("600000.SH").sessions[-1].date()) == "2024-01-12"


# In the store ---------------------------------------------------------------------------------------


def test_baostock_bars_come_back_from_the_store_as_they_went_in(baostock, exchange, tmp_path):
    exchange.special = {"2024-01-03"}
    store = BarStore(tmp_path)
    assert store.update("baostock", source(), ["600000.SH"]).failed == ()
    assert store.read("baostock", "600000.SH").fingerprint == source().fetch("600000.SH").fingerprint


def test_baostock_update_that_fails_for_one_keeps_the_others_and_goes_on(baostock, tmp_path):
    symbols = [f"60000{n}.SH" for n in range(5)]

    def one_is_ill(query, m):
        asked = baostock.asked[-1][1]
        return None if query == "query_adjust_factor" and "sh.600003" in asked else m

    baostock.damage = one_is_ill
    store = BarStore(tmp_path)
    first = store.update("baostock", source(attempts=1), symbols)
    assert [u.symbol for u in first.failed] == ["600003.SH"]
    assert "query_adjust_factor" in first.failed[0].detail
    assert store.symbols("baostock") == (*symbols[:3], symbols[4])
    baostock.damage = lambda query, m: m
    baostock.asked.clear()
    second = store.update("baostock", source(), symbols)
    assert [u.outcome for u in second.updates] == ["unchanged"] * 3 + ["new", "unchanged"]
    assert baostock.queries.count("login") == 1


def test_baostock_update_appends_what_is_new_and_says_when_it_is_late(baostock, at, tmp_path):
    at("2024-01-11 12:00")
    store = BarStore(tmp_path)
    store.update("baostock", source(), ["600000.SH"])
    at("2024-01-15 12:00")
    report = store.update("baostock", source(), ["600000.SH"])
    assert (report.updates[0].outcome, report.updates[0].added) == ("appended", 2)
    assert store.read("baostock", "600000.SH").fingerprint == source().fetch("600000.SH").fingerprint
    at("2024-01-16 12:00")  # a session is over, the answer is yesterday's
    late = store.update("baostock", source(), ["600000.SH"])
    assert late.updates[0].late
    assert "600000.SH lacks the last session" in late.notes[-1]
