"""The real akshare against a local server that answers as Eastmoney does."""

import json

import numpy as np
import pytest
import requests

from qushi.core import DataError, SourceError
from qushi.market import load_bars
from qushi.market.sources.akshare import Akshare
from replay import serve

pytest.importorskip("akshare")

KLINE = "/api/qt/stock/kline/get"
# date: raw open, close, high, low; volume in lots; amount.  Ex-dividend of 1.00 on the 4th.
RAW = {
    "2024-01-02": (10.0, 10.2, 10.3, 9.9, 1000, 1_015_000.0),
    "2024-01-03": (10.2, 10.5, 10.6, 10.1, 1200, 1_240_000.0),
    "2024-01-04": (9.5, 9.6, 9.7, 9.4, 1500, 1_430_000.0),
    "2024-01-05": (9.6, 9.8, 9.9, 9.5, 900, 870_000.0),
}
FACTOR = {"2024-01-02": 2.0, "2024-01-03": 2.0, "2024-01-04": 2.2105263, "2024-01-05": 2.2105263}


def kline(query, days=RAW):
    """One answer of the kline endpoint, with as many fields as were asked for."""
    rows = []
    for day, (first, last, high, low, volume, amount) in days.items():
        if not query["beg"] <= day.replace("-", "") <= query["end"]:
            continue
        scale = FACTOR[day] if query["fqt"] == "2" else 1.0
        prices = [f"{p * scale:.2f}" for p in (first, last, high, low)]
        fields = [day, *prices, str(volume), str(amount), "4.00", "1.00", "0.10", "0.55"]
        rows.append(",".join(fields[: sum(f < "f62" for f in query["fields2"].split(","))]))
    code = query["secid"].split(".")[1]
    return {"rc": 0, "data": {"code": code, "name": "样本", "klines": rows}}


@pytest.fixture
def eastmoney(monkeypatch, at):
    """A server whose `answer` a test may swap; every request of requests goes there."""
    at("2024-01-08 12:00")
    with serve(lambda path, query: (200, json.dumps(kline(query)))) as replay:
        send = requests.Session.request

        def local(self, method, url, **kwargs):
            assert url.startswith("https://push2his.eastmoney.com/")
            return send(self, method, replay.local(url), **kwargs)

        monkeypatch.setattr(requests.Session, "request", local)
        yield replay


def source(**settings):
    return Akshare(**{"pause": 0, "first_wait": 0, **settings})


def test_akshare_raw_share_has_traded_prices_shares_and_factor(eastmoney):
    bars = source().fetch("600519.SH", "2024-01-01", "2024-01-31")
    frame = bars.one("600519.SH")
    assert bars.adjustment == "raw"
    assert list(frame["close"]) == [row[1] for row in RAW.values()]
    assert list(frame["high"]) == [row[2] for row in RAW.values()]
    assert list(frame["volume"]) == [row[4] * 100 for row in RAW.values()]
    # The factor is what makes the price comparable: up to the vendor's cents it is the true one.
    np.testing.assert_allclose(frame["factor"], list(FACTOR.values()), rtol=5e-4)
    assert [q["fqt"] for _, q in eastmoney.asked] == ["0", "2"]
    assert {q["secid"] for _, q in eastmoney.asked} == {"1.600519"}
    assert {(q["beg"], q["end"]) for _, q in eastmoney.asked} == {("20240101", "20240131")}


def test_akshare_ex_dividend_drop_vanishes_in_the_adjusted_close(eastmoney):
    bars = source().fetch("600519.SH")
    adjusted = bars.adjusted("close")["600519.SH"]
    traded = bars.one("600519.SH")["close"]
    assert traded.pct_change().min() < -0.08
    assert adjusted.pct_change().min() > 0


@pytest.mark.parametrize(("adjust", "code"), [("qfq", "1"), ("hfq", "2")])
def test_akshare_adjusted_share_is_marked(eastmoney, adjust, code):
    bars = source(adjust=adjust).fetch("000001.SZ")
    assert bars.adjustment == "adjusted"
    assert [(q["fqt"], q["secid"]) for _, q in eastmoney.asked] == [(code, "0.000001")]


def test_akshare_index_may_stand_among_adjusted_shares(eastmoney):
    bars = load_bars(source(adjust="hfq"), ["600519.SH", "000300.SH"])
    assert bars.adjustment == "adjusted"
    assert bars.one("000300.SH")["close"].tolist() == [row[1] for row in RAW.values()]


