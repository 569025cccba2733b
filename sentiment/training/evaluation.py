"""How good a classifier is, beside what needs no training and what trains in a second.

Where no text of a set is labelled neutral, the question is which of two: neutral is then taken out of
what a scorer says, `p_neg / (p_neg + p_pos)`, and a text of which it says nothing counts as negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core import QUIET, DataError, Progress
from ..scorers.dictionary import DictionaryScorer
from .calibration import brier_score, calibration_error, log_loss, reliability
from .labels import LABELS, check_table

if TYPE_CHECKING:
    from ..scorers.scoring import Scorer

FloatArray = npt.NDArray[np.float64]

DICTIONARIES = ("all", "jiang", "yao")

MAJORITY = "majority"
"""Name of the row that always says how frequent each label is."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of one evaluation.

    majority
        Share of the most frequent label: what a classifier must beat.
    balanced_accuracy
        Mean recall over the labels that occur.
    macro_f1
        Mean F1 over the labels that occur.
    log_loss, brier, ece
        How good the probabilities are, see `calibration`; less is better.
    confusion
        Counts, true label (rows) x predicted label (columns).
    per_label
        `precision`, `recall`, `f1`, `texts` by label; NaN where undefined.
    reliability
        Confidence against accuracy, as `calibration.reliability` gives it.
    """

    rows: int
    accuracy: float
    majority: float
    balanced_accuracy: float
    macro_f1: float
    log_loss: float
    brier: float
    ece: float
    confusion: pd.DataFrame
    per_label: pd.DataFrame
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)

    def figures(self) -> dict[str, float]:
        """The single numbers, by name."""
        names = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "ece")
        return {name: float(getattr(self, name)) for name in names}

    def as_json(self) -> dict[str, object]:
        """All of it, JSON-like."""
        return {
            "texts": self.rows,
            "majority": self.majority,
            **self.figures(),
            "confusion": self.confusion.to_dict("index"),
            "per_label": self.per_label.to_dict("index"),
            "reliability": self.reliability.to_dict("records"),
        }


def evaluate(
    classifier: "Scorer", table: pd.DataFrame, *, batch_size: int = 64, progress: Progress = QUIET
) -> Evaluation:
    """Score a table of `label`, `text` and compare."""
    check_table(table)
    contents = [text.strip() for text in table["text"]]
    scores = classifier.probabilities(contents, batch_size=batch_size, progress=progress)
    return evaluate_probabilities(table["label"], scores, classes_of(table["label"]))


def evaluate_probabilities(
    labels: Sequence[str] | pd.Series,
    probabilities: FloatArray,
    classes: Sequence[str] = LABELS,
) -> Evaluation:
    """Figures for probabilities of (neg, neu, pos) against the true labels.

    With `classes` ("neg", "pos") neutral is taken out of the probabilities.
    """
    if not len(labels):
        raise DataError("there is no labelled text to evaluate on")
    names = list(classes)
    truth = np.array([names.index(str(label)) for label in labels], dtype=np.int64)
    said = _among(probabilities, names)
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (truth, said.argmax(axis=1)), 1)
    right, actual, called = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision = right / actual, right / called
        f1 = 2 * right / (actual + called)
    bins = reliability(said, truth)
    return Evaluation(
        rows=len(truth),
        accuracy=float(right.sum() / len(truth)),
        majority=float(actual.max() / len(truth)),
        balanced_accuracy=float(np.nanmean(recall)),
        macro_f1=float(f1[actual > 0].mean()),
        log_loss=log_loss(said, truth),
        brier=brier_score(said, truth),
        ece=calibration_error(bins),
        confusion=pd.DataFrame(counts, index=names, columns=names),
        per_label=pd.DataFrame(
            {"precision": precision, "recall": recall, "f1": f1, "texts": actual}, index=names
        ),
        reliability=bins,
    )


def comparison(table: pd.DataFrame, said: Mapping[str, FloatArray]) -> pd.DataFrame:
    """Several scorers on one labelled table, the dictionaries and the most frequent label beside them.

    `said` has the probabilities of (neg, neu, pos) by name, in the table's order.  The row `majority`
    says of every text how frequent the labels are among these texts: the best that can be said without
    reading them.
    Columns: `scorer, texts, accuracy, balanced_accuracy, macro_f1, log_loss, brier, ece`.
    """
    labels = table["label"]
    shares = labels.value_counts(normalize=True).reindex(list(LABELS), fill_value=0.0).to_numpy()
    contents = [text.strip() for text in table["text"]]
    everything = dict(said)
    for name in DICTIONARIES:
        dictionary = DictionaryScorer.load(name)
        if dictionary.facts["name"] not in said:
            everything[str(dictionary.facts["name"])] = dictionary.probabilities(contents)
    everything[MAJORITY] = np.tile(shares, (len(labels), 1))
    rows = []
    for name, probabilities in everything.items():
        found = evaluate_probabilities(labels, probabilities, classes_of(labels))
        rows.append({"scorer": name, "texts": found.rows, **found.figures()})
    return pd.DataFrame(rows)


def classes_of(labels: pd.Series) -> tuple[str, ...]:
    """The classes that a set of labels asks about: two where none is neutral, else three."""
    return LABELS if (labels == "neu").any() else ("neg", "pos")


def _among(probabilities: FloatArray, names: Sequence[str]) -> FloatArray:
    """Probabilities given that one of `names` is true; even where none of them was thought possible."""
    chosen = probabilities[:, [LABELS.index(name) for name in names]]
    total = chosen.sum(axis=1, keepdims=True)
    even = np.full_like(chosen, 1 / len(names))
    np.divide(chosen, total, out=even, where=total > 0)
    return even
