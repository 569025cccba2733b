"""The scorer of an experiment, measured on texts labelled by hand where it is used."""

from typing import Any

import pandas as pd

from ..core import QUIET, Progress, Texts
from ..core.calendar import ZONES
from ..core.places import expand
from ..sentiment import Scorer, read_labels
from ..sentiment.scorers.refitting import RefittedScorer
from ..sentiment.training.evaluation import classes_of, evaluate_probabilities
from ..sentiment.training.labels import label_times
from .experiment_file import CheckSettings


def read_check(settings: CheckSettings) -> pd.DataFrame:
    """The labelled texts of `[classifier.check]`."""
    return read_labels(
        expand(settings.path), label=settings.label, text=settings.text, time=settings.time
    )


def check_by_symbol(
    classifier: Scorer, labelled: pd.DataFrame, texts: Texts | None, progress: Progress = QUIET
) -> pd.DataFrame:
    """Accuracy beside the majority class, one row a symbol and one for all labelled texts.

    Labelled texts that no model of a walk-forward is old enough to read are left out.
    """
    contents = [text.strip() for text in labelled["text"]]
    if isinstance(classifier, RefittedScorer):
        at = label_times(labelled)
        said = classifier.probabilities_at(contents, at, progress=progress)
        said[at.isna().to_numpy()] = float("nan")
    else:
        said = classifier.probabilities(contents, progress=progress)
    symbols = _symbols_of(labelled, texts)
    classes = classes_of(labelled["label"])
    rows: list[dict[str, Any]] = []
    read = pd.Series(said[:, 0], index=labelled.index).notna()
    for symbol in [*sorted(symbols.dropna().unique()), "all"]:
        chosen = (read & ((symbols == symbol) | (symbol == "all"))).to_numpy()
        if not chosen.any():
            continue
        found = evaluate_probabilities(labelled["label"][chosen], said[chosen], classes)
        rows.append(
            {
                "symbol": symbol,
                "texts": found.rows,
                "accuracy": found.accuracy,
                "majority": found.majority,
                "balanced_accuracy": found.balanced_accuracy,
            }
        )
    return pd.DataFrame(rows)


def _symbols_of(labelled: pd.DataFrame, texts: Texts | None) -> pd.Series:
    """The symbol of each labelled text: that of the experiment's text of the same moment and words."""
    found = pd.Series(None, index=labelled.index, dtype=object)
    if texts is None or "time" not in labelled:
        return found
    at = pd.to_datetime(labelled["time"]).dt.tz_localize(ZONES["XSHG"]).dt.tz_convert("UTC")
    by_moment: dict[pd.Timestamp, list[tuple[str | None, str]]] = {}
    contents = texts.contents
    for row, moment in enumerate(texts.frame["published_at"]):
        by_moment.setdefault(moment, []).append((texts.frame["symbol"].iloc[row], contents.iloc[row]))
    for index, moment in at.items():
        words = labelled.loc[index, "text"].strip()
        for symbol, content in by_moment.get(moment, []):
            if words in content:
                found.loc[index] = symbol
                break
    return found
