"""Texts and panic: sources and archive of dated texts, the classifier that reads them, the index.

Importing this package is cheap; what needs SQLAlchemy, torch or transformers is loaded when it is
first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .labels import clean_labels, read_labels, sample_labels
from .panic import PanicSettings, panic_index
from .sources._base import TextSource

if TYPE_CHECKING:
    from .archive import ImportReport, TextArchive
    from .classifier import Classifier
    from .dictionary import DictionaryScorer
    from .evaluation import Evaluation, evaluate
    from .fitting import TrainingSettings
    from .linear import LinearScorer, LinearSettings, train_linear
    from .scoring import Scorer, load_scorer
    from .training import TrainingReport, train_classifier

__all__ = [
    "Classifier",
    "DictionaryScorer",
    "Evaluation",
    "ImportReport",
    "LinearScorer",
    "LinearSettings",
    "PanicSettings",
    "Scorer",
    "TextArchive",
    "TextSource",
    "TrainingReport",
    "TrainingSettings",
    "clean_labels",
    "evaluate",
    "load_scorer",
    "panic_index",
    "read_labels",
    "sample_labels",
    "train_classifier",
    "train_linear",
]

_LATER = {
    "Classifier": "classifier",
    "DictionaryScorer": "dictionary",
    "Evaluation": "evaluation",
    "ImportReport": "archive",
    "LinearScorer": "linear",
    "LinearSettings": "linear",
    "Scorer": "scoring",
    "TextArchive": "archive",
    "TrainingReport": "training",
    "TrainingSettings": "fitting",
    "evaluate": "evaluation",
    "load_scorer": "scoring",
    "train_classifier": "training",
    "train_linear": "linear",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
