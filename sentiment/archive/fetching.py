"""Fetching sources into the archive, part by part, so that every fetch goes on from the last one.

A source names its parts (days, files), the archive's journal knows which of them are settled, the rest
is fetched, oldest first; each part is stored before the next one is asked for.  So an interruption costs
one part, and the same call goes on from there.  The part that still grows is asked for again each time;
texts that are known change nothing.

A part that fails is written down and costs no other, until three in a row fail: then the source is not
there, and asking on would be impolite.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ...core import QUIET, Progress, QushiError
from ..sources._base import ALL, TextSource

if TYPE_CHECKING:
    from ._journal import FetchJournal
    from .text_archive import ImportReport, TextArchive

IN_A_ROW = 3
"""Failed parts in a row after which a source is given up for now."""

_FEW = 2  # so many values of a list are shown
_SECRET = re.compile(r"token|password|secret|cookie|key", re.IGNORECASE)
_LOGIN = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True)
class SourceFetch:
    """What fetching one source did.

    `parts` were asked for and not settled before; of them `fetched` arrived and `failed` did not,
    `reason` says why (of the first that failed).  `new`, `duplicate`, `edited`, `dropped` and `gone` are
    counted as in `ImportReport`.
    """

    source: str
    parts: int = 0
    fetched: int = 0
    failed: int = 0
    new: int = 0
    duplicate: int = 0
    edited: int = 0
    dropped: int = 0
    gone: int = 0
    reason: str = ""
    notes: tuple[str, ...] = ()

    def _with(self, report: "ImportReport") -> "SourceFetch":
        counts = {name: getattr(self, name) + value for name, value in vars(report).items()}
        return replace(self, fetched=self.fetched + 1, **counts)

    def _without(self, reason: str) -> "SourceFetch":
        return replace(self, failed=self.failed + 1, reason=self.reason or reason)


def fetch_texts(
    archive: "TextArchive",
    source: TextSource,
    start: str | None = None,
    end: str | None = None,
    progress: Progress = QUIET,
    *,
    refetch: bool = False,
) -> SourceFetch:
    """Bring one source's texts of a window into the archive; a failure is told, not raised.

    `start` and `end` are dates or moments as in `TextSource.fetch`; a part that reaches over a bound is
    stored whole.  With `refetch` settled parts are fetched again.
    """
    label = label_of(source)
    done = SourceFetch(label)
    try:
        named = tuple(source.parts(start, end))
    except (QushiError, OSError) as error:
        return replace(done, failed=1, reason=str(error), notes=source.take_notes())
    todo = archive.journal.plan(source.key, label_of(source, lists=False), named)
    todo = list(named) if refetch else todo
    done = _noted(replace(done, parts=len(todo)), source, progress)
    progress.begin(label, len(todo))
    in_a_row = 0
    for part in todo:
        before = done
        done = _fetch_part(archive, archive.journal, source, part, (start, end), done)
        in_a_row = in_a_row + 1 if done.failed > before.failed else 0
        done = _noted(done, source, progress)
        progress.advance(label)
        if in_a_row == IN_A_ROW and part != todo[-1]:
            untried = len(todo) - done.fetched - done.failed
            source.note(f"{label}: {IN_A_ROW} parts in a row failed, {untried} more were not tried")
            return _noted(done, source, progress)
    return done


def _noted(done: SourceFetch, source: TextSource, progress: Progress) -> SourceFetch:
    """What the source said since, each sentence once."""
    said = dict.fromkeys(s for s in source.take_notes() if s not in done.notes)
    for sentence in said:
        progress.note(sentence)
    return replace(done, notes=(*done.notes, *said))


def _fetch_part(
    archive: "TextArchive",
    journal: "FetchJournal",
    source: TextSource,
    part: str,
    window: tuple[str | None, str | None],
    done: SourceFetch,
) -> SourceFetch:
    whole = part != ALL or window == (None, None)
    try:
        texts = source.fetch_part(part) if whole else source.fetch(*window)
        report = archive.keep(source, texts)
    except (QushiError, OSError) as error:
        journal.fail(source.key, part, str(error))
        return done._without(str(error))
    settled = whole and source.settled(part)
    journal.keep(source.key, part, settled=settled, now=pd.Timestamp.now("UTC"))
    return done._with(report)


def fetch_all(
    archive: "TextArchive",
    sources: Sequence[tuple[TextSource, str | None]],
    end: str | None = None,
    progress: Progress = QUIET,
    *,
    refetch: bool = False,
) -> list[SourceFetch]:
    """Fetch several sources, each from its own start; one that fails costs no other."""
    return [fetch_texts(archive, s, start, end, progress, refetch=refetch) for s, start in sources]


def label_of(source: TextSource, *, lists: bool = True) -> str:
    """What people read of a source: its kind and the settings that are not the default's.

    What may be a secret (a token, the login of a URL) is left out; without `lists` also what is a list,
    as one source may be fetched with another list each time.
    """
    kind = type(source)
    ours = kind.__module__.startswith("qushi.")
    name = kind.__module__.rpartition(".")[2] if ours else f"{kind.__module__}:{kind.__qualname__}"
    said = source.model_dump(mode="json", exclude_defaults=True)
    plain = {key: value for key, value in said.items() if not _SECRET.search(key)}
    shown = [f"{k}={_shown(str(v))}" for k, v in plain.items() if isinstance(v, str | int | float)]
    if lists:
        shown += [f"{k}={_listed(v)}" for k, v in plain.items() if isinstance(v, list)]
    return " ".join([name, *shown])


def _shown(value: str) -> str:
    """A path without its folders, a URL without its login."""
    return Path(value).name if Path(value).is_absolute() else _LOGIN.sub("//", value)


def _listed(values: Sequence[object]) -> str:
    more = f",+{len(values) - _FEW}" if len(values) > _FEW else ""
    return ",".join(_shown(str(value)) for value in values[:_FEW]) + more
