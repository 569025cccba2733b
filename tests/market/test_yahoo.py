"""The real yfinance against a local server that answers as Yahoo does."""

import json
import time

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, SourceError
from qushi.market.sources.yahoo import Yahoo
from qushi.market.store import BarStore
from replay import HalfSent, serve

yfinance = pytest.importorskip("yfinance")

# A 2:1 split on the 4th, a dividend on the 8th; Close is divided by the split, Adj Close by both.
DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
CLOSE = [50.0, 51.0, 52.0, 51.5, 51.0]
DIVIDEND = 1.0
SPLIT_DAY, DIVIDEND_DAY = "2024-01-04", "2024-01-08"
TRADED = [100.0, 102.0, 52.0, 51.5, 51.0]


def chart(symbol="AAPL", zone="America/New_York", opening="09:30", days=DAYS, close=CLOSE, **changes):
    """A body of the v8 chart endpoint."""
    stamps = [int(pd.Timestamp(f"{d} {opening}", tz=zone).timestamp()) for d in days]
    share = 1 - DIVIDEND / 51.5
    adjusted = [c if d >= DIVIDEND_DAY else c * share for d, c in zip(days, close, strict=True)]
    when = dict(zip(days, stamps, strict=True))
    quote = {
        "open": [c - 0.5 for c in close],
        "high": [c + 1 for c in close],
        "low": [c - 1 for c in close],
        "close": list(close),
        "volume": [1000 * (i + 1) for i in range(len(close))],
    }
    result = {
        "meta": {
            "currency": "USD",
            "symbol": symbol,
            "exchangeName": "NMS",
            "instrumentType": "EQUITY",
            "firstTradeDate": stamps[0],
            "gmtoffset": -18000,
            "timezone": "EST",
            "exchangeTimezoneName": zone,
            "priceHint": 2,
            "dataGranularity": "1d",
            "range": "",
            "validRanges": ["1d", "5d", "1mo", "1y", "max"],
            "currentTradingPeriod": {
                period: {
                    "timezone": "EST",
                    "start": stamps[-1],
                    "end": stamps[-1] + 3600,
                    "gmtoffset": -18000,
                }
                for period in ("pre", "regular", "post")
            },
        },
        "timestamp": stamps,
        "events": {},
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": adjusted}]},
    }
    if DIVIDEND_DAY in when:
        result["events"]["dividends"] = {
            str(when[DIVIDEND_DAY]): {"amount": DIVIDEND, "date": when[DIVIDEND_DAY]}
        }
    if SPLIT_DAY in when:
        result["events"]["splits"] = {
            str(when[SPLIT_DAY]): {
                "date": when[SPLIT_DAY],
                "numerator": 2.0,
                "denominator": 1.0,
                "splitRatio": "2:1",
            }
        }
    result.update(changes)
    return {"chart": {"result": [result], "error": None}}


def day_of(stamp, zone="America/New_York"):
    return f"{pd.Timestamp(stamp, unit='s', tz='UTC').tz_convert(zone):%Y-%m-%d}"


UNKNOWN = {
    "chart": {
        "result": None,
        "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"},
    }
}


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))


@pytest.fixture
def yahoo(monkeypatch, at):
    """A server whose `answer` a test may swap; every request of yfinance goes there."""
    from yfinance import _http, cache, data

    at("2024-01-10 12:00")

    def answer(path, query):
        if path.startswith("/v8/finance/chart/"):
            return 200, json.dumps(chart(path.rpartition("/")[2]))
        return 200, "crumb"

    class NoZoneKnown:
        def lookup(self, _key):
            return None

        def store(self, _key, _value):
            return None

    with serve(answer) as replay:
        session = type(_http.new_session())
        send = session.request

        def local(self, method, url, *args, **kwargs):
            return send(self, method, replay.local(url), *args, **kwargs)

        monkeypatch.setattr(session, "request", local)
        monkeypatch.setattr(cache, "get_tz_cache", NoZoneKnown)
        monkeypatch.setattr(data.SingletonMeta, "_instances", {})
        yield replay


