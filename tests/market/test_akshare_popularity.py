"""The real akshare against a local server that ranks shares by their popularity."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError, SourceError
from qushi.core.calendar import sessions
from qushi.market.instruments import board_of
from qushi.market.sources.akshare import Akshare
from replay import serve

# From Wednesday to the Wednesday after, with Saturday and Sunday, the newest first.
RANKS = {
    "2023-07-05": 1, "2023-07-04": 7, "2023-07-03": 12, "2023-07-02": 900, "2023-07-01": 800,
    "2023-06-30": 40, "2023-06-29": 382, "2023-06-28": 1093,
}  # fmt: skip
RANK, FANS = "/stockrank/getHisList", "/stockrank/getHisProfileList"


def answered(rows, fans=None):
    """The two answers behind one question: ranks, and the shares of new and of faithful readers."""
    if fans is None:
        fans = [{"calcTime": f"{day} 23:00:00", "newUidRate": "18.07%", "oldUidRate": "81.93%"}
                for day in RANKS]  # fmt: skip
    bodies = {RANK: rows, FANS: fans}
    return lambda path, query: (200, json.dumps({"code": 0, "data": bodies[path]}))


def listed(ranks):
    return [{"calcTime": day, "rank": rank} for day, rank in ranks.items()]


@pytest.fixture
def site(monkeypatch, at):
    """The site on the evening of 2023-07-05, a session; `site.answer` may be swapped."""
    import requests

    at("2023-07-05 12:00")
    with serve(answered(listed(RANKS))) as replay:
        send = requests.Session.request

        def local(self, method, url, **kwargs):
            return send(self, method, replay.local(url), **kwargs)

        monkeypatch.setattr(requests.Session, "request", local)
        yield replay


def source(**settings):
    return Akshare(**{"pause": 0, "first_wait": 0, "attempts": 2, "timeout": 5, **settings})


def rows(symbol="RANK.600519.SH", **settings):
    close = source(**settings).fetch(symbol).one(symbol)["close"]
    return {f"{day:%Y-%m-%d}": rank for day, rank in close.items()}


@pytest.mark.filterwarnings("error")
def test_popularity_of_a_session_is_the_rank_of_the_session_before(site):
    bars = source().fetch("RANK.600519.SH")
    frame = bars.one("RANK.600519.SH")
    assert bars.calendar == "XSHG"
    assert bars.adjustment == "raw"
    assert rows() == {"2023-06-29": 1093, "2023-06-30": 382, "2023-07-03": 40, "2023-07-04": 12,
                      "2023-07-05": 7}  # fmt: skip
    for price in ("open", "high", "low"):
        assert (frame[price] == frame["close"]).all()
    assert frame["close"].dtype == np.float64
    assert (frame["volume"] == 0).all()
    assert not frame["suspended"].any()


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2023-07-05 07:29", "2023-07-04"),  # 15:29 in Shanghai: the session is not settled
        ("2023-07-05 07:30", "2023-07-05"),
        ("2023-07-05 15:59", "2023-07-05"),  # a minute before midnight: that day's rank still moves
        ("2023-07-06 07:30", "2023-07-06"),
    ],
)
def test_popularity_of_a_day_that_still_runs_stands_nowhere(site, at, now, last):
    at(now)
    found = rows()
    assert max(found) == last
    assert (1 in found.values()) == (last == "2023-07-06")


def test_popularity_asked_on_an_earlier_evening_is_the_first_part_of_what_came_later(site, at):
    at("2023-07-10 12:00")
    whole = rows()
    for today in ("2023-07-05", "2023-07-04", "2023-07-03", "2023-06-30", "2023-06-29"):
        at(f"{today} 12:00")
        so_far = {day: rank for day, rank in RANKS.items() if day < today} | {today: 555}
        site.answer = answered(listed(so_far))
        assert rows() == {day: rank for day, rank in whole.items() if day <= today}


def test_popularity_of_weekends_and_holidays_is_left_out(site, at):
    at("2023-10-20 12:00")
    days = [f"{day:%Y-%m-%d}" for day in pd.date_range("2023-09-20", "2023-10-15")]
    site.answer = answered(listed({day: 1 + number for number, day in enumerate(days)}))
    held = [f"{day:%Y-%m-%d}" for day in sessions("XSHG", "2023-09-20", "2023-10-16")]
    assert rows() == {day: 1 + days.index(before) for before, day in pairwise(held)}


@pytest.mark.parametrize(
    ("symbol", "asked"),
    [("RANK.000665.SZ", "SZ000665"), ("RANK.600519.SH", "SH600519"), ("RANK.688981.SH", "SH688981"),
     ("RANK.300059.SZ", "SZ300059")],
)  # fmt: skip
def test_popularity_is_asked_with_the_exchange_in_front_and_zeros_kept(site, symbol, asked):
    rows(symbol)
    assert [(path, query["srcSecurityCode"]) for path, query in site.asked] == [
        (RANK, asked),
        (FANS, asked),
    ]
    assert board_of(symbol) == "index"


@pytest.mark.parametrize(
    "symbol",
    ["RANK.000300.SH", "RANK.510300.SH", "RANK.920002.BJ", "RANK.SH", "RANK.665.SZ", "RANK.QVIX.SH"],
)
def test_popularity_of_what_is_no_share_is_refused_unasked(site, symbol):
    with pytest.raises(DataError, match="only shares of Shanghai and Shenzhen are ranked"):
        rows(symbol)
    assert site.asked == []


@pytest.mark.parametrize("nothing", [[], None])
def test_popularity_of_an_unknown_share_says_so(site, nothing):
    site.answer = answered(nothing)
    with pytest.raises(SourceError, match=r"has no ranks of RANK\.600519\.SH: is the code"):
        rows()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, "<html><title>blocked</title></html>"), "a page, entitled 'blocked', instead of data"),
        ((200, ""), "an empty answer"),
        ((503, "busy"), "did not arrive after 2 tries"),
        ((200, '{"code": 1}'), "a form that the library does not know"),
        ((200, '{"data": [{"a": 1}]}'), "a form that the library does not know"),
        ((200, "not json"), "a form that the library does not know"),
    ],
)
def test_popularity_that_does_not_come_is_a_source_error(site, answer, said):
    site.answer = lambda path, query: answer
    with pytest.raises(SourceError, match=said):
        rows()


def test_popularity_with_a_page_for_its_second_answer_is_a_source_error(site):
    whole = site.answer
    site.answer = lambda path, query: whole(path, query) if path == RANK else (200, "<html></html>")
    with pytest.raises(SourceError, match="a page instead of data"):
        rows()


@pytest.mark.parametrize(
    "wrong",
    [
        [{"rank": 7, "calcTime": "2023-07-04"}],  # akshare names columns by their place
        [{"calcTime": "2023-07-04", "rank": "first"}],
        [{"calcTime": "2023-07-04", "rank": 7.5}],
        [{"calcTime": "04/07/2023", "rank": 7}],
        [{"calcTime": 1688428800000, "rank": 7}],
        [{"calcTime": "2023-07-03", "rank": 7}, {"calcTime": "2023-07-03 23:00:00", "rank": 8}],
    ],
)
def test_popularity_of_another_shape_is_a_source_error(site, wrong):
    site.answer = answered(wrong)
    with pytest.raises(SourceError, match="days or ranks that are none, or a day twice"):
        rows()


def test_popularity_of_a_day_without_a_rank_is_left_out_and_texts_are_numbers(site):
    site.answer = answered(
        listed({"2023-06-28": "1093", "2023-06-29": None, "2023-06-30 23:00:00": "40"})
    )
    assert rows() == {"2023-06-29": 1093, "2023-07-03": 40}


def test_popularity_of_rank_zero_is_refused_or_dropped_with_a_note(site):
    site.answer = answered(listed({"2023-06-28": 5, "2023-06-29": 0}))
    with pytest.raises(DataError):
        rows()
    dropping = source(on_bad="drop")
    assert len(dropping.fetch("RANK.600519.SH")) == 1
    (said,) = dropping.take_notes()
    assert "dropped 1 of 2" in said


def test_popularity_is_cut_to_the_window_and_stands_among_adjusted_bars(site):
    bars = source(adjust="qfq").fetch("RANK.600519.SH", "2023-07-03", "2023-07-04")
    assert bars.adjustment == "adjusted"
    assert bars.one("RANK.600519.SH")["close"].tolist() == [40, 12]


def test_popularity_as_an_external_series_knows_no_day_before_it_is_over(site):
    from qushi.app.config import parse_experiment
    from qushi.app.series import named_series

    table = {
        "name": "x",
        "bars": {"kind": "sample", "symbols": ["000300.SH"], "start": "2023-06-01"},
        "series": [
            {
                "name": "rank",
                "symbol": "RANK.600519.SH",
                "source": {"kind": "akshare", "pause": 0, "first_wait": 0},
            }
        ],
    }
    (found,) = named_series(parse_experiment(table), ["rank"], "XSHG")
    at = pd.DatetimeIndex(["2023-06-28", "2023-06-29", "2023-06-30", "2023-07-03", "2023-07-05"])
    np.testing.assert_array_equal(found.at(at, "XSHG")[:, 0], [np.nan, 1093, 382, 40, 7])
    midnights = [pd.Timestamp(day, tz="Asia/Shanghai") + pd.Timedelta(days=1) for day in RANKS]
    ends = dict(zip(RANKS.values(), midnights, strict=True))
    assert all(moment >= ends[rank] for moment, rank in found.values.items())
