"""Classifiers inside the walk-forward: a text is read by a model that learned from earlier labels only.

The sessions of the exchange fall into blocks of `every`, counted from the first session that the
calendar knows, so that a block does not move with the window of an experiment.  A block begins at the
close m before its first session.  Its model learns from the labels known at m,

    label time + delay <= m < available_at of every text that it reads,

from all of them (the window expands).  Where no label is new, the model before goes on.  Texts before
the first block with enough labels have no model: they get no score and stand in no index.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core import QUIET, ConfigError, DataError, LookAheadError, Progress, Texts
from ...core.calendar import CLOSES, ZONES, session_of, sessions
from ...core.hashing import hash_json
from ..training.labels import label_times
from .scoring import PROBABILITIES, Part, Scorer

if TYPE_CHECKING:
    from ..archive.text_archive import TextArchive


@dataclass(frozen=True)
class Refit:
    """One model of a walk-forward.

    since
        UTC moment: the model reads texts available later than that, up to the next model's.
    knowledge_cutoff
        UTC moment of the last label that it learned from.
    """

    since: pd.Timestamp
    folder: Path
    fingerprint: str
    knowledge_cutoff: pd.Timestamp
    labels: int
    facts: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.knowledge_cutoff > self.since:
            raise LookAheadError(
                f"the model of {self.since} learned from a label of {self.knowledge_cutoff}"
            )


@dataclass(frozen=True, eq=False)
class RefittedScorer(Scorer):
    """Several models, each for the texts of its time; strings without a time are read by the last.

    `open_model` loads the model of a folder: one at a time is held.
    """

    refits: tuple[Refit, ...]
    open_model: Callable[[Path], Scorer]
    fingerprint: str
    facts: Mapping[str, Any]

    @classmethod
    def of(
        cls, refits: Sequence[Refit], open_model: Callable[[Path], Scorer], more: Mapping[str, Any]
    ) -> "RefittedScorer":
        """From models in the order of their time; raises `DataError` where there is none."""
        if not refits:
            raise DataError("no block of sessions has enough labels before it: nothing can be read")
        mark = hash_json([[str(one.since), one.fingerprint] for one in refits])
        facts = {
            **refits[-1].facts,
            **more,
            "kind": "refitted",
            "name": f"{len(refits)} models",
            "fingerprint": mark,
            "refits": len(refits),
            "first_model": refits[0].since.isoformat(),
            "knowledge_cutoff": refits[-1].knowledge_cutoff.isoformat(),
        }
        return cls(tuple(refits), open_model, mark, facts)

    def readable(self, texts: Texts) -> Texts:
        """The texts that have a model: those available after the first model's moment."""
        keep = self._model_of(texts.available_at) >= 0
        return type(texts)(texts.frame[keep].reset_index(drop=True), texts.synthetic)

    def score(
        self,
        texts: Texts,
        archive: "TextArchive | None" = None,
        *,
        batch_size: int = 64,
        progress: Progress = QUIET,
    ) -> pd.DataFrame:
        """Probabilities of every text: `id, p_neg, p_neu, p_pos`.

        Raises `DataError` for a text that has no model: see `readable`.
        """
        moments = texts.available_at
        early = self._model_of(moments) < 0
        if early.any():
            raise DataError(
                f"{int(early.sum())} texts are older than the first model, of {self.refits[0].since}: "
                "leave them out"
            )
        found = self.probabilities_at(texts.contents.tolist(), moments, archive, batch_size, progress)
        table = pd.DataFrame(found, columns=PROBABILITIES)
        table.insert(0, "id", texts.frame["id"].to_numpy())
        return table

    def probabilities_at(
        self,
        contents: Sequence[str],
        moments: pd.Series,
        archive: "TextArchive | None" = None,
        batch_size: int = 64,
        progress: Progress = QUIET,
    ) -> npt.NDArray[np.float64]:
        """Probabilities of strings known at UTC `moments`; NaN where no model is older."""
        found = np.full((len(contents), 3), np.nan)
        chosen = self._model_of(moments)
        for number in np.unique(chosen[chosen >= 0]).tolist():
            rows = np.flatnonzero(chosen == number)
            model = self.open_model(self.refits[number].folder)
            some = [contents[row] for row in rows.tolist()]
            found[rows] = model.probabilities(some, archive, batch_size=batch_size, progress=progress)
        return found

    def score_archive(
        self, archive: "TextArchive", *, batch_size: int = 64, progress: Progress = QUIET
    ) -> int:
        """Refused: which model reads a text depends on its time, and an archive is scored by content."""
        raise ConfigError(
            "a classifier that is trained again as time goes on scores the texts of an experiment, "
            "never a whole archive: name one model"
        )

    def warnings(self, texts: Texts) -> tuple[str, ...]:
        """None of the labels is later than a text; of a base that is not dated nothing is known."""
        if self.facts.get("base_undated"):
            return ("the base of the classifier is undated or later than the texts that it reads",)
        return ()

    def table(self) -> pd.DataFrame:
        """The models, one row each: `since`, `knowledge_cutoff`, `labels`, `accuracy`, `fingerprint`."""
        rows = [
            {
                "since": one.since,
                "knowledge_cutoff": one.knowledge_cutoff,
                "labels": one.labels,
                "accuracy": one.facts.get("accuracy", float("nan")),
                "fingerprint": one.fingerprint,
            }
            for one in self.refits
        ]
        return pd.DataFrame(rows)

    def _compute(self, contents: Sequence[str], batch_size: int) -> Iterator[Part]:
        return self.open_model(self.refits[-1].folder)._compute(contents, batch_size)

    def _model_of(self, moments: pd.Series) -> npt.NDArray[np.intp]:
        """Number of the model that reads each text, -1 where there is none."""
        since = pd.DatetimeIndex([one.since for one in self.refits])
        return np.asarray(since.searchsorted(pd.DatetimeIndex(moments), side="left"), dtype=np.intp) - 1


def block_starts(moments: pd.Series, calendar: str, every: int) -> pd.DatetimeIndex:
    """UTC closes before the first session of each block that the moments fall into, in order."""
    known = sessions(calendar)
    first, last = (
        session_of(pd.DatetimeIndex([moment]), calendar)[0] for moment in (moments.min(), moments.max())
    )
    low = known.get_loc(first) // every
    high = (len(known) - 1 if pd.isna(last) else known.get_loc(last)) // every
    before = known[[number * every - 1 for number in range(max(low, 1), high + 1)]]
    closes = before + pd.Timedelta(f"{CLOSES[calendar]}:00")
    return closes.tz_localize(ZONES[calendar]).tz_convert("UTC")


def known_labels(table: pd.DataFrame, moment: pd.Timestamp, delay: float) -> pd.DataFrame:
    """The labelled texts that may be learned from at a UTC moment: dated, and `delay` days old."""
    known = label_times(table) + pd.Timedelta(days=delay)
    return table[(known <= moment).to_numpy()].reset_index(drop=True)
