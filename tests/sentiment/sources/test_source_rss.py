"""RSS and Atom feeds from a local server."""

import pandas as pd
import pytest

from qushi.core import ConfigError, SourceError
from qushi.core.calendar import session_of
from qushi.core.extensions import build
from qushi.sentiment import TextSource
from qushi.sentiment.sources import _clock
from qushi.sentiment.sources._feed_times import entry_time
from qushi.sentiment.sources._plain_text import plain_text
from qushi.sentiment.sources.rss import RssTexts
from replay import HalfSent, serve
from text_sites import feed, item

NOW = "2024-01-05 02:00"
ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>频道</title><id>urn:f</id><updated>2024-01-04T10:00:00Z</updated>
<entry><id>urn:1</id><title>快讯</title><published>2024-01-03T10:00:00+08:00</published>
 <updated>2024-01-04T09:30:00+08:00</updated><summary>摘要</summary>
 <content type="html">&lt;p&gt;沪指&lt;b&gt;跳水&lt;/b&gt;&lt;/p&gt;</content></entry>
<entry><id>urn:2</id><title>只有更新时间</title><updated>2024-01-03T15:00:01+08:00</updated></entry>
</feed>"""


@pytest.fixture
def at(monkeypatch):
    """Set the clock, UTC."""

    def stand(moment):
        monkeypatch.setattr(_clock, "now", lambda: pd.Timestamp(moment, tz="UTC"))

    stand(NOW)
    return stand


@pytest.fixture
def site(at):
    """A server of one document; `site.body` is what it answers."""
    with serve(lambda path, query: (200, site.body)) as site:
        site.body = feed()
        yield site


def source(site, *paths, **settings):
    urls = [f"{site.base}/{path}" for path in paths or ("feed.xml",)]
    quick = {"pause": 0, "first_wait": 0, "attempts": 2}
    return RssTexts(**{"urls": urls, "source": "s", **quick, **settings})


def local(moments):
    return [str(at) for at in moments.dt.tz_convert("Asia/Shanghai")]


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        ("Wed, 03 Jan 2024 10:00:00 +0800", "2024-01-03 10:00:00+08:00"),
        ("Wed, 03 Jan 2024 10:00:00 GMT", "2024-01-03 18:00:00+08:00"),
        ("Wed, 03 Jan 2024 10:00:00 -0000", "2024-01-03 18:00:00+08:00"),
        ("Wed, 03 Jan 2024 10:00:00 EST", "2024-01-03 23:00:00+08:00"),
        ("Wed, 03 Jan 2024 10:00:00", "2024-01-03 10:00:00+08:00"),
        ("Wed, 03 Jan 2024 10:00:00 GMT+8", "2024-01-03 10:00:00+08:00"),
        ("2024-01-03T10:00:00Z", "2024-01-03 18:00:00+08:00"),
        ("2024-01-03 10:00:00", "2024-01-03 10:00:00+08:00"),
        ("2024/01/03 10:00:00", "2024-01-03 10:00:00+08:00"),
        ("2024年1月3日 10:00", "2024-01-03 10:00:00+08:00"),
        ("2024-01-03", "2024-01-03 23:59:59.999999+08:00"),
        ("2024年1月3日", "2024-01-03 23:59:59.999999+08:00"),
    ],
)
def test_stated_time_is_the_right_moment(site, stated, read):
    site.body = feed(item("快讯", "g", stated))
    assert local(source(site).fetch().available_at) == [read]


def test_ambiguous_name_of_a_zone_is_read_as_the_later_one():
    assert (
        str(entry_time("Wed Jan 03 10:00:00 CST 2024", "Asia/Shanghai")) == "2024-01-03 16:00:00+00:00"
    )


def test_zone_is_that_of_times_without_one(site):
    site.body = feed(item("快讯", "g", "2024-01-03 10:00:00"))
    texts = source(site, zone="America/New_York").fetch()
    assert str(texts.available_at[0]) == "2024-01-03 15:00:00+00:00"


@pytest.mark.parametrize("stated", ["", "刚刚", "2024-13-45"])
def test_entry_without_a_time_counts_from_when_it_was_seen_and_it_is_said(site, stated):
    site.body = feed(item("快讯", "g", stated), item("另一条", "h", "2024-01-03 10:00:00"))
    taken = source(site)
    frame = taken.fetch().frame.set_index("title")
    assert frame.loc["快讯", "published_at"] == frame.loc["快讯", "first_seen"]
    assert frame.loc["快讯", "first_seen"] == pd.Timestamp(NOW, tz="UTC")
    assert pd.isna(frame.loc["另一条", "first_seen"])
    assert "1 of 2 entries have no time that can be read" in taken.take_notes()[0]


def test_entry_without_a_time_and_an_id_is_the_same_text_a_day_later(site, at):
    site.body = feed(item("快讯"))
    first = source(site).fetch().frame
    at("2024-01-08 02:00")
    second = source(site).fetch().frame
    assert first["id"].tolist() == second["id"].tolist()
    assert first["published_at"][0] < second["published_at"][0]


def test_atom_entry_counts_from_its_update_and_its_content_is_plain_text(site):
    site.body = ATOM.encode()
    frame = source(site).fetch().frame.set_index("id")
    one, two = frame.loc["s:urn:1"], frame.loc["s:urn:2"]
    assert (one["title"], one["body"]) == ("快讯", "沪指跳水")
    assert str(one["published_at"]) == "2024-01-03 02:00:00+00:00"
    assert str(one["edited_at"]) == "2024-01-04 01:30:00+00:00"
    assert str(two["published_at"]) == "2024-01-03 07:00:01+00:00"
    assert pd.isna(two["edited_at"])
    session = session_of(pd.DatetimeIndex([two["published_at"]]), "XSHG")
    assert session[0] == pd.Timestamp("2024-01-04")  # a second after the cut-off


@pytest.mark.parametrize("stated", ["gb18030", "gbk", "gb2312"])
def test_feed_of_the_mainlands_encodings_is_read(site, stated):
    site.body = feed(item("镕基㐀恐慌", "g", "2024-01-03"), encoding="gb18030").replace(
        b'encoding="gb18030"', f'encoding="{stated}"'.encode()
    )
    assert source(site).fetch().frame["title"].tolist() == ["镕基㐀恐慌"]


def test_feed_with_a_mark_of_its_encoding_or_none_is_utf8(site):
    text = feed(item("恐慌", "g", "2024-01-03")).decode().partition("?>")[2]
    for body in (b"\xef\xbb\xbf" + text.encode(), text.encode(), text.encode("utf-16")):
        site.body = body
        assert source(site).fetch().frame["title"].tolist() == ["恐慌"]


def test_feed_that_is_not_in_its_encoding_is_one_sentence(site):
    site.body = feed(item("恐慌", "g", "2024-01-03"), encoding="gb18030").replace(b"gb18030", b"utf-8")
    with pytest.raises(SourceError, match=r"feed\.xml is not in utf-8, as it says"):
        source(site).fetch()


def test_ids_are_those_of_the_feed(site):
    site.body = feed(item("甲", "g1", "2024-01-03"), item("乙", "g2", "2024-01-03"))
    taken = source(site)
    assert taken.fetch().frame["id"].tolist() == ["s:g1", "s:g2"]
    assert RssTexts(urls=[f"{site.base}/a"]).fetch().frame["source"][0] == "127.0.0.1"


def test_audience_symbol_and_delay_are_set(site):
    site.body = feed(item("甲", "g1", "2024-01-03 10:00"))
    assert source(site).declared.audience == "institution"
    taken = source(site, audience="public", symbol="600519.SH", delay=30)
    texts = taken.fetch()
    assert texts.frame["audience"].tolist() == ["public"]
    assert texts.frame["symbol"].tolist() == ["600519.SH"]
    assert local(texts.available_at) == ["2024-01-03 10:30:00+08:00"]
    assert taken.declared.delay == 30


def test_each_feed_is_a_part_that_never_settles(site):
    site.body = feed(item("甲", "g1", "2024-01-03"))
    taken = source(site, "a", "b")
    assert taken.parts() == (f"{site.base}/a", f"{site.base}/b")
    assert len(taken.fetch_part(taken.parts()[1])) == 1
    assert [path for path, _ in site.asked] == ["/b"]
    assert not taken.settled(taken.parts()[1])


def test_window_is_of_availability(site):
    site.body = feed(item("甲", "g1", "2024-01-03"), item("乙", "g2", "2024-01-04 09:00"))
    assert source(site).fetch("2024-01-04").frame["title"].tolist() == ["乙"]


def test_feed_without_entries_is_no_error(site):
    assert len(source(site).fetch()) == 0


def test_feed_that_is_not_well_formed_is_read_as_far_as_it_goes_and_said(site):
    site.body = feed(item("甲", "g1", "2024-01-03")).replace(b"</channel></rss>", b"<item><title>b")
    taken = source(site)
    assert "甲" in taken.fetch().frame["title"].tolist()
    assert "is not well formed, some of it may be missing" in taken.take_notes()[0]


@pytest.mark.parametrize(
    ("answer", "said", "asked"),
    [
        (
            (200, "<!DOCTYPE html><title>登录</title>"),
            "a page, entitled '登录', instead",
            2,
        ),
        ((200, ""), "an empty answer", 2),
        ((503, "busy"), "503", 2),
        ((200, HalfSent(b"<rss>" + b" " * 500)), "Incomplete|Connection", 2),
        ((404, ""), "there is no feed, the site answers 404", 1),
        ((200, "{}"), "is no RSS or Atom feed: look at the address", 1),
        ((200, '<?xml version="1.0"?><html><body>x</body></html>'), "is no RSS or Atom feed", 1),
    ],
)
def test_answer_that_is_no_feed_is_one_sentence(site, answer, said, asked):
    site.answer = lambda path, query: answer
    with pytest.raises(SourceError, match=rf"feed\.xml.*({said})") as caught:
        source(site).fetch()
    assert "\n" not in str(caught.value)
    assert len(site.asked) == asked


def test_refused_connection_is_tried_again(site, monkeypatch):
    import requests

    send, failures = requests.Session.request, iter([requests.ConnectionError("refused")])

    def unsteady(self, *args, **kwargs):
        assert kwargs["timeout"] == 15
        for failure in failures:
            raise failure
        return send(self, *args, **kwargs)

    monkeypatch.setattr(requests.Session, "request", unsteady)
    site.body = feed(item("甲", "g1", "2024-01-03"))
    assert len(source(site).fetch()) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "the key 'urls' is missing"),
        ({"urls": []}, "at least 1 item"),
        ({"urls": ["feed.xml"]}, "'feed.xml' is no address of a feed"),
        ({"urls": ["https://site/f"], "delay": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(settings, message):
    with pytest.raises(ConfigError, match=message):
        build("qushi.sentiment.sources", {"kind": "rss", **settings}, TextSource, "[texts]")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("A < B & C", "A < B & C"),
        ("a<br/>b", "a\nb"),
        ("&lt;跌&gt;&nbsp;&#36;", "<跌> $"),
        ("<style>p{}</style>甲<script>1<2</script>乙", "甲乙"),
        ("<img src=x>\n\n  图  文", "图 文"),
    ],
)
def test_plain_text_is_what_a_person_reads(given, read):
    assert plain_text(given) == read
