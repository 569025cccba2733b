"""A panic index kept on disk and grown: tomorrow's session adds its rows and recomputes none.

    store/panic/<key>/index.parquet     key: hash of all that decides a value but the texts

`grow` reads the texts after the last closed session, in batches, adds the sessions that have closed
since and replaces the file in one step.  A session is closed once its cut-off is past *and* the archive
has heard of a source since: before, its texts may not have been fetched.  What is published stays:
texts that come in later for a closed session are counted and said, and change nothing unless all is made
again.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ...core import DataError, PanicIndex, Texts
from ...core.calendar import CLOSES, ZONES, sessions
from ...core.hashing import hash_frame, hash_json
from ...core.notes import Said
from ..sources._base import moment
from .admission import CountsKnown
from .builder import PanicBuilder
from .sectors import Sectors
from .settings import PanicSettings

if TYPE_CHECKING:
    from ..archive._reading import KnownFrom
    from ..archive.text_archive import TextArchive

FORMAT = 1
"""Changes with the meaning of a stored value: an index of another format is made again."""

_KEY = b"qushi"

Prepare = Callable[[Texts], tuple[Texts, pd.DataFrame]]
"""Names, cleans and scores a batch: the texts that are left, and `id, p_neg, p_neu, p_pos` of each."""

_LATE = Said(
    "{n} texts came into the archive after their sessions were closed: the published index leaves them "
    "out. Make it again to count them.",
    "有 {n} 条文本在所属交易日截止之后才进入文本库：已发布的指数不含这些文本。要计入，请重新生成。",
)


@dataclass(frozen=True, eq=False)
class PanicRecipe:
    """All that decides a stored index but the texts themselves.

    archive
        Path or URL of the archive: another archive is another index.
    scorer
        Fingerprint of the classifier.
    start
        Texts before it are not read; None: all.
    known_from
        As in `TextArchive.read`.
    preparation
        What is done to texts before they are scored (naming, cleaning): settings as JSON-like values.
    """

    archive: str
    scorer: str
    calendar: str
    settings: PanicSettings = PanicSettings()  # noqa: RUF009  frozen
    sectors: Sectors | None = None
    start: str | None = None
    known_from: "KnownFrom" = "published"
    preparation: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """Name of the index's folder: equal recipes, equal key."""
        said = {
            "format": FORMAT,
            "archive": self.archive,
            "scorer": self.scorer,
            "calendar": self.calendar,
            "settings": self.settings.model_dump(mode="json"),
            "sectors": None if self.sectors is None else hash_frame(self.sectors.frame),
            "start": self.start,
            "known_from": self.known_from,
            "preparation": self.preparation,
        }
        return hash_json(said)[:20]


@dataclass(frozen=True, eq=False)
class StoredIndex:
    """An index as it lies on disk, and the number of archived texts that its sessions were closed on.

    counts
        How many of them have the counts that they are weighted by.
    """

    index: PanicIndex
    texts: int
    counts: CountsKnown

    @property
    def last(self) -> pd.Timestamp:
        """The last closed session."""
        found: pd.Timestamp = self.index.frame["session"].max()
        return found


@dataclass(frozen=True, eq=False)
class Growth:
    """What growing an index came to.

    index
        Up to the session asked for, or to the last closed one.
    sessions, texts
        Sessions that were added, and texts read for them.
    late
        Texts of closed sessions that the archive got afterwards, all of them since the index was made.

    Notes
    -----
        What a reader must know of it: such texts, and weights that may know the future.
    """

    index: PanicIndex
    sessions: int
    texts: int
    late: int
    notes: tuple[Said, ...] = ()