@pytest.mark.parametrize(
    ("symbol", "secid", "requests_made"),
    [("000300.SH", "1.000300", 1), ("399001.SZ", "0.399001", 1), ("510300.SH", "1.510300", 2)],
)
def test_akshare_index_and_fund_ask_their_own_market(eastmoney, symbol, secid, requests_made):
    bars = source().fetch(symbol)
    assert bars.adjustment == "raw"
    assert list(bars.one(symbol)["volume"]) == [row[4] * 100 for row in RAW.values()]
    assert [q["secid"] for _, q in eastmoney.asked] == [secid] * requests_made


def test_akshare_error_page_then_answer_is_retried(eastmoney):
    good = eastmoney.answer
    pages = iter([(502, "<html>502 Bad Gateway</html>"), (200, "")])
    eastmoney.answer = lambda path, query: next(pages, None) or good(path, query)
    assert len(source(adjust="hfq").fetch("600519.SH")) == len(RAW)
    assert len(eastmoney.asked) == 3


def test_akshare_error_page_for_ever_names_symbol_and_tries(eastmoney):
    eastmoney.answer = lambda path, query: (502, "<html>502 Bad Gateway</html>")
    with pytest.raises(SourceError, match=r"600519\.SH.*after 3 tries"):
        source(attempts=3).fetch("600519.SH")
    assert len(eastmoney.asked) == 3


def test_akshare_no_connection_is_a_source_error(monkeypatch):
    def refuse(self, method, url, **kwargs):
        raise requests.ConnectionError("nobody there")

    monkeypatch.setattr(requests.Session, "request", refuse)
    with pytest.raises(SourceError, match="ConnectionError"):
        source(attempts=2).fetch("600519.SH")


@pytest.mark.parametrize("symbol", ["600519.SH", "510300.SH"])
def test_akshare_empty_answer_names_the_symbol(eastmoney, symbol):
    eastmoney.answer = lambda path, query: (200, '{"rc":102,"data":null}')
    with pytest.raises(SourceError, match=symbol):
        source().fetch(symbol)
    assert len(eastmoney.asked) == 1


def test_akshare_index_without_data_names_the_symbol(eastmoney):
    eastmoney.answer = lambda path, query: (200, '{"rc":102,"data":null}')
    with pytest.raises(SourceError, match=r"000300\.SH"):
        source().fetch("000300.SH")


def test_akshare_changed_column_is_not_retried(eastmoney):
    def more(path, query):
        body = kline(query)
        body["data"]["klines"] = [f"{row},1,2" for row in body["data"]["klines"]]
        return 200, json.dumps(body)

    eastmoney.answer = more
    with pytest.raises(SourceError, match="form that the library does not know"):
        source().fetch("600519.SH")
    assert len(eastmoney.asked) == 1


def test_akshare_renamed_column_is_named(eastmoney, monkeypatch):
    import akshare

    real = akshare.stock_zh_a_hist
    monkeypatch.setattr(
        akshare, "stock_zh_a_hist", lambda **k: real(**k).rename(columns={"收盘": "收市"})
    )
    with pytest.raises(SourceError, match=r"lacks 'close'.*收市"):
        source().fetch("600519.SH")


def test_akshare_running_session_is_left_out(eastmoney, at):
    at("2024-01-05 06:59")  # 14:59 in Shanghai
    assert str(source().fetch("600519.SH").sessions[-1].date()) == "2024-01-04"
    at("2024-01-05 07:31")  # 15:31
    assert str(source().fetch("600519.SH").sessions[-1].date()) == "2024-01-05"


def test_akshare_impossible_row_is_refused_or_dropped_with_a_note(eastmoney):
    bad = {**RAW, "2024-01-03": (10.2, 10.5, 10.3, 10.1, 1200, 1.0)}
    eastmoney.answer = lambda path, query: (200, json.dumps(kline(query, bad)))
    with pytest.raises(DataError, match="2024-01-03"):
        source().fetch("600519.SH")
    forgiving = source(on_bad="drop")
    assert len(forgiving.fetch("600519.SH")) == len(RAW) - 1
    assert "dropped 1 of 4 rows" in forgiving.take_notes()[0]
    assert forgiving.take_notes() == ()


@pytest.mark.parametrize("symbol", ["AAPL", "900901.SH", "113050.SH"])
def test_akshare_symbol_out_of_reach_is_refused_without_a_request(eastmoney, symbol):
    with pytest.raises(DataError, match=symbol):
        source().fetch(symbol)
    assert eastmoney.asked == []


def test_akshare_pause_keeps_requests_apart(eastmoney, monkeypatch):
    from qushi.market.sources import _network

    slept, clock = [], [100.0]
    monkeypatch.setattr(_network.time, "monotonic", lambda: clock[0])

    def sleep(seconds):
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(_network.time, "sleep", sleep)
    source(pause=3).fetch("600519.SH")
    assert slept == [3.0]
