"""The real tushare against a local server that answers as Tushare Pro does."""

import json
import sys
import time
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from qushi.core import ConfigError, DataError, MissingExtraError, SourceError
from qushi.core.calendar import sessions
from qushi.market.sources.tushare import Tushare
from qushi.market.store import BarStore
from replay import HalfSent, serve

pytest.importorskip("tushare")
from tushare.pro.client import DataApi

SYMBOL, FUND, INDEX = "600000.SH", "510300.SH", "000300.SH"
DAYS = [f"{d:%Y%m%d}" for d in sessions("XSHG", "2024-01-02", "2024-01-15")]
EX, HALT, PART = "20240108", "20240110", "20240111"
CASH, BONUS, TRANSFER = 0.5, 0.1, 0.2
CLOSE = dict(zip(DAYS, [20.0, 20.4, 20.1, 20.0, 15.2, 15.1, 15.1, 15.4, 15.3, 15.5], strict=True))
REFERENCE = (20.0 - CASH) / (1 + BONUS + TRANSFER)
ANCHOR = 3.25  # Tushare's factor counts from the listing
REFUSED = {
    "minute": "抱歉，您每分钟最多访问该接口200次，权限的具体详情访问：https://tushare.pro",
    "day": "抱歉，您每天最多访问该接口2次",
    "points": "抱歉，您没有访问该接口的权限，权限的具体详情访问：https://tushare.pro",
    "token": "您的token不对，请确认。",
}


def said(fields, items, code=0, msg=""):
    data = {"fields": fields, "items": items, "has_more": False} if code == 0 else None
    return 200, json.dumps({"request_id": "1", "code": code, "msg": msg, "data": data})


class Pro:
    """One company, fund and index as Tushare tells of them; a test changes what it needs."""

    def __init__(self):
        self.close = dict(CLOSE)
        self.dividends = [
            {
                "end_date": "20231231",
                "div_proc": "实施",
                "ex_date": EX,
                "pay_date": "20240109",
                "cash_div_tax": CASH,
                "cash_div": CASH * 0.9,
                "stk_div": BONUS + TRANSFER,
                "stk_bo_rate": BONUS,
                "stk_co_rate": TRANSFER,
                "div_cash": CASH,
            },
            {
                "div_proc": "预案",
                "ex_date": None,
                "pay_date": None,
                "cash_div_tax": 9.0,
                "div_cash": 9.0,
            },
        ]
        self.halts = [{"trade_date": HALT, "suspend_timing": None, "suspend_type": "S"}]
        self.halts += [{"trade_date": PART, "suspend_timing": "09:30-10:00", "suspend_type": "S"}]
        self.names = [{"name": "浦发银行", "start_date": "19991110", "end_date": None}]
        self.basic = {"L": [{"name": "浦发银行", "list_date": "19991110", "delist_date": None}]}
        self.weights = {}
        self.refusals = {}
        self.renamed = {}
        self.ex_price = round(REFERENCE, 2)

    def daily(self, unit=1.0):
        before, rows = None, []
        for day, close in self.close.items():
            published = (self.ex_price if day == EX else before) or close
            if day != HALT:
                prices = {"open": close, "high": close * 1.02, "low": close * 0.98, "close": close}
                row = {"trade_date": day, **prices, "pre_close": published}
                rows.append({**row, "vol": 12_345.67 * unit, "amount": close * 1_234.567})
            before = close
        return rows

    def factors(self):
        step = 20.0 / REFERENCE if self.dividends else 1.0
        return [
            {"trade_date": d, "adj_factor": round(ANCHOR * (step if d >= EX else 1.0), 4)}
            for d in self.close
        ]

    def tables(self, params):
        one_status = self.basic.get(params.get("list_status", "L"), [])
        return {
            "daily": self.daily,
            "fund_daily": self.daily,
            "index_daily": self.daily,
            "adj_factor": self.factors,
            "fund_adj": self.factors,
            "dividend": lambda: self.dividends,
            "fund_div": lambda: self.dividends,
            "suspend_d": lambda: self.halts,
            "namechange": lambda: self.names,
            "stock_basic": lambda: one_status,
            "fund_basic": lambda: one_status,
            "index_weight": lambda: self.weights.get(params["index_code"], []),
        }

    def __call__(self, path, query):
        name, params = query["api_name"], query["params"]
        assert path == f"/{name}"
        if name in self.refusals:
            return said([], [], 40203, self.refusals[name])
        rows = self.tables(params)[name]()
        first, last = params.get("start_date", "0"), params.get("end_date", "9")
        rows = [r for r in rows if first <= r.get("trade_date", first) <= last]
        rows = sorted(rows, key=lambda r: r.get("trade_date", ""), reverse=True)
        rows = rows[: int(params.get("limit", 2000))]
        fields = query["fields"].split(",")
        return said([self.renamed.get(f, f) for f in fields], [[r.get(f) for f in fields] for r in rows])


