"""What reads texts as negative, neutral or positive, whatever it is made of.

A scorer turns strings into probabilities of (neg, neu, pos).  Three kinds share this base: a
transformer (`classifier.py`), a linear model over character n-grams (`linear.py`) and word lists
(`dictionary.py`).  What they share is the way through the texts:

- equal strings are scored once; scores are kept in the archive under the text's hash and the scorer's
  fingerprint, a few seconds' work at a time, so that an interrupted scoring goes on where it stopped;
- texts go through in blocks, so that memory does not grow with the archive.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core import QUIET, ConfigError, Progress, Texts
from ...core.compute import Device
from ..identity import content_hash
from .loading import kind_of

if TYPE_CHECKING:
    from ..archive.text_archive import TextArchive
    from .classifier import OutputNames

Precision = Literal["float32", "bfloat16", "int8", "onnx", "onnx_int8"]
"""How a transformer computes; "float32" is torch as the model was saved."""

ScorerKind = Literal["transformer", "linear", "dictionary"]

Part = tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]
"""Positions among the texts given, and their probabilities, rows x (neg, neu, pos)."""

PROBABILITIES = ["p_neg", "p_neu", "p_pos"]
BLOCK = 8_192
"""Texts looked up, encoded and sorted by length at a time."""
KEEP_EVERY = 5.0
"""Seconds of work that an interruption can cost, at most."""

_TASK = "scoring texts"
_UNDATED = (
    "the classifier's training texts are undated or unknown: it may have learned from the time that it "
    "is scored on"
)


class Scorer(ABC):
    """Reads texts; make one with `load_scorer`.

    fingerprint
        Hash of all that decides a score: equal hash, equal scores.
    facts
        `kind` ("transformer", "linear", "dictionary"), `name`, `fingerprint`, `knowledge_cutoff` (the
        last moment that the scorer can have learned from, ISO, None where that is not known) and what
        else is known of it.
    """

    fingerprint: str
    facts: Mapping[str, Any]

    @abstractmethod
    def _compute(self, contents: Sequence[str], batch_size: int) -> Iterator[Part]:
        """Probabilities of one block of different texts, part by part, in any order."""

    def score(
        self,
        texts: Texts,
        archive: "TextArchive | None" = None,
        *,
        batch_size: int = 64,
        progress: Progress = QUIET,
    ) -> pd.DataFrame:
        """Probabilities of every text, in the texts' order: `id, p_neg, p_neu, p_pos`.

        With an archive, what it knows is not computed again, and what is computed is stored.
        """
        scores = self.probabilities(
            texts.contents.tolist(), archive, batch_size=batch_size, progress=progress
        )
        table = pd.DataFrame(scores, columns=PROBABILITIES)
        table.insert(0, "id", texts.frame["id"].to_numpy())
        return table

    def probabilities(
        self,
        contents: Sequence[str],
        archive: "TextArchive | None" = None,
        *,
        batch_size: int = 64,
        progress: Progress = QUIET,
    ) -> npt.NDArray[np.float64]:
        """Probabilities of plain strings, texts x (neg, neu, pos), float64; equal strings once.

        `batch_size` says how much is computed at a time, not what: see the scorer's own module.
        """
        _check(batch_size)
        hashes = [content_hash(text) for text in contents]
        first: dict[str, int] = {}
        for row, key in enumerate(hashes):
            first.setdefault(key, row)
        found = np.full((len(hashes), 3), np.nan)
        self._begin(progress, len(first))
        keys = list(first)
        for begin in range(0, len(keys), BLOCK):
            block = keys[begin : begin + BLOCK]
            known = {} if archive is None else _known(archive, block, self.fingerprint)
            for key, values in known.items():
                found[first[key]] = values
            progress.advance(_TASK, len(known))
            todo = [key for key in block if key not in known]
            rows = np.array([first[key] for key in todo], dtype=np.intp)
            todo_contents = [contents[row] for row in rows]
            with closing(self._kept(todo, todo_contents, archive, batch_size)) as parts:
                for part, values in parts:
                    found[rows[part]] = values
                    progress.advance(_TASK, len(part))
        return found[[first[key] for key in hashes]]

    def score_archive(
        self, archive: "TextArchive", *, batch_size: int = 64, progress: Progress = QUIET
    ) -> int:
        """Score what the archive holds and this scorer has not read yet; the number of texts scored.

        Each part is stored as it is done: an interrupted call goes on from there.  Memory holds one
        block of texts at a time, however large the archive is.
        """
        _check(batch_size)
        self._begin(progress, archive.unscored_count(self.fingerprint))
        done = 0
        for block in archive.unscored(self.fingerprint, rows=BLOCK):
            keys, contents = [key for key, _ in block], [text for _, text in block]
            with closing(self._kept(keys, contents, archive, batch_size)) as parts:
                for rows, _ in parts:
                    done += len(rows)
                    progress.advance(_TASK, len(rows))
        return done

    def readable(self, texts: Texts) -> Texts:
        """The texts that this scorer has a model for: all of them, unless it learns as time goes on."""
        return texts

    def warnings(self, texts: Texts) -> tuple[str, ...]:
        """Plain sentences on what the scorer may know of the texts' future; empty where it cannot."""
        cutoff = self.facts["knowledge_cutoff"]
        if cutoff is None:
            return (_UNDATED,)
        inside = int((texts.available_at <= _utc(cutoff)).sum())
        if not inside:
            return ()
        return (
            f"{inside} of {len(texts)} texts are not later than {cutoff}, the end of the classifier's "
            "training texts: their scores are not out of sample",
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it computes; said before it begins."""
        return ()

    def _begin(self, progress: Progress, total: int) -> None:
        for note in self.notes if total else ():
            progress.note(note)
        progress.begin(_TASK, total)

    def _kept(
        self,
        keys: Sequence[str],
        contents: Sequence[str],
        archive: "TextArchive | None",
        batch_size: int,
    ) -> Generator[Part, None, None]:
        """As `_compute`; what is done goes to the archive every few seconds and when work ends early."""
        waiting: list[Part] = []
        since = time.monotonic()
        try:
            for part in self._compute(contents, batch_size) if keys else ():
                waiting.append(part)
                yield part
                if time.monotonic() - since >= KEEP_EVERY:
                    _keep(archive, keys, waiting, self.fingerprint)
                    since = time.monotonic()
        finally:
            _keep(archive, keys, waiting, self.fingerprint)


def load_scorer(
    source: str | Path,
    *,
    kind: ScorerKind | None = None,
    labels: "OutputNames" = (),
    precision: Precision = "float32",
    max_length: int = 0,
    threads: int = 1,
    device: Device = "auto",
) -> Scorer:
    """The scorer that `source` names.

    `"dictionary"` or `"dictionary:<name>"`: word lists; a folder whose `qushi.json` says that its kind
    is linear: a linear model; any other folder or hub id: a transformer.  `labels` names a
    transformer's outputs (see `Classifier.load`), `precision` says how it computes; the other kinds have
    neither and refuse them.  Raises as `Classifier.load`, and `ConfigError` for a source of another
    kind than `kind` asks for.
    """
    found = kind_of(source)
    if kind is not None and found != kind:
        raise ConfigError(f"{str(source)!r} is a {found} scorer: write kind = {found!r}", key="kind")
    if found != "transformer":
        _refuse(found, "output names" if labels else "", "precision" if precision != "float32" else "")
    if found == "dictionary":
        from .dictionary import DictionaryScorer

        return DictionaryScorer.load(str(source).partition(":")[2])
    if found == "linear":
        from .linear import LinearScorer

        return LinearScorer.load(source)
    from .classifier import Classifier

    return Classifier.load(
        source,
        labels=labels,
        precision=precision,
        max_length=max_length,
        threads=threads,
        device=device,
    )


def _refuse(kind: str, *given: str) -> None:
    for name in filter(None, given):
        raise ConfigError(f"a {kind} scorer has no {name}: leave it out, or name a transformer")


def _check(batch_size: int) -> None:
    if batch_size < 1:
        raise ConfigError(f"batch_size must be 1 or more, received {batch_size}")


def _known(
    archive: "TextArchive", keys: Sequence[str], fingerprint: str
) -> dict[str, npt.NDArray[np.float64]]:
    stored = archive.scores(keys, fingerprint)
    return dict(zip(stored.index, stored.to_numpy(), strict=True))


def _keep(
    archive: "TextArchive | None", keys: Sequence[str], waiting: list[Part], fingerprint: str
) -> None:
    """Store what waits, and forget it."""
    if archive is not None and waiting:
        rows = np.concatenate([rows for rows, _ in waiting])
        values = np.concatenate([values for _, values in waiting])
        table = pd.DataFrame(values, index=[keys[row] for row in rows], columns=PROBABILITIES)
        archive.keep_scores(table, fingerprint)
    waiting.clear()


def _utc(moment: str) -> pd.Timestamp:
    """A moment with a zone as it is; a bare date lasts to its end, in UTC."""
    at = pd.Timestamp(moment)
    if at.tzinfo is None:
        return at.normalize().tz_localize("UTC") + pd.Timedelta(days=1)
    return at.tz_convert("UTC")