def source(**settings):
    return Yahoo(**{"pause": 0, "first_wait": 0, **settings})


def charts(replay):
    return [(path.rpartition("/")[2], q) for path, q in replay.asked if "/chart/" in path]


def test_yahoo_raw_prices_are_as_traded(yahoo):
    bars = source().fetch("AAPL", "2024-01-01", "2024-01-09")
    frame = bars.one("AAPL")
    assert (bars.adjustment, bars.calendar) == ("raw", "XNYS")
    assert [str(s.date()) for s in bars.sessions] == DAYS
    np.testing.assert_allclose(frame["close"], TRADED)
    np.testing.assert_allclose(frame["volume"], [500, 1000, 3000, 4000, 5000])


def test_yahoo_factor_undoes_split_and_dividend(yahoo):
    bars = source().fetch("AAPL")
    change = bars.adjusted("close")["AAPL"].pct_change().to_numpy()[1:]
    # Total return by hand: the split changes nothing, the dividend is reinvested at the last close.
    by_hand = [51 / 50 - 1, 52 / 51 - 1, 51.5 / 52 - 1, 51.0 / (51.5 - DIVIDEND) - 1]
    np.testing.assert_allclose(change, by_hand, rtol=1e-9)
    assert bars.one("AAPL")["factor"].iloc[0] == 1


def test_yahoo_actions_are_in_the_units_of_their_day(yahoo):
    # Yahoo divides the dividend of the 3rd by the split of the 4th, as it does the closes before it.
    body = chart()
    events = body["chart"]["result"][0]["events"]
    (stamp,) = [s for s in body["chart"]["result"][0]["timestamp"] if day_of(s) == "2024-01-03"]
    events["dividends"][str(stamp)] = {"amount": 0.5, "date": stamp}
    adjusted = body["chart"]["result"][0]["indicators"]["adjclose"][0]["adjclose"]
    adjusted[0] *= 1 - 0.5 / CLOSE[0]
    yahoo.answer = lambda path, query: (200, json.dumps(body))
    polite = source()
    bars = polite.fetch("AAPL")
    actions = bars.actions.one("AAPL")
    assert actions["cash"].to_dict() == {
        pd.Timestamp("2024-01-03"): 1.0,
        pd.Timestamp(SPLIT_DAY): 0.0,
        pd.Timestamp(DIVIDEND_DAY): DIVIDEND,
    }
    assert actions["split"].tolist() == [0.0, 1.0, 0.0]
    assert actions["pay_session"].isna().all()
    # A share bought for 100, its dividends put into it at the reference price, step by step.
    worth = bars.adjusted("close")["AAPL"].to_numpy()
    shares = [1.0, 1 / (1 - 1.0 / 100), 2 / (1 - 1.0 / 100)]
    shares += [shares[-1], shares[-1] / (1 - DIVIDEND / 51.5)]
    np.testing.assert_allclose(worth, np.multiply(shares, TRADED), rtol=1e-12)
    assert polite.take_notes() == ()


def test_yahoo_dividend_of_a_split_day_is_paid_on_the_shares_before_it(yahoo):
    # Taiwan pays in cash and in shares on one day: 1 dollar after a 2:1 split is 2 before it.
    body = chart()
    result = body["chart"]["result"][0]
    (dividend,) = result["events"]["dividends"].values()
    (split,) = result["events"]["splits"].values()
    result["events"]["dividends"] = {str(split["date"]): {**dividend, "date": split["date"]}}
    share = 1 - DIVIDEND / CLOSE[1]
    adjusted = [c * share if d < SPLIT_DAY else c for d, c in zip(DAYS, CLOSE, strict=True)]
    result["indicators"]["adjclose"] = [{"adjclose": adjusted}]
    yahoo.answer = lambda path, query: (200, json.dumps(body))
    polite = source()
    bars = polite.fetch("AAPL")
    row = bars.actions.one("AAPL").loc[SPLIT_DAY]
    assert (row["cash"], row["split"]) == (2.0, 1.0)
    worth = bars.adjusted("close")["AAPL"].to_numpy()
    np.testing.assert_allclose(worth / worth[0], np.divide(adjusted, adjusted[0]), rtol=1e-9)
    assert polite.take_notes() == ()


