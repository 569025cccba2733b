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
    from .evaluation import Evaluation, evaluate
    from .fitting import TrainingSettings
    from .training import TrainingReport, train_classifier

__all__ = [
    "Classifier",
    "Evaluation",
    "ImportReport",
    "PanicSettings",
    "TextArchive",
    "TextSource",
    "TrainingReport",
    "TrainingSettings",
    "clean_labels",
    "evaluate",
    "panic_index",
    "read_labels",
    "sample_labels",
    "train_classifier",
]

_LATER = {
    "Classifier": "classifier",
    "Evaluation": "evaluation",
    "ImportReport": "archive",
    "TextArchive": "archive",
    "TrainingReport": "training",
    "TrainingSettings": "fitting",
    "evaluate": "evaluation",
    "train_classifier": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
