"""What goes wrong on the way to the sites behind akshare, and what is said of it."""

import json
import re
import time

import numpy as np
import pandas as pd
import pytest
import requests

from qushi.core import SourceError
from qushi.market.sources.akshare import Akshare
from qushi.market.store import BarStore
from replay import HalfSent

PAGE = "<!DOCTYPE html><html><head><title>安全 验证</title></head><body>…</body></html>"
SYMBOLS = ("600519.SH", "000001.SZ", "688981.SH", "300750.SZ", "510300.SH")
PRICES = {"tencent": "newfqkline", "sina": "/hisdata", "eastmoney": "/kline/get"}
EMPTY = {
    "tencent": 'kline_day={"code":0,"msg":"","data":{"sh600519":{"day":[]}}}',
    "sina": 'var KLC_KL_sh600519="";',
    "eastmoney": '{"rc":102,"data":null}',
}
CHANGED = {
    "tencent": 'kline_day={"code":0,"data":{"sh600519":{"day":[["2023-01-03",1,1,1,1]]}}}',
    "sina": 'var KLC_KL_sh600519="AAAAAAAAAAAA";',
    "eastmoney": '{"rc":0,"data":{"klines":["2023-01-03,1,1,1,1,1"]}}',
}
each_back_end = pytest.mark.parametrize("back_end", PRICES)


def source(**settings):
    return Akshare(**{"pause": 0, "first_wait": 0, "attempts": 2, "timeout": 5, **settings})


def broken(sites, part, failure, only=None):
    """Answer requests for `part` (of the symbol `only`) with `failure`, the others as before."""
    good = sites.answer

    def answer(path, query):
        if part in path and (only is None or only in path + "".join(query.values())):
            return failure() if callable(failure) else failure
        return good(path, query)

    sites.answer = answer
    return good


def late():
    time.sleep(0.6)
    return 200, "{}"


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ((200, PAGE), "after 2 tries.*a page, entitled '安全 验证', instead of data"),
        ((403, PAGE), "after 2 tries.*HTTPError: 403"),
        ((502, ""), "after 2 tries.*HTTPError: 502"),
        ((200, ""), "after 2 tries.*an empty answer"),
        ((200, HalfSent(b"{" + b" " * 500)), r"after 2 tries.*(IncompleteRead|Connection)"),
        (late, "after 2 tries.*[Tt]imed? ?out"),
    ],
    ids=["page", "forbidden", "bad gateway", "nothing", "half", "late"],
)
@each_back_end
def test_akshare_failure_on_the_way_is_tried_again_then_named(sites, back_end, failure, said):
    broken(sites, PRICES[back_end], failure)
    with pytest.raises(SourceError, match=rf"600519\.SH.*{back_end}.*{said}"):
        source(backends=[back_end], timeout=0.3).fetch("600519.SH")
    assert sites.times(PRICES[back_end]) == 2


@pytest.mark.parametrize("body", [EMPTY, CHANGED], ids=["empty", "changed"])
@each_back_end
def test_akshare_answer_without_bars_is_not_asked_for_again(sites, back_end, body):
    broken(sites, PRICES[back_end], (200, body[back_end]))
    with pytest.raises(SourceError, match=rf"600519\.SH.*{back_end}"):
        source(backends=[back_end]).fetch("600519.SH")
    asked = [str(query) for path, query in sites.asked if PRICES[back_end] in path]
    assert len(asked) == len(set(asked)) > 0  # of Tencent every year once


@pytest.mark.parametrize(
    ("failure", "tries", "said"),
    [
        ((200, PAGE), 2, "did not arrive"),
        ((200, "{}"), 1, "form that the library does not know|the site or akshare has changed"),
    ],
    ids=["page", "changed"],
)
@pytest.mark.parametrize(
    ("part", "symbol", "back_end"),
    [
        ("p_sysapi1139", "600519.SH", "sina"),
        ("p_stock2232", "600519.SH", "sina"),
        ("weekTrends", "600519.SH", "tencent"),
        ("ShareAmount", "600519.SH", "sina"),
        ("hfq.js", "600519.SH", "sina"),
        ("hfq.js", "510300.SH", "eastmoney"),
        ("/kline/get", "510300.SH", "eastmoney"),
        ("/kline/get", "000300.SH", "eastmoney"),
        ("ommonQuery", "600519.SH", "sina"),
        ("ShowReport", "000001.SZ", "sina"),
        ("nqxxCnzq", "830799.BJ", "sina"),
    ],
)
def test_akshare_every_site_is_named_when_it_fails(sites, part, symbol, back_end, failure, tries, said):
    """What prices do not need is a note, the rest an error."""
    broken(sites, part, failure)
    taken = source(backends=[back_end])
    try:
        taken.fetch(symbol)
        found = [note for note in taken.take_notes() if re.search(said, note)]
    except SourceError as error:
        found = [str(error)]
    assert found
    assert re.search(said, found[0])
    asked = [str(query) for path, query in sites.asked if part in path]
    assert len(asked) == tries * len(set(asked))


