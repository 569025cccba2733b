"""What a training did and found: the report in memory, and the card beside the weights."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...core import DataError
from ..identity import normalised
from ..scorers.loading import CARD
from ._checkpoints import Epoch
from .calibration import at_bound
from .evaluation import MAJORITY, Evaluation
from .labels import CleanReport
from .splitting import LabelledRows, SplitSettings

TFIDF = "tfidf_logistic"
"""Name of the row of character TF-IDF with logistic regression in every table of comparison."""

_SEEN = "seen.safetensors"
_FEW = 100  # texts below which an accuracy is a guess


@dataclass(frozen=True)
class TrainingReport:
    """What a training did.

    validation
        On the texts that chose the epoch (or the penalty) and fitted the temperature.
    test
        On texts that had no part in the fit; None where none were set aside.
    comparison
        As `evaluation.comparison`: the classifier, TF-IDF with logistic regression trained on the same
        texts, the dictionaries and the most frequent label, on the rows of `evaluation`.
    seconds
        Of this call; what an interrupted one took before is not in them.
    knowledge_cutoff
        The last moment that the texts (and the base) can have seen, ISO; None where undated.
    """

    folder: Path
    clean: CleanReport
    train_rows: int
    validation: Evaluation
    test: Evaluation | None
    temperature: float
    epochs: tuple[Epoch, ...]
    best_epoch: int
    seconds: float
    knowledge_cutoff: str | None
    comparison: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()

    @property
    def evaluation(self) -> Evaluation:
        """The figures to report: of the test where there is one, else of the validation."""
        return self.validation if self.test is None else self.test

    @property
    def warnings(self) -> tuple[str, ...]:
        """Plain sentences that a report of this training must carry."""
        said = list(self.notes)
        if self.knowledge_cutoff is None:
            said.append(
                "the training texts (or those of the base) are undated: scores may know the future"
            )
        if self.test is None:
            said.append(
                "no texts were set aside: the figures are of those that chose among fits, and flatter"
            )
        if at_bound(self.temperature):
            said.append(
                f"the temperature {self.temperature:.1f} is at the end of its range: the probabilities "
                "are hardly calibrated"
            )
        if self.evaluation.rows < _FEW:
            rows = self.evaluation.rows
            said.append(f"the figures are of {rows} texts: a standard error up to {0.5 / rows**0.5:.0%}")
        if self.evaluation.accuracy <= self.evaluation.majority:
            said.append("the classifier is no better than always naming the most frequent label")
        return (*said, *self._beaten())

    def _beaten(self) -> tuple[str, ...]:
        if self.comparison.empty:
            return ()
        table = self.comparison.set_index("scorer")["macro_f1"]
        own, others = table.iloc[0], table.iloc[1:].drop(MAJORITY, errors="ignore")
        better = others[others >= own].sort_values(ascending=False)
        if better.empty:
            return ()
        name, value = better.index[0], better.iloc[0]
        return (f"{name} is no worse on the same texts: macro F1 {value:.3f} against {own:.3f}",)


def card_of(
    report: TrainingReport, rows: LabelledRows, settings: SplitSettings, more: Mapping[str, Any]
) -> dict[str, Any]:
    """What the folder of a trained model says of itself, as JSON."""
    found = report.evaluation
    clean = report.clean
    return {
        "labels": list(rows.classes),
        "data_hash": rows.data_hash,
        "dated": "time" in rows.frame.columns,
        "window": None if rows.window is None else list(rows.window),
        "knowledge_cutoff": report.knowledge_cutoff,
        "rows": clean.rows,
        "kept": clean.kept,
        "duplicates": clean.duplicates,
        "conflicting": clean.conflicting,
        "held_out": clean.held_out,
        "untimed": rows.untimed,
        "train_rows": report.train_rows,
        "valid_rows": report.validation.rows,
        "test_rows": 0 if report.test is None else report.test.rows,
        "temperature": report.temperature,
        "majority": found.majority,
        **found.figures(),
        "comparison": report.comparison.to_dict("records"),
        "best_epoch": report.best_epoch,
        "seconds": round(report.seconds, 1),
        "seed": settings.seed,
        "settings": settings.model_dump(mode="json"),
        **more,
    }


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write `qushi.json`."""
    (folder / CARD).write_text(json.dumps(card, ensure_ascii=False, indent=2), encoding="utf-8")


def write_seen(folder: Path, rows: LabelledRows) -> None:
    """Write the hashes of the texts that trained or chose, so that no evaluation takes them for new."""
    from safetensors.numpy import save_file

    texts = rows.part([*rows.train, *rows.valid])["text"]
    save_file({"texts": np.array([_mark(text) for text in texts], dtype=np.uint64)}, folder / _SEEN)


def seen_by(model: str | Path) -> Callable[[str], bool]:
    """Whether a text trained the model of a folder; of a folder that does not say, none did."""
    from safetensors.numpy import load_file

    path = Path(model).expanduser() / _SEEN
    if not path.is_file():
        return lambda text: False
    marks = frozenset(load_file(path)["texts"].tolist())
    return lambda text: _mark(text) in marks


def _mark(text: str) -> int:
    return int.from_bytes(hashlib.sha256(normalised(text).encode()).digest()[:8], "little")


def check_target(folder: Path) -> None:
    """`DataError` where a model may not be written, for something else lies there."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / CARD).is_file()):
        raise DataError(
            f"{str(folder)!r} holds something else than a model trained here: name a new folder"
        )


@contextmanager
def model_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which takes the target's place when everything went well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield part
        part.chmod(0o755)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            os.replace(folder, old / "old")
            os.replace(part, folder)
            shutil.rmtree(old)
        else:
            os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
