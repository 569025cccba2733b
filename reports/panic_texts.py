"""The most frightened texts of each session, few enough for a page.

For every session, scope and audience the N texts with the highest p_neg are kept, N as large as the
page has room for (`_STEPS`); where even one each is too much, the latest sessions keep theirs.  What was
left out is counted and said.

Texts come from strangers.  They reach the page as JSON and are only ever shown as text; what could
disturb the page around them (control characters, marks that turn the direction of writing, halves of
surrogate pairs) is replaced, long ones are cut.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..core import Texts
from ..core.calendar import ZONES
from ..core.panic import MARKET
from ..core.texts import AUDIENCES
from ..sentiment.index.admission import admit, named_scopes
from ..sentiment.index.sectors import Sectors
from .panic_inputs import PanicPageInput

_STEPS = (20, 16, 12, 10, 8, 6, 5, 4, 3, 2, 1)
_LONGEST = 280  # characters of a text that are shown
_REPLACED = "□"  # in the page's font, which U+FFFD is not
_DISTURBING = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls that are no blank
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of writing
    "\ufff9-\ufffb\ud800-\udfff]"  # annotations, halves of pairs
)
_AROUND = 90  # bytes of a row beside its words
_PROBABILITIES = ["p_neg", "p_neu", "p_pos"]


def texts_payload(
    inputs: PanicPageInput, calendar: pd.DatetimeIndex, scopes: Sequence[str], budget: int
) -> dict[str, Any]:
    """`rows` of the kept texts, in `budget` bytes, and what was left out; empty without texts.

    A row is [session, published, counts from ("" where the same), source, audience, scopes, p_neg,
    p_neu, p_pos (all in percent), weight, text, characters cut off]; `per` is N, `from` the first
    session whose texts are kept, `all` how many texts counted.
    """
    if inputs.texts is None or not len(inputs.texts):
        return {}
    counted = _counted(inputs, inputs.texts, calendar)
    pairs = _pairs(counted, scopes, inputs.sectors)
    per = _affordable(inputs.texts, pairs, budget)
    near = pairs[pairs["rank"] < per]
    found = _rows(inputs.texts, counted, near, inputs.calendar, scopes)
    kept = _latest(found, budget)
    first = 0 if len(kept) == len(found) else kept[0][0] if kept else len(calendar)
    return _packed(kept, per, counted, first)


def _affordable(texts: Texts, pairs: pd.DataFrame, budget: int) -> int:
    """The largest N whose texts fit the budget, by their length: three bytes a character."""
    best = pairs.groupby("row")["rank"].min()
    frame = texts.frame.iloc[best.index]
    title, body = frame["title"].str.len(), frame["body"].str.len()
    repeated = [b.startswith(t) for t, b in zip(frame["title"], frame["body"], strict=True)]
    length = np.minimum(body + np.where(repeated, 0, title + 1), _LONGEST)
    cost = 3 * length.to_numpy() + _AROUND
    fits = (per for per in _STEPS if cost[best.to_numpy() < per].sum() <= budget)
    return next(fits, _STEPS[-1])


def _counted(inputs: PanicPageInput, texts: Texts, calendar: pd.DatetimeIndex) -> pd.DataFrame:
    """The texts that the index counted within its sessions, indexed by their row in `texts`."""
    admitted = admit(texts, inputs.scores, inputs.calendar, inputs.settings)
    place = pd.Series(range(len(texts)), index=texts.frame["id"])
    admitted.index = pd.Index(place.reindex(admitted["id"]).to_numpy(), name="row")
    admitted["at"] = calendar.get_indexer(pd.DatetimeIndex(admitted["session"]))
    admitted = admitted[admitted["at"] >= 0]
    scores = inputs.scores.set_index("id").reindex(admitted["id"])
    for name in _PROBABILITIES:
        admitted[name] = scores[name].to_numpy(dtype=float)
    return admitted


def _pairs(counted: pd.DataFrame, scopes: Sequence[str], sectors: Sectors | None) -> pd.DataFrame:
    """`row`, `scope` and `rank` by p_neg within session, scope and audience, 0 the most frightened."""
    table = counted.reset_index()[["row", "at", "audience", "p_neg"]]
    table["weight"] = counted[["neg", "neu", "pos"]].sum(axis=1).to_numpy()
    at, codes, names = named_scopes(counted, sectors)
    named = table.iloc[at].assign(scope=np.array(names, dtype=object)[codes])
    pairs = pd.concat([table.assign(scope=MARKET), named], ignore_index=True)
    pairs = pairs[pairs["scope"].isin(scopes)]
    pairs = pairs.sort_values(["p_neg", "weight", "row"], ascending=[False, False, True])
    rank = pairs.groupby(["scope", "at", "audience"]).cumcount()
    return pairs.assign(rank=rank)[["row", "scope", "rank"]]


def _rows(
    texts: Texts, counted: pd.DataFrame, near: pd.DataFrame, calendar: str, scopes: Sequence[str]
) -> list[list[Any]]:
    """The rows of `near` by session, the most frightened first."""
    place = {scope: i for i, scope in enumerate(scopes)}
    about = near.groupby("row")["scope"].agg(lambda found: sorted(place[s] for s in found))
    chosen = counted.loc[about.index].sort_values(
        ["at", "p_neg"], ascending=[True, False], kind="stable"
    )
    frame = texts.frame.iloc[chosen.index]
    published = _clock(frame["published_at"], calendar)
    counts = _clock(texts.available_at.iloc[chosen.index], calendar)
    weight = chosen[["neg", "neu", "pos"]].sum(axis=1).round(2)
    columns = zip(
        chosen.index,
        chosen["at"],
        published,
        (later if later != stated else "" for stated, later in zip(published, counts, strict=True)),
        frame["source"],
        (AUDIENCES.index(audience) for audience in frame["audience"]),
        *((100 * chosen[name]).round().astype(int) for name in _PROBABILITIES),
        weight,
        zip(frame["title"], frame["body"], strict=True),
        strict=True,
    )
    found: list[list[Any]] = []
    for row, at, time, from_, source, audience, neg, neu, pos, weighs, words in columns:
        shown, cut = _shown(*words)
        plain = [int(at), time, from_, harmless(source), audience, about[row], neg, neu, pos]
        found.append([*plain, int(weighs) if weighs == int(weighs) else weighs, shown, cut])
    return found


def _clock(moments: pd.Series, calendar: str) -> list[str]:
    """Local clock times, to the second only where a text has one."""
    local = moments.dt.tz_convert(ZONES[calendar])
    return [f"{at:%Y-%m-%d %H:%M}" if at.second == 0 else f"{at:%Y-%m-%d %H:%M:%S}" for at in local]


def _shown(title: str, body: str) -> tuple[str, int]:
    """Title and body as one line (the title once, where the body repeats it), and how much was cut."""
    title, body = (" ".join(harmless(part).split()) for part in (title, body))
    words = body if body.startswith(title) else f"{title} {body}".strip()
    return words[:_LONGEST], max(0, len(words) - _LONGEST)


def harmless(text: str) -> str:
    """A stranger's text without what could disturb the page around it.

    >>> harmless("a" + chr(0) + "b" + chr(0x202E) + "c")
    'a□b□c'
    """
    return _DISTURBING.sub(_REPLACED, text)


def _size(row: list[Any]) -> int:
    return len(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()) + 1


def _latest(rows: list[list[Any]], budget: int) -> list[list[Any]]:
    """The last rows that fit the budget, whole sessions only."""
    used, first = 0, len(rows)
    while first and used + _size(rows[first - 1]) <= budget:
        first -= 1
        used += _size(rows[first])
    cut = rows[first - 1][0] if first else -1
    return [row for row in rows[first:] if row[0] != cut]


def _packed(rows: list[list[Any]], per: int, counted: pd.DataFrame, first: int) -> dict[str, Any]:
    """The rows with their sources by number, and what was left out."""
    sources = sorted({row[3] for row in rows})
    number = {source: i for i, source in enumerate(sources)}
    packed = [[*row[:3], number[row[3]], *row[4:]] for row in rows]
    return {"per": per, "from": first, "all": len(counted), "sources": sources, "rows": packed}


def words_of(texts: dict[str, Any]) -> str:
    """All that strangers wrote of what `texts_payload` gave."""
    return "".join(row[10] for row in texts.get("rows", ()))
