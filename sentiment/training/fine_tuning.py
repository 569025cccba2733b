"""Fine-tuning a sequence classifier from labelled texts.

One code path: a base (a local folder, a hub id, or the small BERT of `scratch.py`) is loaded from a
folder with a fresh head and trained by `fitting.py`.  Seeded throughout: the same texts, settings and
number of threads give the same weights, interrupted in between or not.  Beside it, on the same rows,
stands a linear classifier (`linear.py`), which is kept in the model's folder, so that the two can be
compared on other texts later.
"""

import time
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core import QUIET, Progress
from ...core.compute import torch_threads
from ..scorers._runtime import quiet_transformers
from ..scorers.linear import LinearScorer, LinearSettings, fit_linear, linear_card, write_linear
from .baselines import BASELINE
from .evaluation import Evaluation, classes_of, comparison, evaluate_probabilities
from .fitting import Fitted, TrainingSettings, fit
from .report import (
    TFIDF,
    TrainingReport,
    card_of,
    check_target,
    model_folder,
    write_card,
    write_seen,
)
from .splitting import LabelledRows, SplitSettings, split_labels

__all__ = ["TrainingReport", "train_classifier"]

OWN = "classifier"
"""Name of the row of the trained classifier in its table of comparison."""


def train_classifier(
    table: pd.DataFrame,
    settings: TrainingSettings,
    folder: Path,
    progress: Progress = QUIET,
    checkpoint: Path | None = None,
    held_out: Sequence[str] = (),
    test: pd.DataFrame | None = None,
    compare: bool = True,
) -> TrainingReport:
    """Train on `label` (neg, neu, pos), `text` and optionally `time`; write a model folder.

    `held_out` are texts of an evaluation, which are taken out of training and counted in the card.
    `test` is a labelled test set: its texts are taken out of training too, and the figures are of it.
    Labels without a neutral one give a classifier of two classes.
    The folder is written whole or not at all; it loads with `Classifier.load` and with transformers'
    own Auto classes.  In the folder `checkpoint` every epoch is kept until then: a call that was
    interrupted goes on after its last whole epoch, and to the same weights, where texts, settings and
    base are the same.  `compare` trains the linear classifier beside it.  Raises `DataError` for a
    table that cannot be learned from and for a `folder` that holds something else, `SourceError` for a
    base that cannot be had.
    """
    check_target(folder)
    started = time.monotonic()
    base = (settings.base_knowledge_cutoff or None) if settings.base else ""
    rows = split_labels(table, settings, held_out, test, base)
    tell(rows, progress)
    with model_folder(folder) as target, torch_threads(settings.threads), quiet_transformers():
        fitted = fit(rows, settings, progress, checkpoint)
        best = min((e for e in fitted.epochs if isfinite(e.valid_loss)), key=lambda e: e.valid_loss)
        linear = fit_linear(rows, _linear(settings)) if compare else None
        report = TrainingReport(
            folder=folder,
            clean=rows.clean,
            train_rows=len(rows.train),
            validation=_figures(rows, rows.valid, fitted.valid),
            test=_figures(rows, rows.test, fitted.test) if rows.test else None,
            temperature=fitted.temperature,
            epochs=fitted.epochs,
            best_epoch=best.number,
            seconds=time.monotonic() - started,
            knowledge_cutoff=rows.cutoff,
            comparison=pd.DataFrame() if linear is None else _compared(rows, fitted, linear),
            notes=_notes(rows),
        )
        fitted.model.save_pretrained(target)
        fitted.tokenizer.save_pretrained(target)
        if linear is not None:
            (target / BASELINE).mkdir()
            write_linear(linear, target / BASELINE, linear_card(rows, _linear(settings), linear))
        write_seen(target, rows)
        write_card(target, _card(report, rows, settings))
    if fitted.checkpoint is not None:
        fitted.checkpoint.unlink(missing_ok=True)
    return report


def tell(rows: LabelledRows, progress: Progress) -> None:
    """Say in one sentence what cleaning did."""
    clean = rows.clean
    untimed = f"{rows.untimed} without a time left out of a split by time, " if rows.untimed else ""
    progress.note(
        f"{clean.rows} labelled texts: {clean.duplicates} duplicates and {clean.conflicting} texts with "
        f"conflicting labels removed, {clean.held_out} held out for an evaluation, {untimed}"
        f"{clean.kept - rows.untimed} kept: {len(rows.train)} to train, {len(rows.valid)} to choose, "
        f"{len(rows.test)} to test"
    )


def _notes(rows: LabelledRows) -> tuple[str, ...]:
    if not rows.untimed:
        return ()
    return (f"{rows.untimed} labelled texts have no time and stand in no part of a split by time",)


def _linear(settings: TrainingSettings) -> LinearSettings:
    shared = {name: getattr(settings, name) for name in SplitSettings.model_fields}
    return LinearSettings(**shared, class_weights=settings.class_weights)


def _figures(
    rows: LabelledRows, part: Sequence[int], probabilities: npt.NDArray[np.float64]
) -> Evaluation:
    labels = rows.part(part)["label"]
    return evaluate_probabilities(labels, probabilities, classes_of(labels))


def _compared(rows: LabelledRows, fitted: Fitted, linear: LinearScorer) -> pd.DataFrame:
    judged = rows.part(rows.judged)
    own = fitted.test if rows.test else fitted.valid
    return comparison(judged, {OWN: own, TFIDF: linear.probabilities(judged["text"].tolist())})


def _card(report: TrainingReport, rows: LabelledRows, settings: TrainingSettings) -> Mapping[str, Any]:
    import torch
    import transformers

    more = {
        "kind": "transformer",
        "max_length": settings.max_length,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    return card_of(report, rows, settings, more)
