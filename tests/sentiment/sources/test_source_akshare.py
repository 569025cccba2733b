"""The functions of akshare that bring texts, against a server that answers as their sites do."""

import json
import time
from typing import get_args

import pandas as pd
import pytest

from qushi.core import ConfigError, SourceError
from qushi.core.extensions import build
from qushi.sentiment import TextSource
from qushi.sentiment.sources import _clock
from qushi.sentiment.sources._akshare_feeds import FEEDS, What
from qushi.sentiment.sources.akshare import AkshareTexts
from replay import serve
from text_sites import Post, TextSites

PAGE = "<!DOCTYPE html><html><head><title>安全 验证</title></head><body>…</body></html>"
POSTS = [
    Post("2024-03-13 16:38:32", "大盘跳水", "两市下跌", "11"),
    Post("2024-03-13 09:05:00", "平安银行公告", "业绩不及预期", "12", "000001"),
    Post("2024-03-12 20:00:01", "央行降准", "释放流动性", "13", "430047"),
]
CLOCKS = {p.id: f"{p.at}+08:00" for p in POSTS}
DAYS = {p.id: f"{p.day} 23:59:59.999999+08:00" for p in POSTS}
SYMBOLS = {"11": "600519.SH", "12": "000001.SZ", "13": "430047.BJ"}
WINDOW = ("2024-03-12", "2024-03-13")
UNTIL_NOW = ("2024-03-12", "2024-03-14")
PATHS = {
    "futures_news_shmet": "queryNewsflashList",
    "news_cctv": "/xwlb/day/",
    "stock_individual_notice_report": "/security/ann",
    "stock_info_cjzc_em": "getNewsByColumns",
    "stock_info_global_cls": "/v1/roll/",
    "stock_info_global_em": "getFastNewsList",
    "stock_info_global_futu": "get-flash-list",
    "stock_info_global_sina": "/api/zhibo/feed",
    "stock_info_global_ths": "/tapp/news/push",
    "stock_irm_cninfo": "/company/question",
    "stock_news_em": "/search/jsonp",
    "stock_news_main_cx": "/sjtPc/news",
    "stock_notice_report": "/security/ann",
    "stock_research_report_em": "/report/list",
    "stock_zh_a_disclosure_report_cninfo": "hisAnnouncement",
}
each_function = pytest.mark.parametrize("what", PATHS)


@pytest.fixture
def at(monkeypatch):
    """Set the clock: `at("2024-03-14 02:00")` is that moment in UTC."""

    def stand(moment):
        monkeypatch.setattr(_clock, "now", lambda: pd.Timestamp(moment, tz="UTC"))

    stand("2024-03-14 02:00")
    return stand


@pytest.fixture
def sites(monkeypatch, at):
    """A server that is every site; `sites.answer` may be changed or swapped."""
    import akshare
    import requests
    from curl_cffi import requests as curled

    module = __import__("sys").modules["akshare.stock_feature.stock_disclosure_cninfo"]
    module.__dict__["__get_stock_json"].cache_clear()
    assert akshare
    with serve(TextSites(POSTS)) as replay:
        send, curl = requests.Session.request, curled.Session.request

        def local(self, method, url, **kwargs):
            return send(self, method, replay.local(url), **kwargs)

        def local_curl(self, method, url, **kwargs):
            return curl(self, method, replay.local(url), **kwargs)

        monkeypatch.setattr(requests.Session, "request", local)
        monkeypatch.setattr(curled.Session, "request", local_curl)
        yield replay


def source(what, **settings):
    given = {"pause": 0, "first_wait": 0, "attempts": 2, "timeout": 5, **settings}
    if FEEDS[what].by in ("symbol", "year") and "symbols" not in given:
        given["symbols"] = ["600519.SH", "000001.SZ", "430047.BJ"]
    return AkshareTexts(what=what, **given)


def local(moments):
    return [str(at) for at in moments.dt.tz_convert("Asia/Shanghai")]


def broken(sites, part, failure):
    """Answer requests for `part` with `failure`, the others as before."""
    good = sites.answer

    def answer(path, query):
        if part in path:
            return failure() if callable(failure) else failure
        return good(path, query)

    sites.answer = answer
    return good


# What is read ----------------------------------------------------------------------------------------


def test_functions_declared_are_those_that_can_be_asked_for_and_akshare_has_them():
    import akshare

    assert set(FEEDS) == set(get_args(What)) == set(PATHS)
    assert all(callable(getattr(akshare, name)) for name in FEEDS)


