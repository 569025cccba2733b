"""Which texts count in which session, how much, and for whom: steps 1 and 2 of the panic index.

A text counts in the first session whose cut-off is at or after `available_at`.  Once each session counts

- of the versions of one text that became available in it, the last: what was known at the cut-off.  A
  version counts again in the session of its edit, and earlier sessions keep what they had.  A version
  that repeats the words before it is none;
- of texts without an id of their own that have the same source, symbol and normalised words, the first.

Counts are probabilities times a weight: the text's own, or 1 + ln(1 + reads or comments).  Counts that
were collected after a text was first seen know its future; `weight_warnings` says how many may.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core import DataError, Texts
from ...core.calendar import session_of
from ...core.notes import Said
from ...core.panic import SECTOR
from ..identity import HASHED, text_key
from .sectors import Sectors
from .settings import PanicSettings

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
PROBABILITIES = ("p_neg", "p_neu", "p_pos")
_ADMITTED = ["id", "session", "audience", "symbol", "mentions", "neg", "neu", "pos"]
_COUNTED = {"reads": ("reads",), "comments": ("comments",), "both": ("reads", "comments")}

_LATER_COUNTS = Said(
    "Texts are weighted by {counts}, and {n} of the {known} texts that have such counts do not say when "
    "they were collected (no first_seen). Counts collected later know how a text was received: the "
    "index may see the future.",
    "文本按{counts}加权，而带有这些计数的 {known} 条文本中，有 {n} 条没有记录采集时间（无 first_seen）。"
    "事后采集的计数已知文本后来的反响：指数可能含有未来信息。",
)
_COUNT_NAMES = {
    "reads": Said("reads", "阅读数"),
    "comments": Said("comments", "评论数"),
    "both": Said("reads and comments", "阅读数和评论数"),
}


def admit(texts: Texts, scores: pd.DataFrame, calendar: str, settings: PanicSettings) -> pd.DataFrame:
    """The texts that count: `id, session, audience, symbol, mentions` and the counts `neg, neu, pos`.

    `scores` has `id, p_neg, p_neu, p_pos`, one row a text.  Rows keep the order of `available_at`.
    Raises `DataError` for a text without a score, for probabilities that are none, and for a text after
    the last known session.
    """
    return once_a_session(place(texts, scores, calendar, settings))[_ADMITTED]


def place(texts: Texts, scores: pd.DataFrame, calendar: str, settings: PanicSettings) -> pd.DataFrame:
    """As `admit`, before it is settled what counts twice: with `at`, `text`, `version` and `key`."""
    probabilities = _probabilities(texts, scores, hard=settings.hard_labels)
    frame = texts.frame[["id", "symbol", "mentions", "audience"]].copy()
    frame["at"] = texts.available_at
    frame["session"] = session_of(pd.DatetimeIndex(frame["at"]), calendar, settings.cutoff)
    if frame["session"].isna().any():
        bad = frame.loc[frame["session"].isna(), "id"].iloc[0]
        raise DataError(f"the text {bad!r} is dated after the last known session of {calendar}")
    counts = probabilities * _weights(texts, settings)[:, None]
    for place_, name in enumerate(("neg", "neu", "pos")):
        frame[name] = counts[:, place_]
    frame["text"] = texts.text_ids
    frame["version"] = _versions(texts)
    frame["key"] = _keys(texts)
    unchanged = _unchanged(texts, frame)
    return frame[~unchanged] if unchanged.any() else frame


def once_a_session(placed: pd.DataFrame) -> pd.DataFrame:
    """The rows of whole sessions that count; `placed` is in order of `available_at`."""
    if (placed["version"] > 1).any():
        twice = placed[placed.duplicated(["text", "session"], keep=False)]
        last = twice.sort_values(["at", "version"], kind="stable")
        older = last.index[last.duplicated(["text", "session"], keep="last")]
        placed = placed.drop(older)
    if placed["key"].notna().any():
        hashed = placed[placed["key"].notna()]
        placed = placed.drop(hashed.index[hashed.duplicated(["key", "session"])])
    return placed


def named_scopes(
    admitted: pd.DataFrame, sectors: Sectors | None
) -> tuple[IntArray, IntArray, Sequence[str]]:
    """Pairs (row, scope) of the symbols that rows name and of their sectors, each at most once.

    Rows are positions, ascending; scopes are places in the names that come third.
    """
    own, symbols = pd.factorize(admitted["symbol"])
    rows, codes = np.flatnonzero(own >= 0), own[own >= 0]
    names = [str(symbol) for symbol in symbols]
    said, phrases = pd.factorize(admitted["mentions"].where(admitted["mentions"] != "", None))
    if len(phrases):
        words = pd.Series(phrases).str.split().explode().dropna()
        every, also = pd.factorize(np.concatenate([np.array(names, object), words.to_numpy(object)]))
        names = [str(symbol) for symbol in also]
        by_phrase = pd.DataFrame({"phrase": words.index, "code": every[len(symbols) :]})
        mentioned = pd.DataFrame({"row": np.arange(len(said)), "phrase": said})
        mentioned = mentioned[said >= 0].merge(by_phrase, on="phrase")
        pairs = np.concatenate([rows, mentioned["row"]]) * max(1, len(names))
        pairs = np.unique(pairs + np.concatenate([codes, mentioned["code"]]))
        rows, codes = np.divmod(pairs, max(1, len(names)))
    if sectors is None:
        return rows, codes.astype(np.int64), names
    sessions = pd.DatetimeIndex(admitted["session"].to_numpy()[rows])
    more, sector = sectors.of_texts(rows, np.array(names, dtype=object)[codes], sessions)
    place_, found = pd.factorize(sector)
    return (
        np.concatenate([rows, more]),
        np.concatenate([codes, place_ + len(names)]).astype(np.int64),
        [*names, *(f"{SECTOR}{name}" for name in found)],
    )


@dataclass(frozen=True)
class CountsKnown:
    """Texts that have the counts they are weighted by, and those of them that do not say since when."""

    known: int = 0
    undated: int = 0

    @classmethod
    def of(cls, texts: Texts, settings: PanicSettings) -> Self:
        """Of some texts; nothing where they are not weighted by counts."""
        names = list(_COUNTED.get(settings.weights, ()))
        known = texts.frame[names].notna().any(axis=1)
        undated = known & texts.frame["first_seen"].isna()
        return cls(int(known.sum()), int(undated.sum()))

    def __add__(self, other: "CountsKnown") -> "CountsKnown":
        return CountsKnown(self.known + other.known, self.undated + other.undated)

    def warnings(self, settings: PanicSettings) -> tuple[Said, ...]:
        """What a reader must know of the weights: how many counts may have been collected later."""
        if not self.undated:
            return ()
        counts = _COUNT_NAMES[settings.weights]
        return (_LATER_COUNTS.fill(counts=counts, n=self.undated, known=self.known),)


def weight_warnings(texts: Texts, settings: PanicSettings) -> tuple[Said, ...]:
    """What a reader must know of the weights of some texts, as `CountsKnown.warnings`."""
    return CountsKnown.of(texts, settings).warnings(settings)


def _weights(texts: Texts, settings: PanicSettings) -> FloatArray:
    if settings.weights == "given":
        given: FloatArray = texts.frame["weight"].to_numpy(dtype=float)
        return given
    found: FloatArray = np.ones(len(texts))
    for name in _COUNTED.get(settings.weights, ()):
        found *= 1.0 + np.log1p(texts.frame[name].fillna(0.0).to_numpy(dtype=float))
    return found


def _versions(texts: Texts) -> IntArray:
    """1 for the first version of a text, n for `<id>@n`; versions at one moment count in this order."""
    found = np.ones(len(texts), dtype=np.int64)
    later = np.flatnonzero(texts.frame["version_of"].notna())
    for row in later:
        number = str(texts.frame["id"].iloc[row]).rpartition("@")[2]
        found[row] = int(number) if number.isdecimal() else 2
    return found


def _keys(texts: Texts) -> pd.Series:
    """What texts without an id of their own are known by; None for the others."""
    frame = texts.frame
    own = np.array([name.startswith(HASHED) for name in frame["id"]], dtype=bool)
    found = pd.Series(None, index=frame.index, dtype=object)
    if own.any():
        parts = (frame["source"][own], frame["symbol"][own], texts.contents[own])
        found[own] = [text_key(*row) for row in zip(*parts, strict=True)]
    return found


def _unchanged(texts: Texts, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Versions whose words are those of the version before."""
    found = np.zeros(len(frame), dtype=bool)
    edited = texts.frame["version_of"].dropna().unique()
    if len(edited):
        chosen = frame[["text", "at", "version"]][frame["text"].isin(edited)]
        chosen = chosen.assign(content=texts.contents[chosen.index])
        chosen = chosen.sort_values(["text", "at", "version"], kind="stable")
        same = (chosen[["text", "content"]] == chosen[["text", "content"]].shift()).all(axis=1)
        found[chosen.index[same]] = True
    return found


def _probabilities(texts: Texts, scores: pd.DataFrame, *, hard: bool) -> FloatArray:
    missing = [c for c in ("id", *PROBABILITIES) if c not in scores.columns]
    if missing:
        raise DataError(f"the scores lack the column {missing[0]!r}; received {list(scores.columns)}")
    ids = texts.frame["id"]
    if len(scores) == len(ids) and (scores["id"].to_numpy() == ids.to_numpy()).all():
        values = scores[list(PROBABILITIES)].to_numpy(dtype=float)
    else:
        if scores["id"].duplicated().any():
            twice = scores.loc[scores["id"].duplicated(), "id"].iloc[0]
            raise DataError(f"the text {twice!r} has two scores")
        values = scores.set_index("id")[list(PROBABILITIES)].reindex(ids).to_numpy(dtype=float)
    total = values.sum(axis=1)
    bad = ~((values >= 0).all(axis=1) & (np.abs(total - 1.0) < 1e-3))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"the text {ids.iloc[row]!r} has no score that can be used: expected three "
            f"probabilities with the sum 1, received {values[row].tolist()}"
        )
    counts: FloatArray = np.eye(3)[values.argmax(axis=1)] if hard else values / total[:, None]
    return counts