@pytest.fixture
def pro():
    return Pro()


@pytest.fixture
def tushare(monkeypatch, at, pro):
    at("2024-01-16 06:00")  # 14:00 in Shanghai: the session of the 15th is the last one over
    monkeypatch.setenv("TUSHARE_TOKEN", "a-token-for-tests")
    with serve(pro) as replay:
        monkeypatch.setattr(DataApi, "_DataApi__http_url", replay.base)
        yield replay


def source(**settings):
    return Tushare(**{"pause": 0, "first_wait": 0, "attempts": 2, "timeout": 5, **settings})


def asked(tushare, name):
    return [query["params"] for path, query in tushare.asked if path == f"/{name}"]


def test_tushare_bars_are_raw_with_units_and_reference_prices(tushare):
    bars = source().fetch(SYMBOL)
    frame = bars.one(SYMBOL)
    traded = frame[~frame["suspended"]]
    assert (bars.adjustment, bars.calendar) == ("raw", "XSHG")
    assert list(traded["close"]) == [c for d, c in CLOSE.items() if d != HALT]
    np.testing.assert_allclose(traded["volume"], 1_234_567)
    np.testing.assert_allclose(traded["amount"], traded["close"] * 1_234_567)
    assert traded["pre_close"].loc[pd.Timestamp(EX)] == 15.0


def test_tushare_factor_and_actions_agree(tushare):
    bars = source().fetch(SYMBOL)
    row = bars.actions.one(SYMBOL).loc[pd.Timestamp(EX)]
    assert (row["cash"], row["bonus"], row["split"]) == (CASH, BONUS, TRANSFER)
    assert row["pay_session"] == pd.Timestamp("2024-01-09")
    frame = bars.one(SYMBOL)
    by_hand = bars.actions.factor(SYMBOL, frame["close"])
    np.testing.assert_allclose(frame["factor"] / ANCHOR, by_hand, rtol=1e-4)


def test_tushare_old_dividend_with_the_sum_only_counts_as_a_transfer(tushare, pro):
    pro.dividends[0].update(stk_bo_rate=None, stk_co_rate=None)
    row = source().fetch(SYMBOL).actions.one(SYMBOL).loc[pd.Timestamp(EX)]
    assert (row["bonus"], row["split"]) == (0, pytest.approx(BONUS + TRANSFER))


def test_tushare_dividend_listed_twice_counts_once(tushare, pro):
    pro.dividends.append(dict(pro.dividends[0]))
    bars = source().fetch(SYMBOL)
    assert bars.actions.one(SYMBOL)["cash"].tolist() == [CASH]


def test_tushare_rights_issue_that_is_not_listed_makes_the_actions_unknown(tushare, pro):
    pro.dividends[0].update(cash_div_tax=0.1)
    polite = source()
    assert polite.fetch(SYMBOL).actions.known == frozenset()
    assert "on 2024-01-08, the reference price was 15.000" in polite.take_notes()[0]


def test_tushare_whole_day_suspension_is_a_row_of_the_last_close(tushare):
    frame = source().fetch(SYMBOL).one(SYMBOL)
    halted = frame[frame["suspended"]]
    assert list(halted.index) == [pd.Timestamp(HALT)]
    assert halted[["open", "high", "low", "close"]].eq(15.1).all(axis=None)
    assert halted["volume"].item() == 0
    assert not frame.loc[pd.Timestamp(PART), "suspended"]