def test_yahoo_event_without_a_price_is_an_action_all_the_same(yahoo):
    body = chart()
    quote = body["chart"]["result"][0]["indicators"]
    for values in (*quote["quote"][0].values(), quote["adjclose"][0]["adjclose"]):
        values[2] = None  # the row of the split
    yahoo.answer = lambda path, query: (200, json.dumps(body))
    bars = source().fetch("AAPL")
    assert bars.actions.one("AAPL").loc[SPLIT_DAY, "split"] == 1.0
    worth = bars.adjusted("close")["AAPL"]
    assert worth.loc["2024-01-05"] / worth.loc["2024-01-03"] == pytest.approx(51.5 * 2 / 102)


def test_yahoo_adjusted_close_that_tells_another_story_is_noted(yahoo):
    body = chart()
    body["chart"]["result"][0]["events"].pop("dividends")
    yahoo.answer = lambda path, query: (200, json.dumps(body))
    polite = source()
    bars = polite.fetch("AAPL")
    assert "on 2024-01-08 Yahoo's Adj Close is adjusted by 1.98%" in polite.take_notes()[0]
    assert bars.one("AAPL")["factor"].iloc[-1] == 2.0  # the split alone


def test_yahoo_adjusted_prices_carry_no_actions(yahoo):
    assert source(adjust="adjusted").fetch("AAPL").actions.known == frozenset()


def test_yahoo_end_before_a_split_still_knows_of_it(yahoo):
    early = source().fetch("AAPL", "2024-01-02", "2024-01-03").one("AAPL")
    np.testing.assert_allclose(early["close"], TRADED[:2])
    np.testing.assert_allclose(early["factor"], [1.0, 1.0])


def test_yahoo_adjusted_prices_are_marked(yahoo):
    bars = source(adjust="adjusted").fetch("AAPL")
    raw = source().fetch("AAPL")
    assert bars.adjustment == "adjusted"
    np.testing.assert_allclose(
        bars.adjusted("open")["AAPL"].pct_change().dropna(),
        raw.adjusted("open")["AAPL"].pct_change().dropna(),
    )
    assert bars.one("AAPL")["close"].iloc[-1] == CLOSE[-1]


def test_yahoo_class_of_share_is_asked_with_a_dash(yahoo):
    assert source().fetch("BRK.B").symbols == ("BRK.B",)
    assert {symbol for symbol, _ in charts(yahoo)} == {"BRK-B"}


def test_yahoo_shanghai_is_asked_as_ss(yahoo):
    yahoo.answer = lambda path, query: (200, json.dumps(chart("600519.SS", "Asia/Shanghai")))
    bars = source().fetch("600519.SH")
    assert bars.calendar == "XSHG"
    assert {symbol for symbol, _ in charts(yahoo)} == {"600519.SS"}


def test_yahoo_taiwan_sessions_are_local_days(yahoo):
    yahoo.answer = lambda path, query: (200, json.dumps(chart("0050.TW", "Asia/Taipei", "09:00")))
    bars = source().fetch("0050.TW")
    assert bars.calendar == "XTAI"
    assert [str(s.date()) for s in bars.sessions] == DAYS


def test_yahoo_wrong_zone_in_the_cache_moves_no_session(yahoo, monkeypatch):
    from yfinance import cache

    class WrongZone:
        def lookup(self, _key):
            return "Asia/Tokyo"

        def store(self, _key, _value):
            return None

    monkeypatch.setattr(cache, "get_tz_cache", WrongZone)
    assert [str(s.date()) for s in source().fetch("AAPL", "2024-01-01").sessions] == DAYS


def test_yahoo_weekend_row_is_dropped_with_a_note(yahoo):
    days = [*DAYS[:4], "2024-01-06", DAYS[4]]
    body = chart(days=days, close=[*CLOSE[:4], 51.2, CLOSE[4]])
    yahoo.answer = lambda path, query: (200, json.dumps(body))
    polite = source()
    assert len(polite.fetch("AAPL")) == len(DAYS)
    assert "not a session of XNYS" in polite.take_notes()[0]