class PanicStore:
    """Indices under one folder, by the key of their recipes.

    >>> PanicStore(Path("store/panic")).path("abc").as_posix()
    'store/panic/abc/index.parquet'
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def path(self, key: str) -> Path:
        """Where the index of a key lies."""
        return self.root / key / "index.parquet"

    def read(self, key: str) -> StoredIndex | None:
        """The stored index, or None; `DataError` where the file is none of ours."""
        path = self.path(key)
        if not path.is_file():
            return None
        try:
            table = pq.read_table(path, partitioning=None)
            facts = json.loads((table.schema.metadata or {})[_KEY])
            frame = table.to_pandas(ignore_metadata=True)
            frame["session"] = frame["session"].astype("datetime64[ns]")
            counts = CountsKnown(*facts["counts"])
            return StoredIndex(PanicIndex(frame), int(facts["texts"]), counts)
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise DataError(
                f"the stored panic index {path} cannot be read ({error}): delete it, and it is made "
                "again"
            ) from error

    def write(self, key: str, stored: StoredIndex) -> None:
        """Store an index; an interruption leaves the old file as it was."""
        path = self.path(key)
        table = pa.Table.from_pandas(stored.index.frame, preserve_index=False)
        facts = {
            "format": FORMAT,
            "last": f"{stored.last:%Y-%m-%d}",
            "texts": stored.texts,
            "counts": astuple(stored.counts),
        }
        table = table.replace_schema_metadata({_KEY: json.dumps(facts)})
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                pq.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def grow(
    store: PanicStore,
    recipe: PanicRecipe,
    archive: "TextArchive",
    prepare: Prepare,
    *,
    end: str | pd.Timestamp | None = None,
    now: pd.Timestamp | None = None,
    context: pd.Timedelta = pd.Timedelta(0),  # noqa: B008  immutable
    rebuild: bool = False,
) -> Growth:
    """Bring a stored index up to date and give it; memory does not grow with the archive.

    `end` is the last session wanted, `now` (zone-aware, default the clock) decides which sessions are
    over.  `prepare` is given batches in order of `available_at`; where it must have seen the texts of
    some time before the first new one, `context` is that time.  `rebuild` makes all of it again, with
    the texts that came late.  Raises `DataError` where there is no text, where no session has closed
    yet, and where the archive has lost texts that the index was made from.
    """
    before = None if rebuild else store.read(recipe.key)
    clock = pd.Timestamp.now("UTC") if now is None else now
    first = None if recipe.start is None else moment(recipe.start)
    heard = archive.status(recipe.calendar, first, _cutoff(before.last, recipe) if before else None)
    late = 0
    if before is not None and recipe.known_from == "published":
        late = int(heard["versions"].sum()) - before.texts
        if late < 0:
            raise DataError(
                f"the archive {recipe.archive} holds {-late} texts fewer than its panic index was made "
                "from: it is another one, so make the index again"
            )
    last = _last_closed(recipe, min(clock, heard["last_fetch"].max()) if len(heard) else clock)
    wanted = last if end is None else min(last, sessions(recipe.calendar, end=end)[-1])
    said = (_LATE.fill(n=late),) if late else ()
    if before is not None and before.last >= wanted:
        notes = (*said, *before.counts.warnings(recipe.settings))
        return Growth(_until(before.index, wanted), 0, 0, late, notes)
    grown = _add(before, recipe, archive, prepare, wanted, context, first)
    store.write(recipe.key, grown)
    days = sessions(recipe.calendar, grown.index.frame["session"].min(), wanted)
    added = len(days) if before is None else int((days > before.last).sum())
    notes = (*said, *grown.counts.warnings(recipe.settings))
    return Growth(grown.index, added, grown.texts - (before.texts if before else 0), late, notes)


def _add(
    before: StoredIndex | None,
    recipe: PanicRecipe,
    archive: "TextArchive",
    prepare: Prepare,
    wanted: pd.Timestamp,
    context: pd.Timedelta,
    first: pd.Timestamp | None,
) -> StoredIndex:
    """The index up to a session, from the texts that became available after the one before."""
    previous = None if before is None else before.index
    builder = PanicBuilder(
        recipe.calendar, recipe.settings, recipe.sectors, previous=previous, end=wanted
    )
    since = None if before is None else _cutoff(before.last, recipe)
    start = first
    if since is not None:
        start = since - context if context else since + pd.Timedelta(1, "ns")
        start = start if first is None else max(first, start)
    read, counts = (0, CountsKnown()) if before is None else (before.texts, before.counts)
    ends = _cutoff(wanted, recipe)
    for texts in archive.batches(start, ends, known_from=recipe.known_from):
        new = texts if since is None else Texts(texts.frame[texts.available_at > since])
        read, counts = read + len(new), counts + CountsKnown.of(new, recipe.settings)
        builder.feed(*prepare(texts))
    return StoredIndex(builder.finish(), read, counts)


def _until(index: PanicIndex, last: pd.Timestamp) -> PanicIndex:
    frame = index.frame
    if frame["session"].max() <= last:
        return index
    return replace(index, frame=frame[frame["session"] <= last].reset_index(drop=True))


def _cutoff(session: pd.Timestamp, recipe: PanicRecipe) -> pd.Timestamp:
    """The last moment that belongs to a session."""
    clock = recipe.settings.cutoff or CLOSES[recipe.calendar]
    offset = pd.Timedelta(clock if clock.count(":") == 2 else f"{clock}:00")
    return (session + offset).tz_localize(ZONES[recipe.calendar]).tz_convert("UTC")


def _last_closed(recipe: PanicRecipe, now: pd.Timestamp) -> pd.Timestamp:
    """The last session whose cut-off is before `now`."""
    day = now.tz_convert(ZONES[recipe.calendar]).tz_localize(None).normalize()
    over = [day for day in sessions(recipe.calendar, end=day)[-2:] if _cutoff(day, recipe) < now]
    if not over:
        raise DataError(f"no session of {recipe.calendar} has closed by {now}")
    return over[-1]