def test_tushare_suspension_over_an_ex_date_keeps_the_worth(tushare, pro):
    pro.halts = [{"trade_date": d, "suspend_timing": None} for d in (EX, "20240109", HALT)]
    daily = pro.daily
    pro.daily = lambda: [
        {**r, "pre_close": 15.0} if r["trade_date"] == PART else r
        for r in daily()
        if r["trade_date"] not in (EX, "20240109")
    ]
    bars = source().fetch(SYMBOL)
    worth = bars.adjusted("close")[SYMBOL] / ANCHOR
    np.testing.assert_allclose(worth.loc["2024-01-08":"2024-01-10"], 20.0, rtol=1e-4)
    assert bars.actions.known == {SYMBOL}


def test_tushare_window_that_begins_suspended_takes_the_close_before_it(tushare):
    frame = source().fetch(SYMBOL, "2024-01-10").one(SYMBOL)
    assert frame.index[0] == pd.Timestamp(HALT)
    assert frame["close"].iloc[0] == 15.1
    assert asked(tushare, "daily")[-1]["limit"] == "1"


def test_tushare_st_follows_the_names_of_the_day(tushare, pro):
    pro.names = [
        {"name": "浦发银行", "start_date": "20240112", "end_date": None},
        {"name": "*ST浦发", "start_date": "20240104", "end_date": "20240111"},
        {"name": "浦发银行", "start_date": "19991110", "end_date": "20240103"},
        {"name": "浦发银行", "start_date": "19991110", "end_date": "20240103"},
    ]
    st = source().fetch(SYMBOL).one(SYMBOL)["st"]
    assert list(st.index[st]) == list(sessions("XSHG", "2024-01-04", "2024-01-11"))


def test_tushare_later_renaming_changes_no_earlier_flag(tushare, pro, at):
    at("2024-01-08 12:00")
    before = source().fetch(SYMBOL).one(SYMBOL)["st"]
    pro.names.append({"name": "ST浦发", "start_date": "20240109", "end_date": None})
    at("2024-01-16 06:00")
    after = source().fetch(SYMBOL).one(SYMBOL)["st"]
    assert not before.any()
    assert after.loc["2024-01-09":].all()
    assert not after.loc[: before.index[-1]].any()


def test_tushare_listing_is_found_for_a_delisted_share_too(tushare, pro):
    pro.basic = {"D": [{"name": "退市某某", "list_date": "19991110", "delist_date": "20240601"}]}
    listing = source().fetch(SYMBOL).listings[SYMBOL]
    assert (listing.listed, listing.delisted) == (pd.Timestamp("1999-11-10"), pd.Timestamp("2024-06-01"))
    assert [p["list_status"] for p in asked(tushare, "stock_basic")] == ["L", "D"]


def test_tushare_long_window_is_asked_for_in_parts(tushare):
    source().fetch(SYMBOL)
    parts = [(p["start_date"], p["end_date"]) for p in asked(tushare, "daily")]
    assert parts[0][0] == "19991110"
    assert parts[-1][1] == DAYS[-1]
    for (_, end), (start, _) in pairwise(parts):
        assert pd.Timestamp(end) + pd.Timedelta(days=1) == pd.Timestamp(start)
    assert max(len(sessions("XSHG", *part)) for part in parts) < 2000


def test_tushare_fund_asks_its_own_functions(tushare):
    bars = source().fetch(FUND)
    names = {path for path, _ in tushare.asked}
    assert names == {"/fund_basic", "/fund_daily", "/fund_adj", "/fund_div"}
    # Half of the shares' growth is not in a fund's list of dividends, which the prices give away.
    assert bars.actions.known == frozenset()


def test_tushare_fund_dividend_is_its_cash(tushare, pro):
    pro.ex_price = 19.5
    pro.factors = lambda: [
        {"trade_date": d, "adj_factor": 20.0 / 19.5 if d >= EX else 1.0} for d in pro.close
    ]
    pro.dividends[0]["stk_div"] = None
    assert source().fetch(FUND).actions.one(FUND)["cash"].tolist() == [CASH]


def test_tushare_index_has_no_factor_and_no_actions(tushare):
    bars = source().fetch(INDEX)
    assert {path for path, _ in tushare.asked} == {"/index_daily"}
    assert bars.one(INDEX)["factor"].eq(1).all()
    assert bars.actions.known == {INDEX}


def test_tushare_what_is_switched_off_is_not_asked_for(tushare):
    bars = source(actions=False, listing=False, st=False, suspensions=False).fetch(SYMBOL)
    assert {path for path, _ in tushare.asked} == {"/daily", "/adj_factor"}
    assert bars.actions.known == frozenset()
    assert bars.listings == {}


