"""From the table that a function of akshare returns to texts in our columns."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ...core import SourceError
from ...core.akshare_wire import lacking
from . import _clock
from ._akshare_feeds import MACHINE, Feed
from ._fields import with_suffix
from ._plain_text import plain_text
from ._times import stated_times


def text_rows(found: pd.DataFrame, feed: Feed, what: str, symbol: str | None) -> pd.DataFrame:
    """The rows whose time can be read, as `assembled` takes them.

    `symbol` is the one that was asked for; where the answer has a column of codes, that one holds, and
    a code that is no mainland share's (of a company not listed yet) names nobody.
    Raises `SourceError` where the library no longer returns a column.
    """
    missing = lacking(found, tuple(feed.columns.values()))
    if missing:
        raise SourceError(
            f"{what} lacks the column {missing!r}, it has {list(found.columns)}: the site or akshare "
            "has changed, update qushi and akshare"
        )
    given = {ours: _strings(found[theirs]) for ours, theirs in feed.columns.items()}
    table = pd.DataFrame(index=found.index)
    for ours in ("title", "body"):
        table[ours] = given[ours].map(plain_text) if ours in given else ""
    table["published_at"] = _published(given, feed, found.index)
    table["first_seen"] = _seen(given, feed, table["published_at"])
    table["source"], table["audience"] = feed.source, feed.audience
    table["symbol"] = symbol
    if "code" in given:
        shares = given["code"].str.fullmatch(r"\d{6}")
        table["symbol"] = given["code"].where(shares, "").map(lambda c: with_suffix(c) if c else None)
    table["symbol"] = table["symbol"].astype(object)
    table["their_id"] = given.get("id", "")
    if symbol is not None and "code" not in given:
        # one article is found for several symbols: each of them has it
        table["their_id"] = (symbol + " " + table["their_id"]).where(table["their_id"] != "", "")
    return table[table["published_at"].notna()]


def says_nothing(answers: Sequence[bytes], nothing: tuple[str, ...]) -> bool:
    """Whether the site's last answer says that it has none, at the place that `nothing` names."""
    if not nothing or not answers:
        return False
    text = answers[-1].decode("utf-8", errors="replace")
    try:
        value: Any = json.loads(text[text.index("{") : text.rindex("}") + 1])
        for name in nothing:
            value = value[name]
    except (ValueError, LookupError, TypeError):
        return False
    return value in (0, "0", [])


def _untimed(given: dict[str, pd.Series]) -> bool:
    return not {"time", "date"} & given.keys()


def _published(given: dict[str, pd.Series], feed: Feed, index: pd.Index) -> pd.Series:
    if _untimed(given):
        return pd.Series(_clock.now(), index=index).astype("datetime64[ns, UTC]")
    if "time" in given:
        return _moments(given["time"], feed)
    return _moments(given["date"].str.slice(0, 10) + " " + given["clock"], feed)


def _seen(given: dict[str, pd.Series], feed: Feed, published: pd.Series) -> pd.Series:
    if _untimed(given):
        return published
    if "first_seen" in given:
        return _moments(given["first_seen"], feed)
    return pd.Series(pd.NaT, index=published.index, dtype="datetime64[ns, UTC]")


def _moments(text: pd.Series, feed: Feed) -> pd.Series:
    if feed.zone == MACHINE:
        return pd.to_datetime(text.map(_from_machine), utc=True).astype("datetime64[ns, UTC]")
    return stated_times(text, "", feed.zone, feed.precision).moments


def _from_machine(text: str) -> datetime | None:
    """The moment of a clock time of this machine; where its clock is set back, the later reading."""
    try:
        return datetime.fromisoformat(text).replace(fold=1).astimezone(UTC)
    except ValueError:
        return None


def _strings(values: pd.Series) -> pd.Series:
    return values.map(lambda value: "" if pd.isna(value) else str(value).strip()).astype(object)
