"""Fine-tuning a sequence classifier from labelled texts.

One code path: a base (a local folder, a hub id, or the small BERT of `scratch.py`) is loaded from a
folder with a fresh head and trained by `fitting.py`.  Seeded throughout: the same texts, settings and
number of threads give the same weights, interrupted in between or not.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from ..core import QUIET, DataError, Progress
from ..core.compute import torch_threads
from ..core.hashing import hash_frame
from ._checkpoints import Epoch
from ._runtime import quiet_transformers
from .classifier import CARD
from .evaluation import Evaluation, evaluate_probabilities
from .fitting import TrainingSettings, fit
from .labels import LABELS, CleanReport, clean_labels, stratified_split


@dataclass(frozen=True)
class TrainingReport:
    """What a training did; `validation` is of the kept epoch, on texts held back from the gradient.

    seconds
        Of this call; what an interrupted one took before is not in them.
    knowledge_cutoff
        The last moment that the texts (and the base) can have seen, ISO; None where undated.
    """

    folder: Path
    clean: CleanReport
    train_rows: int
    validation: Evaluation
    epochs: tuple[Epoch, ...]
    best_epoch: int
    seconds: float
    knowledge_cutoff: str | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Plain sentences that a report of this training must carry."""
        said = []
        if self.knowledge_cutoff is None:
            said.append(
                "the training texts (or those of the base) are undated: scores may know the future"
            )
        if self.validation.accuracy <= self.validation.majority:
            said.append("the classifier is no better than always naming the most frequent label")
        return tuple(said)


def train_classifier(
    table: pd.DataFrame,
    settings: TrainingSettings,
    folder: Path,
    progress: Progress = QUIET,
    checkpoint: Path | None = None,
    held_out: Sequence[str] = (),
) -> TrainingReport:
    """Train on `label` (neg, neu, pos), `text` and optionally `time`; write a model folder.

    `held_out` are texts of an evaluation, which are taken out of training and counted in the card.
    The folder is written whole or not at all; it loads with `Classifier.load` and with transformers'
    own Auto classes.  In the folder `checkpoint` every epoch is kept until then: a call that was
    interrupted goes on after its last whole epoch, and to the same weights, where texts, settings and
    base are the same.  Raises `DataError` for a table that cannot be learned from and for a `folder`
    that holds something else, `SourceError` for a base that cannot be had.
    """
    _check_target(folder)
    started = time.monotonic()
    kept, clean = clean_labels(table, held_out)
    _check_enough(kept)
    progress.note(
        f"{clean.rows} labelled texts: {clean.duplicates} duplicates and {clean.conflicting} texts with "
        f"conflicting labels removed, {clean.held_out} held out for an evaluation, {clean.kept} kept"
    )
    train, valid = stratified_split(kept["label"], settings.valid, settings.seed)
    with _folder(folder) as target, torch_threads(settings.threads), quiet_transformers():
        fitted = fit(kept, train, valid, settings, progress, checkpoint)
        best = min((e for e in fitted.epochs if isfinite(e.valid_loss)), key=lambda e: e.valid_loss)
        report = TrainingReport(
            folder=folder,
            clean=clean,
            train_rows=len(train),
            validation=evaluate_probabilities(kept["label"].iloc[valid], fitted.probabilities),
            epochs=fitted.epochs,
            best_epoch=best.number,
            seconds=time.monotonic() - started,
            knowledge_cutoff=_knowledge_cutoff(kept, settings),
        )
        fitted.model.save_pretrained(target)
        fitted.tokenizer.save_pretrained(target)
        card = _card(report, kept, settings)
        (target / CARD).write_text(json.dumps(card, ensure_ascii=False, indent=2), encoding="utf-8")
    if fitted.checkpoint is not None:
        fitted.checkpoint.unlink(missing_ok=True)
    return report


def _check_enough(kept: pd.DataFrame) -> None:
    counts = kept["label"].value_counts().reindex(list(LABELS), fill_value=0)
    if (counts < 2).any():
        raise DataError(
            f"each of neg, neu and pos needs two texts after cleaning, received {counts.to_dict()}"
        )


def _knowledge_cutoff(kept: pd.DataFrame, settings: TrainingSettings) -> str | None:
    if "time" not in kept.columns or (settings.base and not settings.base_knowledge_cutoff):
        return None
    last = pd.to_datetime(kept["time"], errors="coerce")
    if last.isna().any():
        return None
    moments = [last.max()]
    if settings.base:
        moments.append(pd.Timestamp(settings.base_knowledge_cutoff))
    local = [m.tz_localize("Asia/Shanghai") if m.tzinfo is None else m for m in moments]
    return str(max(local).isoformat())


def _card(report: TrainingReport, kept: pd.DataFrame, settings: TrainingSettings) -> Mapping[str, Any]:
    import torch
    import transformers

    return {
        "labels": list(LABELS),
        "data_hash": hash_frame(kept),
        "dated": "time" in kept.columns,
        "window": [str(kept["time"].min()), str(kept["time"].max())] if "time" in kept else None,
        "knowledge_cutoff": report.knowledge_cutoff,
        "rows": report.clean.rows,
        "kept": report.clean.kept,
        "duplicates": report.clean.duplicates,
        "conflicting": report.clean.conflicting,
        "held_out": report.clean.held_out,
        "train_rows": report.train_rows,
        "valid_rows": report.validation.rows,
        "accuracy": report.validation.accuracy,
        "majority": report.validation.majority,
        "balanced_accuracy": report.validation.balanced_accuracy,
        "best_epoch": report.best_epoch,
        "seconds": round(report.seconds, 1),
        "seed": settings.seed,
        "max_length": settings.max_length,
        "settings": settings.model_dump(mode="json"),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _check_target(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / CARD).is_file()):
        raise DataError(
            f"{str(folder)!r} holds something else than a model trained here: name a new folder"
        )


@contextmanager
def _folder(folder: Path) -> Iterator[Path]:
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