@each_function
def test_every_function_gives_moments_words_symbols_and_its_audience(sites, what):
    feed, taken = FEEDS[what], source(what)
    texts = taken.fetch(*UNTIL_NOW)
    frame = texts.frame
    assert len(frame) == len(POSTS)
    if "time" in feed.columns or "date" in feed.columns:
        expected = DAYS if feed.precision == "day" else CLOCKS
        assert sorted(local(frame["published_at"])) == sorted(expected.values())
    told = set(texts.contents)
    for post in POSTS:
        said = {"title": post.title, "body": post.body}
        words = "\n".join(said[ours] for ours in ("title", "body") if ours in feed.columns)
        assert words in told
        row = frame[texts.contents == words].iloc[0]
        asked_by_share = feed.by in ("symbol", "year") or what == "stock_notice_report"
        assert row["symbol"] == (SYMBOLS[post.id] if asked_by_share else None)
    assert set(frame["audience"]) == {feed.audience} == {taken.declared.audience}
    assert set(frame["source"]) == {feed.source}
    assert not texts.synthetic
    assert taken.counts.rows == len(POSTS)
    assert taken.counts.dropped == 0


@each_function
def test_same_answer_twice_has_the_same_ids(sites, what):
    first, second = (set(source(what).fetch(*UNTIL_NOW).frame["id"]) for _ in range(2))
    assert len(first) == len(POSTS)
    assert first == second


def test_audience_of_questions_is_the_public_and_the_answer_is_not_read(sites):
    sites.answer.posts = [
        Post("2024-03-12 10:00:00", "", "会退市吗", "7", more={"answered": "2024-03-13 09:30:00"})
    ]
    texts = source("stock_irm_cninfo", symbols=["600519.SH"]).fetch()
    assert texts.frame["audience"].tolist() == ["public"]
    assert texts.contents.tolist() == ["会退市吗"]
    assert local(texts.frame["published_at"]) == ["2024-03-12 10:00:00+08:00"]
    assert local(texts.available_at) == ["2024-03-13 09:30:00+08:00"]


@pytest.mark.parametrize("what", ["stock_info_global_futu", "stock_info_global_ths"])
@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Shanghai"])
def test_times_that_akshare_writes_in_the_machines_zone_are_the_same_moments(
    sites, what, zone, monkeypatch
):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        texts = source(what).fetch()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert sorted(local(texts.frame["published_at"])) == sorted(CLOCKS.values())


def test_hour_that_the_machine_repeats_takes_the_later_reading(sites, monkeypatch):
    sites.answer.posts = [Post("2021-11-07 13:30:00", "早", "一点半")]  # 01:30 in New York, still summer
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        texts = source("stock_info_global_futu").fetch()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert str(texts.available_at[0]) == "2021-11-07 06:30:00+00:00"


def test_text_without_a_time_counts_from_when_it_was_seen(sites, at):
    at("2024-03-14 02:00")
    texts = source("stock_news_main_cx").fetch()
    assert set(texts.available_at) == {pd.Timestamp("2024-03-14 02:00", tz="UTC")}
    assert texts.frame["first_seen"].notna().all()


def test_row_without_a_time_is_left_out_and_counted(sites):
    sites.answer.posts = [*POSTS, Post("soon", "无时间", "不知何时", "99")]
    taken = source("stock_info_global_em")
    assert len(taken.fetch()) == len(POSTS)
    assert taken.counts.dropped == 1


def test_same_article_of_two_shares_is_a_text_of_each(sites):
    sites.answer.posts = [
        Post("2024-03-13 10:00:00", "两家", "合并", "5", c) for c in ("600519", "000001")
    ]
    frame = source("stock_news_em", symbols=["600519.SH", "000001.SZ"]).fetch().frame
    assert sorted(frame["symbol"]) == ["000001.SZ", "600519.SH"]
    assert frame["id"].is_unique


def test_marks_of_the_search_are_no_words(sites):
    sites.answer.posts = [Post("2024-03-13 10:00:00", "贵州茅台600519大跌", "<p>跌&amp;停</p>")]
    texts = source("stock_news_em", symbols=["600519.SH"]).fetch()
    assert texts.contents.tolist() == ["贵州茅台600519大跌\n跌&停"]


def test_delay_moves_when_a_text_counts_and_nothing_else(sites):
    plain = source("stock_info_global_em").fetch()
    taken = source("stock_info_global_em", delay=15)
    late = taken.fetch()
    assert taken.declared.delay == 15
    assert (late.frame["published_at"] == plain.frame["published_at"]).all()
    assert (late.available_at - plain.available_at == pd.Timedelta(minutes=15)).all()


def test_more_than_one_page_of_announcements_is_read_whole(sites):
    sites.answer.posts = [Post("2024-03-13 10:00:00", f"公告{k}", "", str(k)) for k in range(230)]
    texts = source("stock_notice_report").fetch("2024-03-13", "2024-03-13")
    assert len(texts) == 230
    assert sites.times("/security/ann") == 4  # akshare asks for the first page twice


# Parts -----------------------------------------------------------------------------------------------


