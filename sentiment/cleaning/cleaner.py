"""What texts count: shares named, copies and spam marked, the rest kept.

    name -> mark -> keep

Every text gets a `reason`: "" (kept), or the first that holds of "empty", "advertising", "template" and
"copy", those that `drop` names before those that it does not.  A reason that is not dropped is counted
all the same; nothing disappears unsaid.

What is decided about a text uses it and what was available before it, in the order of `available_at`,
then `id`: cleaning the texts up to t gives the first part of cleaning all of them.  So a `Cleaner` takes
an archive batch by batch, wherever it is cut, and keeps in mind only the last `memory_hours` and the
session that runs.

Dropped by default: copies, advertising and empty texts, each a thing that a reader would throw out.
Templates are only counted: an exchange's announcements have one form, and a market in panic writes
alike.  Advertising and templates are looked for among what the public writes.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd
from pydantic import Field, field_validator

from ...core import DataError, Texts
from ...core.calendar import session_of
from ...core.notes import Said
from ...core.texts import Audience
from ..identity import normalised
from .naming import NameTable
from .near_duplicates import CopySettings, NearDuplicates
from .spam import Templates, advertising_signs, is_empty, shape_of

Reason = Literal["empty", "advertising", "template", "copy"]
REASONS: tuple[str, ...] = get_args(Reason)
_COUNTS = ("session", "source", "reason", "dropped", "texts")
_MARKS = ("id", "available_at", "reason", "dropped", "because")


class TextCleaning(CopySettings):
    """What is looked for, and what of it is dropped.

    drop
        Reasons for which a text is left out; the others are only counted.
    across
        Copies are looked for among the texts about one symbol, or among all of one audience: a story
        that was posted under three symbols then counts for the first only.
    spam_among
        Whose texts may be advertising or templates.
    advertising
        Points from which a text is advertising; see `tables/advertising.csv`.
    template_symbols, template_posts
        A shape is a template beyond so many symbols, or posts about one symbol, within a session.
    """

    drop: tuple[Reason, ...] = ("empty", "advertising", "copy")
    across: Literal["symbol", "audience"] = "symbol"
    spam_among: tuple[Audience, ...] = ("public",)
    advertising: float = Field(default=3.0, gt=0)
    template_symbols: int = Field(default=5, ge=1)
    template_posts: int = Field(default=10, ge=1)

    @field_validator("drop", "spam_among")
    @classmethod
    def _each_once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(given)) < len(given):
            raise ValueError(f"name each of them once: {', '.join(given)}")
        return given

    @property
    def order(self) -> tuple[str, ...]:
        """Reasons, the dropped ones first."""
        return tuple(sorted(REASONS, key=lambda reason: reason not in self.drop))


@dataclass(frozen=True, eq=False)
class CleaningReport:
    """What cleaning found.

    counts
        `session` (by the calendar's cut-off; the UTC date past the last known session), `source`,
        `reason` ("" where nothing was found), `dropped`, `texts`: every text is in one row of it.
    marks
        The texts with a reason: `id`, `available_at`, `reason`, `dropped`, `because` (the id of the
        text that was copied, the signs of advertising, the shape of a template).
    remarks
        What the reader has to know of the names.
    """

    counts: pd.DataFrame
    marks: pd.DataFrame
    remarks: tuple[Said, ...] = ()

    @property
    def texts(self) -> int:
        """Texts looked at."""
        return int(self.counts["texts"].sum())

    @property
    def dropped(self) -> int:
        """Texts left out."""
        return int(self.counts.loc[self.counts["dropped"], "texts"].sum())

    def by_reason(self) -> dict[str, int]:
        """Texts by reason, "" for those in which nothing was found."""
        sums = self.counts.groupby("reason")["texts"].sum()
        return {reason: int(sums.get(reason, 0)) for reason in ("", *REASONS)}

    def sentence(self) -> str:
        """One line for a log."""
        found = [f"{n:,} {reason}" for reason, n in self.by_reason().items() if reason and n]
        told = f" (found: {', '.join(found)})" if found else ""
        return f"{self.dropped:,} of {self.texts:,} texts are left out{told}"


class Cleaner:
    """Cleans texts that come in batches, in order of `available_at`, then `id`.

    `calendar` and `cutoff` say where a session ends.  State: the sliding window of copies, the shapes of
    the session that runs, and the counts of the report; never the texts.
    """

    def __init__(
        self,
        settings: TextCleaning,
        names: NameTable | None = None,
        *,
        calendar: str = "XSHG",
        cutoff: str = "",
    ) -> None:
        self._settings, self._names = settings, names
        self._calendar, self._cutoff = calendar, cutoff
        self._copies = NearDuplicates(settings)
        self._templates = Templates(
            settings.template_symbols, settings.template_posts, settings.shortest
        )
        self._counts: Counter[tuple[pd.Timestamp, str, str]] = Counter()
        self._marks = pd.DataFrame(columns=list(_MARKS))
        self._last: tuple[pd.Timestamp, str] | None = None

    def clean(self, batch: Texts) -> Texts:
        """The texts of the batch that are kept, with `mentions` filled where there are names.

        `DataError` where the batch begins before the end of the one before.
        """
        if not len(batch):
            return batch
        available = batch.available_at
        self._follow(batch, available)
        sessions = self._sessions(available)
        named, struck = self._named(batch)
        frame = named.frame
        found = self._found(named, available, sessions, struck)
        reason = pd.Series("", index=frame.index)
        because = pd.Series("", index=frame.index)
        for name in reversed(self._settings.order):
            holds = found[name] != ""
            reason = reason.mask(holds, name)
            because = because.mask(holds, found[name])
        dropped = reason.isin(self._settings.drop)
        self._counts.update(zip(sessions, frame["source"], reason, strict=True))
        marks = pd.DataFrame(
            {"id": frame["id"], "available_at": available, "reason": reason, "dropped": dropped}
        )
        self._marks = marks.assign(because=because)[reason != ""].reset_index(drop=True)
        return Texts(frame[~dropped].reset_index(drop=True), batch.synthetic)

    @property
    def report(self) -> CleaningReport:
        """Counts of all batches so far; `marks` of the last batch only, so that memory stays flat."""
        drop = self._settings.drop
        rows = [(*key, key[2] in drop, n) for key, n in sorted(self._counts.items())]
        counts = pd.DataFrame(rows, columns=list(_COUNTS)).astype({"dropped": bool, "texts": int})
        remarks = self._names.remarks if self._names is not None else ()
        return CleaningReport(counts, self._marks, remarks)

    def _follow(self, batch: Texts, available: pd.Series) -> None:
        ids = batch.frame["id"]
        if self._last is not None and (available.iloc[0], ids.iloc[0]) <= self._last:
            raise DataError(
                f"the text {ids.iloc[0]!r} of {available.iloc[0]} does not come after {self._last[1]!r} "
                f"of {self._last[0]}: clean batches in order of available_at, then id"
            )
        self._last = (available.iloc[-1], ids.iloc[-1])

    def _named(self, batch: Texts) -> tuple[Texts, list[tuple[str, ...]]]:
        """The batch with its mentions, and the words by which each text names a share."""
        if self._names is None:
            return batch, [()] * len(batch)
        found = self._names.recognise(batch)
        return self._names.name(batch, found), [tuple(one.words for one in those) for those in found]

    def _found(
        self,
        texts: Texts,
        available: pd.Series,
        sessions: list[pd.Timestamp],
        struck: list[tuple[str, ...]],
    ) -> dict[str, pd.Series]:
        """By reason, for each text why it holds, "" where it does not."""
        frame, settings = texts.frame, self._settings
        words = wording(texts)
        compact = [normalised(text) for text in words]
        judged = frame["audience"].isin(settings.spam_among)
        signs = [
            advertising_signs(text) if among else () for text, among in zip(compact, judged, strict=True)
        ]
        adverts = [
            "; ".join(rule.why for rule in rules)
            if sum(rule.weight for rule in rules) >= settings.advertising
            else ""
            for rules in signs
        ]
        found = {
            "empty": ["says nothing" if is_empty(text) else "" for text in compact],
            "advertising": adverts,
            "template": self._shaped(texts, compact, struck, judged, sessions),
            "copy": self._copied(texts, available, words),
        }
        return {name: pd.Series(values, index=frame.index) for name, values in found.items()}

    def _shaped(
        self,
        texts: Texts,
        compact: list[str],
        struck: list[tuple[str, ...]],
        judged: pd.Series,
        sessions: list[pd.Timestamp],
    ) -> list[str]:
        symbols, versions = texts.frame["symbol"], texts.frame["version_of"]
        rows = zip(compact, struck, judged, symbols, sessions, versions, strict=True)
        found = []
        for text, names, among, symbol, session, version in rows:
            shape = shape_of(text, names) if among else ""
            known = among and self._templates.is_template(
                shape, symbol or "", session, counts=version is None
            )
            found.append(shape if known else "")
        return found

    def _copied(self, texts: Texts, available: pd.Series, words: list[str]) -> list[str]:
        frame = texts.frame
        group = frame["audience"]
        if self._settings.across == "symbol":
            group = group + "|" + frame["symbol"].fillna("")
        moments = available.astype("datetime64[ns, UTC]").astype("int64")
        return self._copies.originals(
            frame["id"].tolist(), texts.text_ids.tolist(), group.tolist(), words, moments.tolist()
        )

    def _sessions(self, available: pd.Series) -> list[pd.Timestamp]:
        moments = pd.DatetimeIndex(available)
        session = pd.Series(session_of(moments, self._calendar, self._cutoff))
        days = session.fillna(pd.Series(moments.tz_localize(None).normalize()))
        return [pd.Timestamp(day) for day in days]


def clean_texts(
    texts: Texts,
    settings: TextCleaning = TextCleaning(),  # noqa: B008  frozen
    names: NameTable | None = None,
    *,
    calendar: str = "XSHG",
    cutoff: str = "",
) -> tuple[Texts, CleaningReport]:
    """The texts that count, with `mentions` filled where `names` are given, and what was found.

    Causal: what is kept of the texts up to any moment depends on those only.
    """
    cleaner = Cleaner(settings, names, calendar=calendar, cutoff=cutoff)
    return cleaner.clean(texts), cleaner.report


def wording(texts: Texts) -> list[str]:
    """What a text says, once: without a title that its body opens with, as forums repeat it."""
    return [
        body if body.startswith(_without_dots(title)) else f"{title}\n{body}"
        for title, body in zip(texts.frame["title"], texts.frame["body"], strict=True)
    ]


def _without_dots(title: str) -> str:
    return title.strip().removesuffix("...").removesuffix("…")