def test_akshare_symbol_that_is_not_there_is_asked_for_once(sites):
    broken(sites, PRICES["sina"], (404, ""))
    with pytest.raises(SourceError, match="404: the site has nothing there"):
        source(backends=["sina"]).fetch("600519.SH")
    assert sites.times(PRICES["sina"]) == 1


def test_akshare_renamed_column_is_named(sites, monkeypatch):
    import akshare

    real = akshare.stock_zh_a_hist
    monkeypatch.setattr(
        akshare, "stock_zh_a_hist", lambda **k: real(**k).rename(columns={"收盘": "收市"})
    )
    with pytest.raises(SourceError, match=r"lacks 'close'.*收市"):
        source(backends=["eastmoney"]).fetch("600519.SH")


def test_akshare_first_try_may_fail(sites):
    good = sites.answer
    failures = iter([(502, PAGE), (200, "")])
    sites.answer = lambda path, query: (
        (next(failures, None) if PRICES["eastmoney"] in path else None) or good(path, query)
    )
    taken = source(backends=["eastmoney"], attempts=3)
    assert len(taken.fetch("600519.SH")) == len(good.stocks["600519.SH"].rows)
    assert not any("served by" in note for note in taken.take_notes())


@pytest.mark.parametrize("failing", [("tencent",), ("tencent", "sina")])
def test_akshare_fallback_serves_the_symbol_whole_and_is_said(sites, failing):
    truth = sites.answer.stocks["600519.SH"].rows
    for back_end in failing:
        broken(sites, PRICES[back_end], (403, PAGE))
    taken = source()
    frame = taken.fetch("600519.SH").one("600519.SH")
    served = "sina" if failing == ("tencent",) else "eastmoney"
    said = taken.take_notes()[0]
    assert said.startswith(f"600519.SH is served by {served}; tencent: the raw series of 600519.SH")
    assert said.count("403") == len(failing)
    np.testing.assert_allclose(frame["close"], truth["close"], rtol=1e-12)


def test_akshare_that_fails_in_the_middle_of_tencents_years_is_not_spliced(sites):
    """The traded prices arrived, the adjusted ones did not: nothing of Tencent's is used."""
    good = broken(sites, PRICES["tencent"], (403, PAGE), only="hfq")
    taken = source()
    amounts = taken.fetch("600519.SH").one("600519.SH")["amount"]
    assert list(amounts) == list(good.stocks["600519.SH"].rows["amount"])  # Tencent's are rounded
    assert "served by sina; tencent: the hfq series" in taken.take_notes()[0]


def test_akshare_all_back_ends_failing_are_named_with_their_reasons(sites):
    broken(sites, PRICES["tencent"], (200, PAGE))
    broken(sites, PRICES["sina"], (404, ""))
    broken(sites, PRICES["eastmoney"], (200, EMPTY["eastmoney"]))
    with pytest.raises(SourceError, match=r"no back end of akshare has 600519\.SH") as caught:
        source().fetch("600519.SH")
    assert re.search("tencent: .*a page.*sina: .*404.*eastmoney: .*no bars from", str(caught.value))
    assert str(caught.value).endswith("Try again later")


def test_akshare_back_end_that_never_answers_is_left_alone(sites):
    broken(sites, PRICES["tencent"], (403, PAGE))
    taken = source(attempts=1)
    for symbol in SYMBOLS:
        taken.fetch(symbol)
    assert sites.times("newfqkline") == 3
    assert "left alone after 3 symbols in a row" in taken.take_notes()[-1]