def test_days_are_parts_from_the_start_to_the_last_one_there_is(at):
    at("2024-03-14 12:59")  # 20:59 in Shanghai: the evening news is not over
    assert source("news_cctv").parts("2024-03-12") == ("2024-03-12", "2024-03-13")
    at("2024-03-14 13:00")
    assert source("news_cctv").parts("2024-03-12")[-1] == "2024-03-14"
    assert source("stock_notice_report").parts("2024-03-12", "2024-03-12") == ("2024-03-12",)
    assert source("stock_notice_report").parts("2024-03-15") == ()


def test_day_is_settled_a_day_after_its_end(at):
    taken = source("stock_notice_report")
    at("2024-03-14 15:59")
    assert not taken.settled("2024-03-13")
    at("2024-03-14 16:01")
    assert taken.settled("2024-03-13")


def test_year_of_a_share_is_a_part_and_the_running_one_is_not_settled(at):
    taken = source("stock_individual_notice_report", symbols=["600519.SH", "000001.SZ"])
    assert taken.parts("2023-06-01") == (
        "600519.SH 2023",
        "000001.SZ 2023",
        "600519.SH 2024",
        "000001.SZ 2024",
    )
    assert taken.settled("600519.SH 2023")
    assert not taken.settled("600519.SH 2024")


def test_newest_and_symbols_are_parts_that_never_settle():
    assert source("stock_info_global_em").parts() == ("newest",)
    assert source("stock_news_em", symbols=["600519.SH"]).parts("2020-01-01") == ("600519.SH",)
    assert not source("stock_news_em").settled("600519.SH")


def test_parts_together_are_the_whole(sites):
    taken = source("stock_notice_report")
    whole = taken.fetch(*WINDOW)
    parts = [taken.fetch_part(part) for part in taken.parts(*WINDOW)]
    assert [len(p) for p in parts] == [1, 2]
    assert set(whole.frame["id"]) == {i for p in parts for i in p.frame["id"]}


def test_key_says_what_is_fetched_and_not_how():
    one = source("stock_news_em", pause=9, symbols=["600519.SH"])
    assert one.key == source("stock_news_em", symbols=["000001.SZ"]).key
    assert one.key != source("stock_news_em", delay=5).key
    assert one.key != source("stock_irm_cninfo").key


# What is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"what": "stock_news_me"}, "did you mean 'stock_news_em'"),
        ({"what": "stock_news_em"}, "asked by share: say which"),
        ({"what": "news_cctv", "symbols": ["600519.SH"]}, "of the whole market: leave symbols out"),
        ({"what": "stock_news_em", "symbols": ["600519"]}, "'600519' is no mainland share"),
        ({"what": "stock_news_em", "symbols": ["600519.SH"] * 2}, "named twice"),
        ({}, "the key 'what' is missing"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(settings, message):
    with pytest.raises(ConfigError, match=message):
        build("qushi.sentiment.sources", {"kind": "akshare", **settings}, TextSource, "[texts]")


def test_function_by_date_needs_a_start():
    with pytest.raises(ConfigError, match="asked by date: give the first one, as start"):
        source("news_cctv").fetch()


# What goes wrong on the way --------------------------------------------------------------------------


def test_refused_connection_is_tried_again(sites, monkeypatch):
    import requests

    send, failures = requests.Session.request, iter([requests.ConnectionError("refused")])

    def unsteady(self, *args, **kwargs):
        for failure in failures:
            raise failure
        return send(self, *args, **kwargs)

    monkeypatch.setattr(requests.Session, "request", unsteady)
    assert len(source("stock_info_global_em").fetch()) == len(POSTS)


def test_refused_connection_of_curl_is_tried_again_and_has_the_timeout(sites, monkeypatch):
    from curl_cffi import requests as curled

    send, failures, timeouts = curled.Session.request, iter([1]), []

    def unsteady(self, *args, **kwargs):
        timeouts.append(kwargs["timeout"])
        for _ in failures:
            raise curled.exceptions.ConnectionError("refused")
        return send(self, *args, **kwargs)

    monkeypatch.setattr(curled.Session, "request", unsteady)
    assert len(source("stock_news_em", symbols=["600519.SH"], timeout=3).fetch()) == 1
    assert timeouts == [3.0, 3.0]
    assert curled.Session.request is unsteady


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ((200, PAGE), "a page, entitled '安全 验证', instead of data"),
        ((403, PAGE), "403"),
        ((502, ""), "502"),
        ((200, ""), "an empty answer"),
    ],
    ids=["page", "forbidden", "bad gateway", "nothing"],
)
@pytest.mark.parametrize("what", [name for name in PATHS if name != "news_cctv"])
def test_failure_on_the_way_is_tried_again_then_one_sentence(sites, what, failure, said):
    broken(sites, PATHS[what], failure)
    started = time.monotonic()
    with pytest.raises(SourceError, match=rf"{what} \(.*did not arrive after 2 tries.*{said}") as caught:
        source(what).fetch(*WINDOW)
    assert "\n" not in str(caught.value)
    assert sites.times(PATHS[what]) == 2  # and none of a library that would wait for minutes
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("body", ["{}", '{"data": {}}', "nonsense"])
@each_function
def test_answer_of_another_shape_is_one_sentence_and_not_asked_for_again(sites, what, body):
    broken(sites, PATHS[what], (200, body))
    with pytest.raises(SourceError, match=f"{what}.*(form that the library does not know|no texts)"):
        source(what).fetch(*WINDOW)
    assert sites.times(PATHS[what]) == 1


