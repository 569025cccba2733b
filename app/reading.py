"""What becomes of an experiment's texts: shares named, copies and spam left out, scored, counted.

    texts -> name -> clean -> score -> panic index

Each step uses a text and what was available before it, so the whole is causal like its parts.  Texts are
read whole (`read_texts`), or an archive in batches into an index that lies on disk and grows
(`read_archive`).
"""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..core import QUIET, DataError, PanicIndex, Progress, Texts
from ..core.hashing import hash_frame
from ..core.notes import Said
from ..sentiment import Scorer, panic_index
from ..sentiment.cleaning.cleaner import Cleaner, CleaningReport
from ..sentiment.cleaning.naming import NameTable
from ..sentiment.index.sectors import Sectors
from ..sentiment.index.store import PanicRecipe, grow
from ..sentiment.sources.archive import ArchivedTexts
from .config import Experiment
from .experiment_file import ExperimentFile
from .workspace import Workspace

_LISTED = 250
"""Sessions, the latest ones, whose texts are read again to be listed beside a grown index."""


@dataclass(frozen=True, eq=False)
class TextTables:
    """The tables that texts are read with: names of shares, members of sectors; None where not given."""

    names: NameTable | None = None
    sectors: Sectors | None = None

    @classmethod
    def load(cls, settings: ExperimentFile) -> "TextTables":
        """Read what `[names]` and `[sectors]` name."""
        names = None if settings.names is None else NameTable.read(settings.names)
        return cls(names, settings.sectors.load())

    @property
    def fingerprints(self) -> dict[str, str]:
        """Content hash of each table that is there."""
        tables = {"names": self.names, "sectors": self.sectors}
        return {name: hash_frame(one.frame) for name, one in tables.items() if one is not None}


@dataclass(frozen=True, eq=False)
class Reading:
    """A panic index with what it was made of.

    texts, scores
        The texts that count, and `id, p_neg, p_neu, p_pos` of each.
    cleaning
        What was left out; None without `[text_cleaning]`.

    Notes
    -----
        What a reader must know of how the index was made.
    """

    panic: PanicIndex
    texts: Texts
    scores: pd.DataFrame
    cleaning: CleaningReport | None = None
    notes: tuple[Said, ...] = ()


class TextReader:
    """Names, cleans and scores batches of texts, in order of `available_at`, then `id`."""

    def __init__(
        self,
        settings: ExperimentFile,
        tables: TextTables,
        scorer: Scorer,
        calendar: str,
        archive: Any = None,
        progress: Progress = QUIET,
    ) -> None:
        self._names, self._scorer = tables.names, scorer
        self._archive, self._progress = archive, progress
        self._cleaner = None
        if settings.text_cleaning is not None:
            self._cleaner = Cleaner(
                settings.text_cleaning, tables.names, calendar=calendar, cutoff=settings.panic.cutoff
            )

    def read(self, batch: Texts) -> tuple[Texts, pd.DataFrame]:
        """The texts that count, and their scores."""
        if self._cleaner is not None:
            batch = self._cleaner.clean(batch)
        elif self._names is not None:
            batch = self._names.name(batch)
        batch = self._scorer.readable(batch)
        return batch, self._scorer.score(batch, self._archive, progress=self._progress)

    @property
    def cleaning(self) -> CleaningReport | None:
        """What has been left out so far."""
        return None if self._cleaner is None else self._cleaner.report


def read_texts(
    settings: ExperimentFile,
    tables: TextTables,
    texts: Texts,
    scorer: Scorer,
    calendar: str,
    span: pd.DatetimeIndex,
    archive: Any = None,
    progress: Progress = QUIET,
) -> Reading:
    """The panic index of texts over the sessions from the first to the last of `span`.

    Raises `DataError` where no text is left to count.
    """
    reader = TextReader(settings, tables, scorer, calendar, archive, progress)
    kept, scores = reader.read(texts)
    _tell(reader.cleaning, progress)
    if not len(kept):
        raise DataError(f"of {len(texts)} texts none is left to count: check [text_cleaning]")
    index = panic_index(kept, scores, calendar, settings.panic, span[0], span[-1], tables.sectors)
    return Reading(index, kept, scores, reader.cleaning)


def _tell(report: CleaningReport | None, progress: Progress) -> None:
    if report is not None and report.dropped:
        progress.note(report.sentence())


def read_archive(
    experiment: Experiment,
    source: ArchivedTexts,
    tables: TextTables,
    scorer: Scorer,
    calendar: str,
    span: pd.DatetimeIndex,
    place: Workspace,
    progress: Progress = QUIET,
    *,
    rebuild: bool = False,
) -> Reading:
    """The same of an archive: the index on disk is grown by the sessions that are new, and given.

    Sessions that are published stay as they are unless `rebuild` makes all of them again.  `texts`,
    `scores` and `cleaning` are those of the last 250 sessions.
    """
    settings = experiment.settings
    start, _ = experiment.text_window
    cleaning = settings.text_cleaning
    recipe = PanicRecipe(
        archive=source.location,
        scorer=scorer.fingerprint,
        calendar=calendar,
        settings=settings.panic,
        sectors=tables.sectors,
        start=start,
        known_from=source.known_from,
        preparation={
            "names": tables.fingerprints.get("names"),
            "naming": None if settings.names is None else settings.names.model_dump(mode="json"),
            "cleaning": None if cleaning is None else cleaning.model_dump(mode="json"),
        },
    )
    context = pd.Timedelta(hours=0 if cleaning is None else cleaning.memory_hours)
    with closing(source.open()) as archive:

        def reader() -> TextReader:
            return TextReader(settings, tables, scorer, calendar, archive, progress)

        growing = reader()
        growth = grow(
            place.panic, recipe, archive, growing.read, end=span[-1], context=context, rebuild=rebuild
        )
        _tell(growing.cleaning, progress)
        progress.note(
            f"panic index: {growth.sessions} sessions added from {growth.texts} texts; the others stay"
        )
        since = span[-min(_LISTED, len(span))] - context
        since = since if start is None else max(since, pd.Timestamp(start))
        days, listing = (f"{since:%Y-%m-%d}", f"{span[-1]:%Y-%m-%d}"), reader()
        parts = [listing.read(b) for b in archive.batches(*days, known_from=source.known_from)]
    if not parts:
        raise DataError(f"the archive holds no text of the last {_LISTED} sessions: fetch some")
    synthetic = any(kept.synthetic for kept, _ in parts)
    texts = Texts(pd.concat([kept.frame for kept, _ in parts], ignore_index=True), synthetic)
    scores = pd.concat([values for _, values in parts], ignore_index=True)
    frame = growth.index.frame
    inside = (frame["session"] >= span[0]) & (frame["session"] <= span[-1])
    index = PanicIndex(frame[inside].reset_index(drop=True))
    return Reading(index, texts, scores, listing.cleaning, growth.notes)
