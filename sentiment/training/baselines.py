"""A classifier judged on a labelled table, TF-IDF and the dictionaries beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ...core import QUIET, DataError, Progress
from ..scorers.linear import LinearScorer, LinearSettings, fit_linear
from ..scorers.scoring import Scorer
from .evaluation import Evaluation, classes_of, comparison, evaluate_probabilities
from .labels import CleanReport, clean_labels
from .report import TFIDF
from .splitting import split_labels

BASELINE = "linear"
"""Folder inside a model's folder that holds the linear classifier trained on the same rows."""


def baseline_of(model: str | Path) -> LinearScorer | None:
    """The linear classifier that was trained beside a model; None where its folder has none."""
    folder = Path(model).expanduser() / BASELINE
    return LinearScorer.load(folder) if folder.is_dir() else None


def train_baseline(
    table: pd.DataFrame, judged: pd.DataFrame, progress: Progress = QUIET
) -> LinearScorer:
    """A linear classifier of `table`, without the texts of `judged`, nine tenths of it for the fit."""
    kept, clean = clean_labels(table, judged["text"].tolist())
    if clean.held_out and kept.empty:
        raise DataError("every text to train TF-IDF on is one to evaluate on: name the training texts")
    rows = split_labels(kept, LinearSettings(test=0.0))
    return fit_linear(rows, LinearSettings(test=0.0), progress)


@dataclass(frozen=True, eq=False)
class Judgement:
    """A scorer on a labelled table, beside the baselines; `notes` say what is missing."""

    evaluation: Evaluation
    comparison: pd.DataFrame
    clean: CleanReport
    notes: tuple[str, ...] = ()


def judge(
    name: str,
    scorer: Scorer,
    table: pd.DataFrame,
    linear: LinearScorer | None,
    progress: Progress = QUIET,
    seen: Callable[[str], bool] = lambda text: False,
) -> Judgement:
    """A scorer beside the baselines on a labelled table, cleaned first.

    `seen` says of a text whether the scorer was trained on it: it is left out and counted.
    `linear` is TF-IDF with logistic regression trained on the same texts, None where those are not at
    hand: the notes then say that its row is missing.
    """
    kept, clean = clean_labels(table)
    known = kept["text"].map(seen).to_numpy(dtype=bool)
    if len(kept) and known.all():
        raise DataError(f"all {len(kept)} texts trained the {name}: evaluate it on others")
    kept = kept[~known].reset_index(drop=True)
    contents = [text.strip() for text in kept["text"]]
    own = scorer.probabilities(contents, progress=progress)
    label = str(scorer.facts["name"]) if scorer.facts["kind"] == "dictionary" else name
    said = {label: own}
    notes = []
    if clean.rows > clean.kept:
        notes.append(
            f"{clean.kept} of {clean.rows} texts kept: {clean.duplicates} duplicates and "
            f"{clean.conflicting} texts with conflicting labels removed"
        )
    if known.any():
        notes.append(f"{int(known.sum())} texts that trained the {name} left out")
    if linear is not None:
        said[TFIDF] = linear.probabilities(contents)
    elif scorer.facts["kind"] != "linear":
        notes.append(
            f"no row {TFIDF}: the texts that the {name} was trained on are not at hand; name them for it"
        )
    return Judgement(
        evaluate_probabilities(kept["label"], own, classes_of(kept["label"])),
        comparison(kept, said),
        clean,
        tuple(notes),
    )
