"""Texts from RSS and Atom feeds.

A feed holds the newest entries only, and most let an entry go within days: ask often.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
from pydantic import Field, field_validator

from ...core import SourceError, Texts
from ...core.manners import Manners, refuse_no_data
from ...core.texts import Audience
from ..identity import text_key
from . import _clock
from ._assembly import assembled, delayed
from ._base import SHANGHAI, Declared, TextSource, within
from ._feed_times import entry_time
from ._plain_text import plain_text

_STATED = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w.:-]+)[\"'][^>]*?\?>")
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030"}
"""Feeds that state the older of these encodings often hold characters of the newer."""

_HEADERS = {
    "User-Agent": "qushi",
    "Accept": "application/rss+xml, application/atom+xml, application/xml, text/xml, */*;q=0.1",
}


class RssTexts(Manners, TextSource):
    """Entries of RSS and Atom feeds.

    urls
        Addresses of the feeds.
    audience, source, symbol
        Of all entries; `source` is each feed's host by default.
    zone
        Zone of times that carry none.
    delay
        Minutes after the stated time from which a text counts at the earliest.
    timeout
        Seconds to wait for each answer.

    An entry counts from its time, one that says it was updated from then; an entry without a time that
    can be read counts from when it was seen, which is noted.
    """

    urls: tuple[str, ...] = Field(min_length=1)
    audience: Audience = "institution"
    source: str = ""
    symbol: str = ""
    zone: str = SHANGHAI
    delay: float = Field(default=0.0, ge=0)
    timeout: float = Field(default=15.0, gt=0)

    @field_validator("urls")
    @classmethod
    def _addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
                raise ValueError(f"{url!r} is no address of a feed: write it like https://site/feed.xml")
        return urls

    @property
    def _outside_key(self) -> tuple[str, ...]:
        return ("pause", "attempts", "first_wait", "timeout", "urls")

    @property
    def declared(self) -> Declared:
        """The settings' audience and delay; entries state seconds, mostly."""
        return Declared(self.audience, "second", self.delay, "what the feed still holds")

    def parts(self, start: str | None = None, end: str | None = None) -> Sequence[str]:
        """The feeds."""
        return self.urls

    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """The entries of all feeds; `SourceError` where one of them did not arrive or is no feed."""
        tables = [self._table(url) for url in self.urls]
        return within(self._made(pd.concat(tables, ignore_index=True)), start, end, symbol)

    def fetch_part(self, part: str) -> Texts:
        """The entries of one feed; `SourceError` where it did not arrive or is no feed."""
        return self._made(self._table(part))

    def _made(self, table: pd.DataFrame) -> Texts:
        found = assembled(delayed(table, self.delay), len(table), "XSHG")
        self._counts, self._gone = found.counts, {}
        return found.texts

    def _table(self, url: str) -> pd.DataFrame:
        import feedparser

        answer = self._ask(url, lambda: self._answer(url), (OSError,), ())
        feed = feedparser.parse(
            _as_utf8(answer, url), response_headers={"content-type": "application/xml; charset=utf-8"}
        )
        if not feed.version:
            raise SourceError(f"{url} is no RSS or Atom feed: look at the address")
        if feed.bozo:
            self.note(f"{url} is not well formed, some of it may be missing: {feed.bozo_exception}")
        rows = [self._row(entry, url) for entry in feed.entries]
        untimed = sum(row["untimed"] for row in rows)
        if untimed:
            self.note(
                f"{url}: {untimed} of {len(rows)} entries have no time that can be read: they count "
                "from when they were seen"
            )
        return _typed(pd.DataFrame(rows, columns=_COLUMNS))

    def _answer(self, url: str) -> Any:
        import requests

        answer = requests.get(url, timeout=self.timeout, headers=_HEADERS)
        try:
            refuse_no_data(answer)
        except LookupError as error:
            raise SourceError(f"{url}: there is no feed, the site answers 404") from error
        return answer

    def _row(self, entry: Any, url: str) -> dict[str, Any]:
        published = entry_time(_said(entry, "published", "updated"), self.zone)
        updated = entry_time(_said(entry, "updated"), self.zone)
        untimed = published is pd.NaT
        now = _clock.now() if untimed else pd.NaT
        title = plain_text(_said(entry, "title"))
        whole = [part for part in dict.get(entry, "content", []) if part.get("value")]
        body = plain_text(whole[0]["value"] if whole else _said(entry, "summary"))
        source = self.source or str(urlsplit(url).hostname)
        return {
            "published_at": now if untimed else published,
            "first_seen": now,
            "edited_at": updated if not untimed and updated > published else pd.NaT,
            "title": title,
            "body": body,
            "source": source,
            "audience": self.audience,
            "symbol": self.symbol or None,
            # without an id of its own an entry is known by its words, whatever the day it is seen
            "their_id": _said(entry, "id", "link") or text_key(source, self.symbol, f"{title}\n{body}"),
            "untimed": untimed,
        }


_COLUMNS = (
    "published_at",
    "first_seen",
    "edited_at",
    "title",
    "body",
    "source",
    "audience",
    "symbol",
    "their_id",
    "untimed",
)


def _said(entry: Any, *names: str) -> str:
    """The first of these that the entry itself has; feedparser would answer one with another."""
    return next((str(dict.get(entry, name)) for name in names if dict.get(entry, name)), "")


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    for name in ("published_at", "first_seen", "edited_at"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[ns, UTC]")
    return table


def _as_utf8(answer: Any, url: str) -> bytes:
    """The document in UTF-8: what it says of itself goes before what the server says."""
    content: bytes = answer.content
    stated = _STATED.match(content)
    charset = re.search(r"charset=\"?([\w.:-]+)", answer.headers.get("Content-Type", ""))
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    if not encoding:
        encoding = stated[1].decode() if stated else charset[1] if charset else "utf-8"
    encoding = _WIDER.get(encoding.lower(), encoding)
    try:
        text = content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise SourceError(f"{url} is not in {encoding}, as it says: {error}") from error
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text).strip().encode()