@pytest.mark.parametrize(
    "what",
    [
        "stock_news_em",
        "stock_irm_cninfo",
        "stock_research_report_em",
        "stock_individual_notice_report",
        "stock_zh_a_disclosure_report_cninfo",
        "stock_notice_report",
    ],
)
def test_site_that_has_none_is_no_error(sites, what):
    sites.answer.posts = []
    taken = source(what)
    texts = taken.fetch(*WINDOW)
    assert len(texts) == 0
    assert texts.contents.empty
    assert taken.counts.rows == 0


def test_column_that_the_library_no_longer_gives_is_named(sites, monkeypatch):
    import akshare

    real = akshare.stock_info_global_em
    monkeypatch.setattr(
        akshare, "stock_info_global_em", lambda: real().rename(columns={"发布时间": "时间"})
    )
    with pytest.raises(SourceError, match=r"lacks the column '发布时间', it has.*update qushi"):
        source("stock_info_global_em").fetch()


def test_function_that_the_library_does_not_have_is_named(monkeypatch):
    import akshare

    monkeypatch.delattr(akshare, "stock_info_global_em")
    with pytest.raises(SourceError, match="this akshare has no stock_info_global_em: update"):
        source("stock_info_global_em").fetch()


def test_code_that_is_no_shares_names_nobody_and_costs_no_text(sites):
    codes = ("A23071", "573", "000573")
    sites.answer.posts = [
        Post("2024-03-13 10:00:00", f"公告{k}", "", str(k), code) for k, code in enumerate(codes)
    ]
    frame = source("stock_notice_report").fetch("2024-03-13", "2024-03-13").frame
    assert frame.sort_values("title")["symbol"].tolist() == [None, None, "000573.SZ"]


def test_site_that_does_not_answer_is_left_alone_after_three_parts(sites):
    broken(sites, PATHS["stock_news_em"], (403, PAGE))
    symbols = [f"60051{k}.SH" for k in range(6)]
    taken = source("stock_news_em", symbols=symbols, attempts=1)
    for symbol in symbols:
        with pytest.raises(SourceError, match="did not arrive"):
            taken.fetch_part(symbol)
    assert sites.times(PATHS["stock_news_em"]) == 3


# The evening news, of which akshare passes over what fails -----------------------------------------


def test_page_of_the_evening_news_that_does_not_arrive_fails_the_day(sites):
    broken(sites, "/item/12", (502, ""))
    with pytest.raises(SourceError, match=r"news_cctv \(2024-03-13\) did not arrive.*502"):
        source("news_cctv").fetch_part("2024-03-13")


def test_page_of_the_evening_news_that_cannot_be_read_is_noted(sites):
    sites.answer.posts = [*POSTS, Post("2024-03-13 19:00:00", "没有正文", "", "14")]
    taken = source("news_cctv")
    assert len(taken.fetch_part("2024-03-13")) == 2
    assert taken.take_notes() == ("news_cctv (2024-03-13): 1 of 3 pages could not be read",)


def test_page_that_lists_no_evening_news_is_an_error(sites):
    broken(sites, "/xwlb/day/", (200, PAGE))
    with pytest.raises(SourceError, match="the page holds no texts"):
        source("news_cctv").fetch_part("2024-03-13")


def test_day_that_akshare_forgets_brings_nothing(sites):
    assert len(source("news_cctv").fetch_part("2016-02-03")) == 0


def test_library_shows_no_progress_bars(sites, capsys):
    for what in PATHS:
        source(what).fetch(*WINDOW)
    assert capsys.readouterr().err == ""


def test_every_request_waits_its_turn(sites, monkeypatch):
    from qushi.core import manners

    slept, clock = [], [100.0]

    def sleep(seconds):
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(manners.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(manners.time, "sleep", sleep)
    source("stock_notice_report", pause=3).fetch(*WINDOW)
    assert slept == [3.0] * (len(sites.asked) - 1)
    assert json.dumps(sites.asked).count("2024-03-12") == 4  # two requests, first and last day
