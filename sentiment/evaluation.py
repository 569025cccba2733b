"""How good a classifier is, beside what always naming the most frequent label would get."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import QUIET, DataError, Progress
from .labels import LABELS, check_table

if TYPE_CHECKING:
    from .classifier import Classifier


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of one evaluation.

    majority
        Share of the most frequent label: what a classifier must beat.
    balanced_accuracy
        Mean recall over the labels that occur.
    confusion
        Counts, true label (rows) x predicted label (columns).
    per_label
        `precision`, `recall`, `f1`, `texts` by label; NaN where undefined.
    """

    rows: int
    accuracy: float
    majority: float
    balanced_accuracy: float
    confusion: pd.DataFrame
    per_label: pd.DataFrame


def evaluate(
    classifier: "Classifier", table: pd.DataFrame, *, batch_size: int = 64, progress: Progress = QUIET
) -> Evaluation:
    """Score a table of `label`, `text` and compare."""
    check_table(table)
    contents = [text.strip() for text in table["text"]]
    scores = classifier.probabilities(contents, batch_size=batch_size, progress=progress)
    return evaluate_probabilities(table["label"], scores)


def evaluate_probabilities(
    labels: Sequence[str] | pd.Series, probabilities: npt.NDArray[np.float64]
) -> Evaluation:
    """Figures for probabilities of (neg, neu, pos) against the true labels."""
    if not len(labels):
        raise DataError("there is no labelled text to evaluate on")
    truth = np.array([LABELS.index(str(label)) for label in labels])
    guess = probabilities.argmax(axis=1)
    counts = np.zeros((3, 3), dtype=np.int64)
    np.add.at(counts, (truth, guess), 1)
    right, actual, called = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision = right / actual, right / called
        f1 = 2 * right / (actual + called)
    names = list(LABELS)
    return Evaluation(
        rows=len(truth),
        accuracy=float(right.sum() / len(truth)),
        majority=float(actual.max() / len(truth)),
        balanced_accuracy=float(np.nanmean(recall)),
        confusion=pd.DataFrame(counts, index=names, columns=names),
        per_label=pd.DataFrame(
            {"precision": precision, "recall": recall, "f1": f1, "texts": actual}, index=names
        ),
    )