def test_yahoo_row_without_prices_is_dropped_with_a_note(yahoo):
    body = chart()
    for column in ("open", "high", "low", "close"):
        body["chart"]["result"][0]["indicators"]["quote"][0][column][4] = None
    body["chart"]["result"][0]["indicators"]["adjclose"][0]["adjclose"][4] = None
    yahoo.answer = lambda path, query: (200, json.dumps(body))
    polite = source()
    assert len(polite.fetch("AAPL")) == len(DAYS) - 1
    assert "without any price" in polite.take_notes()[0]


def test_yahoo_running_session_is_left_out(yahoo, at):
    at("2024-01-08 20:59")  # 15:59 in New York
    assert str(source().fetch("AAPL").sessions[-1].date()) == "2024-01-05"
    at("2024-01-08 21:31")
    assert str(source().fetch("AAPL").sessions[-1].date()) == "2024-01-08"


def test_yahoo_unknown_symbol_is_an_error_not_an_empty_frame(yahoo):
    yahoo.answer = lambda path, query: (404, json.dumps(UNKNOWN))
    with pytest.raises(SourceError, match="NOSUCH"):
        source().fetch("NOSUCH", "2024-01-01")


def test_yahoo_no_rows_in_the_answer_is_an_error(yahoo):
    body = chart()
    result = body["chart"]["result"][0]
    result.pop("timestamp")
    result["indicators"] = {"quote": [{}], "adjclose": [{}]}
    yahoo.answer = lambda path, query: (200, json.dumps(body))
    with pytest.raises(SourceError, match="AAPL"):
        source().fetch("AAPL", "2024-01-01")


def test_yahoo_error_page_then_answer_is_retried(yahoo):
    good, failures = yahoo.answer, iter(range(4))

    def flaky(path, query):
        if "/chart/" in path and next(failures, None) is not None:
            return 500, "<html>Internal Server Error</html>"
        return good(path, query)

    yahoo.answer = flaky
    assert len(source(attempts=6).fetch("AAPL", "2024-01-01")) == len(DAYS)


def test_yahoo_rate_limit_for_ever_names_symbol_and_tries(yahoo):
    yahoo.answer = lambda path, query: (429, "Too Many Requests")
    with pytest.raises(SourceError, match=r"AAPL.*after 2 tries.*[Rr]ate"):
        source(attempts=2).fetch("AAPL", "2024-01-01")


def test_yahoo_changed_column_is_named(yahoo, monkeypatch):
    real = yfinance.Ticker.history
    monkeypatch.setattr(
        yfinance.Ticker, "history", lambda self, **k: real(self, **k).rename(columns={"Close": "Last"})
    )
    with pytest.raises(SourceError, match=r"lacks 'Close'.*Last"):
        source().fetch("AAPL")


def test_yahoo_leaves_yfinance_settings_as_they_were(yahoo):
    before = yfinance.config.debug.hide_exceptions
    source().fetch("AAPL")
    assert yfinance.config.debug.hide_exceptions == before


