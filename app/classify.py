"""Getting an experiment's classifier ready: load it, or train it once and find it again.

A classifier trained from labels is kept under the hash of its cleaned labels and settings, so the same
experiment never trains twice and a changed label always does.  A training that was interrupted goes on
after its last whole epoch.
"""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ..core import QUIET, ConfigError, Progress, Texts
from ..core.calendar import ZONES
from ..core.hashing import hash_frame, hash_json
from ..core.places import expand
from ..sentiment import (
    Classifier,
    clean_labels,
    evaluate,
    read_labels,
    sample_labels,
    train_classifier,
)
from .experiment_file import CheckSettings, ClassifierSettings
from .workspace import Workspace


@dataclass(frozen=True, eq=False)
class Ready:
    """A classifier and what is known of it; `check` has one row a symbol and one for all."""

    classifier: Classifier
    check: pd.DataFrame = field(default_factory=pd.DataFrame)


def prepare_classifier(
    settings: ClassifierSettings,
    workspace: Workspace,
    texts: Texts | None = None,
    progress: Progress = QUIET,
) -> Ready:
    """The classifier of an experiment, trained where it must be, measured where labels allow it."""
    held_out = None if settings.check is None else _read_check(settings.check)
    if settings.model is not None:
        classifier = Classifier.load(_model(settings.model))
    else:
        classifier = _trained(settings, workspace, held_out, progress)
    if held_out is None:
        return Ready(classifier)
    return Ready(classifier, check_by_symbol(classifier, held_out, texts, progress))


def _trained(
    settings: ClassifierSettings,
    workspace: Workspace,
    held_out: pd.DataFrame | None,
    progress: Progress,
) -> Classifier:
    if settings.labels is None:
        raise ConfigError("[classifier] needs 'labels' to train from")
    table = sample_labels() if settings.labels == "sample" else read_labels(expand(settings.labels))
    reserved = [] if held_out is None else held_out["text"].tolist()
    kept, _ = clean_labels(table, reserved)
    key = hash_json([hash_frame(kept), settings.training.model_dump(mode="json")])[:16]
    folder = workspace.classifiers / key
    if not folder.is_dir():
        training = settings.training.model_copy(update={"base": _model(settings.training.base)})
        unfinished = workspace.checkpoints / "classifier"
        train_classifier(table, training, folder, progress, unfinished, reserved)
    return Classifier.load(folder, threads=settings.training.threads)


def _read_check(settings: CheckSettings) -> pd.DataFrame:
    return read_labels(
        expand(settings.path), label=settings.label, text=settings.text, time=settings.time
    )


def check_by_symbol(
    classifier: Classifier, labelled: pd.DataFrame, texts: Texts | None, progress: Progress = QUIET
) -> pd.DataFrame:
    """Accuracy beside the majority class, one row a symbol and one for all labelled texts."""
    symbols = _symbols_of(labelled, texts)
    rows: list[dict[str, Any]] = []
    for symbol in [*sorted(symbols.dropna().unique()), "all"]:
        part = labelled if symbol == "all" else labelled[symbols == symbol]
        found = evaluate(classifier, part, progress=progress)
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


def _model(name: str) -> str:
    """A hub id stays as it is; a folder gets its home and variables filled in."""
    return str(expand(name)) if name.startswith(("~", "$")) else name
