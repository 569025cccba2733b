"""What a source of texts is: settings, what it declares of its texts, and how they are taken.

A window is asked for in moments at which a text may be *used* (`Texts.available_at`), never in
moments of writing: a post of Monday that was edited on Friday belongs to a window of Friday.

A source is taken whole (`fetch`), or in parts (`parts`, `fetch_part`): the days of an agency, the files
of a folder.  Whoever takes it part by part and writes down which of them are `settled` goes on where
it stopped.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from pydantic import PrivateAttr

from ...core import DataError, Settings, Texts
from ...core.hashing import hash_json
from ...core.texts import Audience

SHANGHAI = "Asia/Shanghai"
ALL = "all"
"""The only part of a source that has no parts."""

Precision = Literal["second", "minute", "day"]


@dataclass(frozen=True)
class ReadCounts:
    """What the last `fetch` met: rows, rows without a usable time or without words, duplicates."""

    rows: int = 0
    dropped: int = 0
    duplicates: int = 0

    @property
    def left_out(self) -> str:
        """One sentence on the dropped rows; empty where there are none."""
        if not self.dropped:
            return ""
        return f"{self.dropped} of {self.rows} texts have no usable time or no words: left out"


@dataclass(frozen=True)
class Declared:
    """What a source says of all its texts.

    audience
        Who speaks; None where each text says it.
    precision
        How exact the stated times are.  "day": a bare date, which counts from its end.
    delay
        Minutes after the stated time from which a text counts at the earliest.
    reach
        How far back the source goes: "any day", "the newest 20", "the whole file".
    """

    audience: Audience | None = None
    precision: Precision = "second"
    delay: float = 0.0
    reach: str = "whatever it holds"


class TextSource(Settings, ABC):
    """Somewhere texts come from; one file a kind in `sentiment/sources/`."""

    _counts: ReadCounts = PrivateAttr(default=ReadCounts())
    _gone: dict[str, pd.Timestamp] = PrivateAttr(default_factory=dict)
    _notes: list[str] = PrivateAttr(default_factory=list)

    @abstractmethod
    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """Texts that become available from `start` to `end`, both included.

        `start` and `end` are dates or moments; without a zone they are Asia/Shanghai, and a bare
        `end` includes its whole day.  `symbol` keeps the texts that name it; None keeps all.
        """

    @property
    def declared(self) -> Declared:
        """Audience, precision, delay and reach of its texts."""
        return Declared()

    def parts(self, start: str | None = None, end: str | None = None) -> Sequence[str]:
        """Names of the parts that hold the texts of a window, newest last; `("all",)` without parts.

        A name stands for one content for ever: a file that changed is another part.
        """
        return (ALL,)

    def fetch_part(self, part: str) -> Texts:
        """All texts of one part, whatever the window; `SourceError` where it did not arrive."""
        return self.fetch()

    def settled(self, part: str) -> bool:
        """Whether a part, once fetched, will never bring more; asked after `fetch_part`.

        Only such a part need not be fetched again: a day that is over, a file that was read.
        """
        return False

    @property
    def key(self) -> str:
        """What the journal of fetched parts knows this source by; equal settings, equal key.

        Settings that say only how to ask (pauses, tries, time-outs) are no part of it.
        """
        kind = type(self)
        said = [kind.__qualname__, self.model_dump(mode="json", exclude=set(self._outside_key))]
        return f"{kind.__module__.rpartition('.')[2]}:{hash_json(said)[:16]}"

    @property
    def _outside_key(self) -> tuple[str, ...]:
        return ()

    @property
    def counts(self) -> ReadCounts:
        """Rows, dropped rows and duplicates of the last `fetch` or `fetch_part`."""
        return self._counts

    @property
    def gone(self) -> Mapping[str, pd.Timestamp]:
        """Ids that the last `fetch` or `fetch_part` saw taken back, and the UTC moment of it."""
        return self._gone

    def note(self, message: str) -> None:
        """Keep one sentence that a person should see about what was just fetched."""
        self._notes.append(message)

    def take_notes(self) -> tuple[str, ...]:
        """The sentences kept since the last call; whoever fetches shows them."""
        taken = tuple(self._notes)
        self._notes.clear()
        return taken


def no_texts(*, synthetic: bool = False) -> Texts:
    """A value without any text.

    >>> len(no_texts())
    0
    """
    frame = pd.DataFrame({"id": [], "audience": [], "body": []}, dtype=object)
    return Texts.from_frame(
        frame.assign(published_at=pd.DatetimeIndex([], tz="UTC")), synthetic=synthetic
    )


def moment(value: str | pd.Timestamp, *, end: bool = False, zone: str = SHANGHAI) -> pd.Timestamp:
    """A date or moment as a UTC moment; a bare date stands for its start, or with `end` its end.

    >>> print(moment("2024-02-08 15:00"), moment("2024-02-08", end=True))
    2024-02-08 07:00:00+00:00 2024-02-08 15:59:59.999999+00:00
    """
    try:
        at = pd.Timestamp(value)
    except ValueError:
        raise DataError(f"{value!r} is no date: write it like 2016-09-30 or 2016-09-30 15:00") from None
    bare = at == at.normalize() and ":" not in str(value) if isinstance(value, str) else False
    if at.tzinfo is None:
        at = at.tz_localize(zone)
    if bare and end:
        at = at + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    return at.tz_convert("UTC")


def within(texts: Texts, start: str | None, end: str | None, symbol: str | None) -> Texts:
    """The texts of a window and a symbol; the order is kept."""
    keep = pd.Series(True, index=texts.frame.index)
    if start is not None:
        keep &= texts.available_at >= moment(start)
    if end is not None:
        keep &= texts.available_at <= moment(end, end=True)
    if symbol is not None:
        named = [symbol in mentions.split() for mentions in texts.frame["mentions"]]
        keep &= (texts.frame["symbol"] == symbol) | pd.Series(named, index=keep.index, dtype=bool)
    return Texts(texts.frame[keep].reset_index(drop=True), texts.synthetic)