DAMAGES = {
    "Yahoo-page": (200, "<html><title>Will be right back</title></html>"),
    "consent-page": (200, "<html><title>Your privacy</title></html>"),
    "forbidden": (403, "<html><title>Forbidden</title></html>"),
    "half-sent": (200, HalfSent(json.dumps(chart()).encode())),
    "empty": (200, ""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_yahoo_damaged_answer_is_one_sentence_that_names_the_symbol(yahoo, damage):
    good = yahoo.answer
    yahoo.answer = lambda path, query: DAMAGES[damage] if "/chart/" in path else good(path, query)
    with pytest.raises(SourceError, match=r"^AAPL from Yahoo did not arrive after 2 tries"):
        source(attempts=2).fetch("AAPL", "2024-01-01")


def test_yahoo_silence_ends_after_the_time_out(yahoo):
    good = yahoo.answer

    def slow(path, query):
        time.sleep(1 if "/chart/" in path else 0)
        return good(path, query)

    yahoo.answer = slow
    with pytest.raises(SourceError, match=r"^AAPL from Yahoo did not arrive.*timed out"):
        source(attempts=1, timeout=0.2).fetch("AAPL", "2024-01-01")


def test_yahoo_bars_come_back_from_the_store_as_they_went_in(yahoo, tmp_path):
    store = BarStore(tmp_path)
    assert store.update("yahoo", source(), ["AAPL"], "2024-01-01").failed == ()
    stored = store.read("yahoo", "AAPL")
    assert isinstance(stored, Bars)
    assert stored.fingerprint == source().fetch("AAPL", "2024-01-01").fingerprint


def test_yahoo_update_that_fails_for_one_keeps_the_others_and_goes_on(yahoo, tmp_path):
    symbols = ["AAPL", "IBM", "KO", "MSFT", "PG"]
    good = yahoo.answer
    yahoo.answer = lambda path, query: (403, "no") if path.endswith("/MSFT") else good(path, query)
    store = BarStore(tmp_path)
    first = store.update("yahoo", source(attempts=1), symbols, "2024-01-01")
    assert [u.symbol for u in first.failed] == ["MSFT"]
    assert "MSFT from Yahoo" in first.failed[0].detail
    assert store.symbols("yahoo") == ("AAPL", "IBM", "KO", "PG")
    yahoo.answer = good
    yahoo.asked.clear()
    # The 9th is over, Yahoo ends on the 8th: all are asked again, none is taken for complete.
    second = store.update("yahoo", source(), symbols, "2024-01-01")
    assert [u.outcome for u in second.updates] == [*["unchanged"] * 3, "new", "unchanged"]
    assert all(u.late for u in second.updates)
    assert "lack the last session" in second.notes[-1]


def test_yahoo_split_after_the_stored_sessions_changes_none_of_them(yahoo, at, tmp_path):
    at("2024-01-03 22:00")
    before = chart(days=DAYS[:2], close=CLOSE[:2])
    quote = before["chart"]["result"][0]["indicators"]
    for name, values in quote["quote"][0].items():
        quote["quote"][0][name] = [v / 2 if name == "volume" else v * 2 for v in values]
    quote["adjclose"] = [{"adjclose": TRADED[:2]}]
    yahoo.answer = lambda path, query: (200, json.dumps(before))
    store = BarStore(tmp_path)
    store.update("yahoo", source(), ["AAPL"], "2024-01-01")
    at("2024-01-08 22:00")
    yahoo.answer = lambda path, query: (200, json.dumps(chart()))
    report = store.update("yahoo", source(), ["AAPL"])
    assert (report.updates[0].outcome, report.updates[0].added) == ("appended", 3)
    stored = store.read("yahoo", "AAPL")
    assert stored.one("AAPL")["close"].tolist() == pytest.approx(TRADED)
    assert stored.fingerprint == source().fetch("AAPL", "2024-01-01").fingerprint


def test_yahoo_vix_has_no_volume_and_is_known_in_shanghai_a_session_later(yahoo):
    from qushi.app.config import parse_experiment
    from qushi.app.series import named_series

    body = chart("^VIX")
    body["chart"]["result"][0]["events"] = {}
    indicators = body["chart"]["result"][0]["indicators"]
    indicators["quote"][0]["volume"] = [0] * len(DAYS)
    indicators["adjclose"] = [{"adjclose": CLOSE}]
    yahoo.answer = lambda path, query: (200, json.dumps(body) if "/chart/" in path else "crumb")
    table = {
        "name": "x",
        "bars": {"kind": "sample", "symbols": ["000300.SH"], "start": "2024-01-02"},
        "series": [
            {"name": "vix", "symbol": "^VIX", "source": {"kind": "yahoo", "pause": 0, "first_wait": 0}}
        ],
    }
    (vix,) = named_series(parse_experiment(table), ["vix"], "XSHG")
    at = pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-04"])
    np.testing.assert_array_equal(vix.at(at, "XSHG")[:, 0], [np.nan, *CLOSE[:2]])