@pytest.mark.parametrize("symbol", ["AAPL", "113050.SH", "2330.TW"])
def test_tushare_symbol_out_of_reach_is_refused_without_a_request(tushare, symbol):
    with pytest.raises(DataError, match=symbol):
        source().fetch(symbol)
    assert tushare.asked == []


def test_tushare_constituents_are_of_the_last_list_up_to_the_day(tushare, pro):
    lists = {"20231229": ["600000.SH", "000001.SZ"], "20240131": ["600036.SH"]}
    pro.weights["399300.SZ"] = [
        {"con_code": code, "trade_date": day} for day, codes in lists.items() for code in codes
    ]
    polite = source()
    assert polite.constituents(INDEX, "2024-01-12") == ("000001.SZ", "600000.SH")
    assert "those of 2023-12-29" in polite.take_notes()[0]
    with pytest.raises(SourceError, match=r"no constituents of 000300\.SH"):
        polite.constituents(INDEX, "2010-01-04")


# The token and the wire -----------------------------------------------------------------------------


def test_tushare_without_a_token_says_where_to_put_it(tushare, monkeypatch):
    monkeypatch.delenv("TUSHARE_TOKEN")
    with pytest.raises(ConfigError, match="environment variable TUSHARE_TOKEN, which is not set"):
        source().fetch(SYMBOL)
    assert tushare.asked == []


def test_tushare_token_goes_with_every_request_and_into_no_error(tushare, pro):
    source().fetch(SYMBOL)
    assert {query["token"] for _, query in tushare.asked} == {"a-token-for-tests"}
    pro.refusals["daily"] = REFUSED["points"]
    with pytest.raises(SourceError) as caught:
        source().fetch(SYMBOL)
    assert "a-token-for-tests" not in f"{caught.value!r}{source()!r}"


