"""The real akshare against a local server that answers as Tencent, Sina, Eastmoney and others do."""

import numpy as np
import pandas as pd
import pytest

from akshare_sites import Act, stock
from qushi.core import DataError, SourceError
from qushi.market import load_bars
from qushi.market.sources.akshare import Akshare

BACK_ENDS = ("tencent", "sina", "eastmoney")
each_back_end = pytest.mark.parametrize("back_end", BACK_ENDS)


def source(**settings):
    return Akshare(**{"pause": 0, "first_wait": 0, "attempts": 2, "timeout": 5, **settings})


@pytest.mark.parametrize("symbol", ["600519.SH", "000001.SZ", "688981.SH", "300750.SZ", "830799.BJ"])
@each_back_end
def test_akshare_raw_share_is_the_same_from_every_back_end(sites, back_end, symbol):
    truth = sites.answer.stocks[symbol]
    bars = source(backends=[back_end]).fetch(symbol)
    frame = bars.one(symbol)
    assert bars.adjustment == "raw"
    assert list(frame.index) == list(truth.rows.index)
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(frame[name], truth.rows[name], rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(frame["amount"], truth.rows["amount"], atol=60)  # Tencent's are rounded
    np.testing.assert_allclose(frame["factor"], truth.factor(), rtol=1e-12)
    assert bars.actions.known == {symbol}
    assert len(bars.actions) == len(truth.acts) > 0


@each_back_end
def test_akshare_fund_has_three_decimals_and_dividends(sites, back_end):
    truth = sites.answer.stocks["510300.SH"]
    bars = source(backends=[back_end]).fetch("510300.SH")
    frame = bars.one("510300.SH")
    np.testing.assert_allclose(frame["close"], truth.rows["close"], rtol=1e-12)
    np.testing.assert_allclose(frame["volume"], truth.rows["volume"], rtol=1e-12)
    np.testing.assert_allclose(frame["factor"], truth.factor(), rtol=1e-12)
    assert list(bars.actions.one("510300.SH")["cash"]) == [act.cash for act in truth.acts]


@pytest.mark.parametrize("symbol", ["000300.SH", "399001.SZ"])
@each_back_end
def test_akshare_index_is_its_own_and_has_no_actions(sites, back_end, symbol):
    bars = source(backends=[back_end]).fetch(symbol)
    truth = sites.answer.stocks[symbol].rows
    np.testing.assert_allclose(bars.one(symbol)["close"], truth["close"], rtol=1e-12)
    np.testing.assert_allclose(bars.one(symbol)["volume"], truth["volume"], rtol=1e-12)
    assert (bars.one(symbol)["factor"] == 1).all()
    assert bars.actions.known == {symbol}
    assert not len(bars.actions)


@each_back_end
def test_akshare_window_holds_its_sessions_only(sites, back_end):
    bars = source(backends=[back_end]).fetch("600519.SH", "2023-03-01", "2023-03-31")
    assert bars.sessions[0] == pd.Timestamp("2023-03-01")
    assert bars.sessions[-1] == pd.Timestamp("2023-03-31")
    assert len(bars) == 23


@each_back_end
def test_akshare_two_sessions_are_enough(sites, back_end):
    """How the site adjusts is learnt from the sessions before."""
    acts = (Act("2023-02-10", cash=9.0), Act("2023-03-15", cash=0.5))
    truth = sites.answer.stocks["600519.SH"] = stock("600519.SH", "2023-01-03", "2023-06-30", acts)
    for start, end in (("2023-03-14", "2023-03-15"), ("2023-03-15", "2023-03-16")):
        bars = source(backends=[back_end]).fetch("600519.SH", start, end)
        assert list(bars.actions.one("600519.SH").index) == [pd.Timestamp("2023-03-15")]
        factor, whole = bars.one("600519.SH")["factor"], truth.factor().loc[start:end]
        assert len(bars) == 2
        np.testing.assert_allclose(factor / factor.iloc[0], whole / whole.iloc[0])


@each_back_end
def test_akshare_window_without_sessions_of_the_symbol_is_refused(sites, back_end):
    rows = sites.answer.stocks["600519.SH"].rows
    sites.answer.stocks["600519.SH"].rows = rows.drop(rows.loc["2023-03-06":"2023-03-10"].index)
    with pytest.raises(SourceError, match="no bars from 2023-03-06 to 2023-03-10"):
        source(backends=[back_end]).fetch("600519.SH", "2023-03-06", "2023-03-10")


@each_back_end
def test_akshare_adjusted_share_is_marked_and_counts_shares(sites, back_end):
    truth = sites.answer.stocks["600519.SH"]
    bars = source(backends=[back_end], adjust="hfq").fetch("600519.SH")
    back = truth.rows["close"] * truth.factor() if back_end == "sina" else truth.added()
    assert bars.adjustment == "adjusted"
    np.testing.assert_allclose(bars.one("600519.SH")["close"], back, atol=0.0051)
    np.testing.assert_allclose(bars.one("600519.SH")["volume"], truth.rows["volume"], rtol=1e-12)
    assert sites.times("cninfo") + sites.times("p_sysapi") == 0


def test_akshare_index_may_stand_among_adjusted_shares(sites):
    bars = load_bars(source(adjust="hfq"), ["600519.SH", "000300.SH"])
    assert bars.adjustment == "adjusted"


def test_akshare_ex_dividend_drop_vanishes_in_the_adjusted_close(sites):
    bars = source().fetch("600519.SH")
    ex = pd.Timestamp(sites.answer.stocks["600519.SH"].acts[0].ex)
    assert bars.one("600519.SH")["close"].pct_change()[ex] < -0.25
    assert abs(bars.adjusted("close")["600519.SH"].pct_change()[ex]) < 0.08


def test_akshare_tencent_lots_that_akshare_leaves_are_measured(sites):
    """akshare multiplies Tencent's lots by 100, but not those of Shenzhen's 000 codes."""
    import akshare

    left = akshare.stock_zh_a_hist_tx("sz000001", "2023-01-01", "2023-12-31")
    truth = sites.answer.stocks["000001.SZ"].rows
    assert np.allclose(left["volume"] * 100, truth["volume"])
    bars = source(backends=["tencent"]).fetch("000001.SZ")
    assert list(bars.one("000001.SZ")["volume"]) == list(truth["volume"])


@each_back_end
def test_akshare_volume_that_fits_no_unit_is_refused(sites, back_end):
    sites.answer.stocks["600519.SH"].rows["volume"] *= 7
    with pytest.raises(SourceError, match=rf"600519\.SH.*{back_end.title()}.*neither lots nor shares"):
        source(backends=[back_end]).fetch("600519.SH")


def test_akshare_tencent_index_without_amount_has_no_unit(sites):
    sites.answer.stocks["000300.SH"].rows["amount"] = 0
    with pytest.raises(SourceError, match="lots or shares"):
        source(backends=["tencent"]).fetch("000300.SH")
    assert len(source(backends=["sina"]).fetch("000300.SH"))


def test_akshare_change_of_eastmoney_is_not_taken_for_the_reference(sites):
    frame = source(backends=["eastmoney"]).fetch("600519.SH").one("600519.SH")
    assert frame["pre_close"].isna().all()


def test_akshare_fund_of_sina_has_the_reference_price(sites):
    truth = sites.answer.stocks["510300.SH"]
    frame = source(backends=["sina"]).fetch("510300.SH").one("510300.SH")
    np.testing.assert_allclose(frame["pre_close"], truth.reference.round(3), rtol=1e-12)


def test_akshare_running_session_is_left_out(sites, at):
    at("2023-06-30 06:59")  # 14:59 in Shanghai
    assert str(source().fetch("600519.SH").sessions[-1].date()) == "2023-06-29"
    at("2023-06-30 07:31")  # 15:31
    assert str(source().fetch("600519.SH").sessions[-1].date()) == "2023-06-30"


def test_akshare_impossible_row_is_refused_or_dropped_with_a_note(sites):
    rows = sites.answer.stocks["600519.SH"].rows
    rows.iloc[5, rows.columns.get_loc("high")] = rows["low"].iloc[5]
    with pytest.raises(DataError, match=f"{rows.index[5]:%Y-%m-%d}"):
        source().fetch("600519.SH")
    forgiving = source(on_bad="drop")
    assert len(forgiving.fetch("600519.SH")) == len(rows) - 1
    assert any(f"dropped 1 of {len(rows)} rows" in note for note in forgiving.take_notes())


@pytest.mark.parametrize("symbol", ["AAPL", "900901.SH", "113050.SH"])
def test_akshare_symbol_out_of_reach_is_refused_without_a_request(sites, symbol):
    with pytest.raises(DataError, match=symbol):
        source().fetch(symbol)
    assert sites.asked == []


def test_akshare_back_end_named_twice_is_refused():
    with pytest.raises(ValueError, match="named twice"):
        Akshare(backends=["sina", "sina"])


def test_akshare_progress_bars_of_the_library_are_off(sites, capsys):
    source(backends=["tencent"]).fetch("600519.SH")
    assert capsys.readouterr().err == ""


def test_akshare_every_single_request_waits_its_turn_and_has_the_timeout(sites, monkeypatch):
    import requests

    from qushi.core import manners

    slept, clock, timeouts = [], [100.0], []
    monkeypatch.setattr(manners.time, "monotonic", lambda: clock[0])
    send = requests.Session.request

    def sleep(seconds):
        slept.append(seconds)
        clock[0] += seconds

    def watched(self, method, url, **kwargs):
        timeouts.append(kwargs["timeout"])
        return send(self, method, url, **kwargs)

    monkeypatch.setattr(manners.time, "sleep", sleep)
    monkeypatch.setattr(requests.Session, "request", watched)
    for symbol in ("600519.SH", "000001.SZ", "510300.SH", "000300.SH"):
        for back_end in BACK_ENDS:
            source(pause=3, timeout=7, backends=[back_end]).fetch(symbol)
    assert set(timeouts) == {7.0}
    assert len(timeouts) == len(sites.asked)
    assert slept == [3.0] * (len(timeouts) - 12)  # all but the first of each source
    assert requests.Session.request is watched