def test_akshare_site_of_actions_that_never_answers_is_left_alone(sites):
    broken(sites, "p_sysapi1139", (403, PAGE))
    taken = source(attempts=1)
    for symbol in ("600519.SH", "000001.SZ", "688981.SH", "300750.SZ"):
        with pytest.raises(SourceError, match="actions = false goes without"):
            taken.fetch(symbol)
    assert sites.times("p_sysapi1139") == 3
    assert sites.times("newfqkline") == 0


def test_akshare_empty_answers_do_not_count_against_a_back_end(sites):
    broken(sites, PRICES["eastmoney"], (200, EMPTY["eastmoney"]))
    taken = source(backends=["eastmoney"])
    for symbol in SYMBOLS:
        with pytest.raises(SourceError, match="no bars"):
            taken.fetch(symbol)
    assert sites.times("/kline/get") == len(SYMBOLS)


def test_akshare_no_connection_is_a_source_error(monkeypatch):
    def refuse(self, method, url, **kwargs):
        raise requests.ConnectionError("nobody there")

    monkeypatch.setattr(requests.Session, "request", refuse)
    with pytest.raises(SourceError, match=r"cninfo.*ConnectionError.*actions = false"):
        source().fetch("600519.SH")
    with pytest.raises(SourceError, match=r"tencent.*sina.*eastmoney.*ConnectionError"):
        source(actions=False).fetch("600519.SH")


@each_back_end
def test_akshare_yesterdays_answer_today_is_said_and_asked_for_again(sites, at, back_end, tmp_path):
    good = sites.answer
    for one in good.stocks.values():
        one.rows, one.whole = one.rows.iloc[:-1], one.rows
    taken, store = source(backends=[back_end]), BarStore(tmp_path)
    report = store.update("akshare", taken, ["600519.SH"])
    assert any(
        "600519.SH ends on 2023-06-29, though 2023-06-30 is over" in note for note in report.notes
    )
    assert store.update("akshare", taken, ["600519.SH"]).updates[0].outcome == "unchanged"
    for one in good.stocks.values():
        one.rows = one.whole
    report = store.update("akshare", taken, ["600519.SH"])
    assert [(u.outcome, u.added) for u in report.updates] == [("appended", 1)]
    assert not any("ends on" in note for note in report.notes)
    stored = store.read("akshare", "600519.SH").one("600519.SH")
    truth = good.stocks["600519.SH"]
    np.testing.assert_allclose(stored["factor"], truth.factor(), rtol=1e-9)
    asked = sites.asked.copy()
    assert store.update("akshare", taken, ["600519.SH"]).updates[0].outcome == "unchanged"
    assert sites.asked == asked


@each_back_end
def test_akshare_update_keeps_what_came_and_goes_on_with_the_rest(sites, back_end, tmp_path):
    """Five symbols, one fails: it is named, the others are stored, the second run asks for it alone."""
    store = BarStore(tmp_path)
    good = broken(sites, PRICES[back_end], (403, PAGE), only="300750")
    report = store.update("akshare", source(backends=[back_end], attempts=1), SYMBOLS)
    assert [u.symbol for u in report.failed] == ["300750.SZ"]
    assert f"{back_end}: the raw series of 300750.SZ" in report.failed[0].detail
    assert store.symbols("akshare") == tuple(sorted(set(SYMBOLS) - {"300750.SZ"}))
    sites.answer = good
    sites.asked.clear()
    again = store.update("akshare", source(backends=[back_end]), SYMBOLS)
    assert {u.symbol: u.outcome for u in again.updates} == {
        **dict.fromkeys(SYMBOLS, "unchanged"),
        "300750.SZ": "new",
    }
    codes = {code for s in SYMBOLS if (code := s[:6]) in json.dumps(sites.asked)}
    assert codes == {"300750"}


def test_akshare_update_over_an_ex_session_continues_the_stored_factor(sites, at, tmp_path):
    truth, store = sites.answer.stocks["600519.SH"], BarStore(tmp_path)
    at("2023-05-19 12:00")  # the session before the rights issue
    store.update("akshare", source(), ["600519.SH"])
    at("2023-07-01 12:00")
    report = store.update("akshare", source(), ["600519.SH"])
    assert report.updates[0].outcome == "appended"
    stored = store.read("akshare", "600519.SH")
    np.testing.assert_allclose(stored.one("600519.SH")["factor"], truth.factor(), rtol=1e-9)
    assert list(stored.actions.one("600519.SH").index) == [pd.Timestamp(a.ex) for a in truth.acts]