def test_tushare_without_the_library_names_the_extra(tushare, monkeypatch):
    monkeypatch.setitem(sys.modules, "tushare.pro.client", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'qushi\[tushare\]'"):
        source().fetch(SYMBOL)


@pytest.mark.parametrize("why", ["day", "points", "token"])
def test_tushare_refusal_is_told_at_once(tushare, pro, why):
    pro.refusals["namechange"] = REFUSED[why]
    with pytest.raises(SourceError, match=f"refuses namechange .{REFUSED[why][:8]}.*switch off"):
        source().fetch(SYMBOL)
    assert tushare.times("namechange") == 1


def test_tushare_limit_a_minute_is_waited_for(tushare, pro):
    refusals = iter([said([], [], 40203, REFUSED["minute"])] * 2)
    tushare.answer = lambda path, query: next(refusals, None) or pro(path, query)
    assert len(source(attempts=3).fetch(SYMBOL)) == len(DAYS)


def test_tushare_waits_longer_than_a_minute_by_default(tushare):
    usual = Tushare()
    assert sum(usual.first_wait * 2**n for n in range(usual.attempts - 1)) > 60


def test_tushare_limit_a_minute_for_ever_names_the_call(tushare, pro):
    pro.refusals["adj_factor"] = REFUSED["minute"]
    with pytest.raises(SourceError, match=r"adj_factor of 600000\.SH from tushare.*每分钟"):
        source().fetch(SYMBOL)
    assert tushare.times("adj_factor") == 2


DAMAGES = {
    "HTTPError: 403": (403, "<html><title>Forbidden</title></html>"),
    "a page, entitled '验证',": (200, "<html><title>验证</title></html>"),
    "an empty answer": (200, ""),
    "IncompleteRead": (200, HalfSent(json.dumps({"code": 0, "data": {}}).encode() * 50)),
    "form that the library does not know": (200, '{"code": 0, "data": null}'),
}


@pytest.mark.parametrize("sentence", DAMAGES)
def test_tushare_damaged_answer_is_one_sentence_that_names_it(tushare, pro, sentence):
    tushare.answer = lambda path, query: DAMAGES[sentence] if path == "/suspend_d" else pro(path, query)
    with pytest.raises(SourceError, match=sentence) as caught:
        source().fetch(SYMBOL)
    assert str(caught.value).startswith("suspend_d of 600000.SH from tushare")


def test_tushare_silence_ends_after_the_time_out(tushare, pro):
    def slow(path, query):
        time.sleep(1 if path == "/dividend" else 0)
        return pro(path, query)

    tushare.answer = slow
    with pytest.raises(SourceError, match=r"dividend of 600000\.SH from tushare.*timed out"):
        source(timeout=0.2, attempts=1).fetch(SYMBOL)


def test_tushare_error_page_then_answer_is_retried(tushare, pro):
    pages = iter([(502, "<html>502 Bad Gateway</html>")])
    tushare.answer = lambda path, query: next(pages, None) or pro(path, query)
    assert len(source().fetch(SYMBOL)) == len(DAYS)


def test_tushare_no_rows_names_the_symbol(tushare, pro):
    pro.close = {}
    with pytest.raises(SourceError, match=r"600009\.SH: tushare has no bars"):
        source().fetch("600009.SH")


def test_tushare_changed_column_is_named(tushare, pro):
    pro.renamed = {"pre_close": "prev_close"}
    with pytest.raises(SourceError, match="daily lacks 'pre_close'; it has trade_date"):
        source().fetch(SYMBOL)


def test_tushare_factor_that_is_missing_is_named(tushare, pro):
    factors = pro.factors
    pro.factors = lambda: [r for r in factors() if r["trade_date"] != EX]
    with pytest.raises(SourceError, match="no adjustment factor of 2024-01-08"):
        source().fetch(SYMBOL)


def test_tushare_number_that_is_none_is_named(tushare, pro):
    daily = pro.daily
    pro.daily = lambda: [{**r, "vol": "--"} for r in daily()]
    with pytest.raises(SourceError, match="vol holds something that is no number"):
        source().fetch(SYMBOL)


def test_tushare_running_session_is_left_out(tushare, at):
    at("2024-01-15 06:59")  # 14:59 in Shanghai
    assert str(source().fetch(SYMBOL).sessions[-1].date()) == "2024-01-12"


# In the store ---------------------------------------------------------------------------------------


def test_tushare_bars_come_back_from_the_store_as_they_went_in(tushare, pro, tmp_path):
    pro.names.append({"name": "ST浦发", "start_date": "20240105", "end_date": None})
    store = BarStore(tmp_path)
    assert store.update("tushare", source(), [SYMBOL]).failed == ()
    stored = store.read("tushare", SYMBOL)
    assert stored.fingerprint == source().fetch(SYMBOL).fingerprint
    assert stored.frame["st"].any()
    assert stored.frame["suspended"].any()


def test_tushare_update_that_fails_for_one_keeps_the_others_and_goes_on(tushare, pro, tmp_path):
    symbols = [f"60000{n}.SH" for n in range(5)]

    def one_is_ill(path, query):
        ill = path == "/adj_factor" and query["params"]["ts_code"] == symbols[3]
        return (403, "<html>blocked</html>") if ill else pro(path, query)

    tushare.answer = one_is_ill
    store = BarStore(tmp_path)
    first = store.update("tushare", source(), symbols)
    assert [u.symbol for u in first.failed] == [symbols[3]]
    assert "adj_factor of 600003.SH" in first.failed[0].detail
    assert store.symbols("tushare") == (*symbols[:3], symbols[4])
    tushare.answer = pro
    tushare.asked.clear()
    second = store.update("tushare", source(), symbols)
    assert [u.outcome for u in second.updates] == ["unchanged"] * 3 + ["new", "unchanged"]
    assert {query["params"]["ts_code"] for _, query in tushare.asked} == {symbols[3]}


def test_tushare_update_appends_what_is_new_and_says_when_it_is_late(tushare, at, tmp_path):
    at("2024-01-11 12:00")
    store = BarStore(tmp_path)
    store.update("tushare", source(), [SYMBOL])
    at("2024-01-15 12:00")
    report = store.update("tushare", source(), [SYMBOL])
    assert (report.updates[0].outcome, report.updates[0].added) == ("appended", 2)
    assert store.read("tushare", SYMBOL).fingerprint == source().fetch(SYMBOL).fingerprint
    at("2024-01-16 12:00")  # a session is over, the answer is yesterday's
    late = store.update("tushare", source(), [SYMBOL])
    assert late.updates[0].late
    assert "600000.SH lacks the last session" in late.notes[-1]
