"""Texts and panic: sources and archive of dated texts, the classifier that reads them, the index.

Importing this package is cheap; what needs SQLAlchemy, torch or transformers is loaded when it is
first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .index.panic import PanicSettings, panic_index
from .sources._base import TextSource
from .training.labels import clean_labels, read_labels, sample_labels

if TYPE_CHECKING:
    from .archive.text_archive import ImportReport, TextArchive
    from .cleaning.cleaner import CleaningReport, TextCleaning, clean_texts
    from .cleaning.naming import NameSettings, NameTable
    from .scorers.classifier import Classifier
    from .scorers.dictionary import DictionaryScorer
    from .scorers.linear import LinearScorer, LinearSettings, train_linear
    from .scorers.scoring import Scorer, load_scorer
    from .study.panic_study import PanicStudy, panic_study
    from .study.settings import StudySettings
    from .training.evaluation import Evaluation, evaluate
    from .training.fine_tuning import TrainingReport, train_classifier
    from .training.fitting import TrainingSettings

__all__ = [
    "Classifier",
    "CleaningReport",
    "DictionaryScorer",
    "Evaluation",
    "ImportReport",
    "LinearScorer",
    "LinearSettings",
    "NameSettings",
    "NameTable",
    "PanicSettings",
    "PanicStudy",
    "Scorer",
    "StudySettings",
    "TextArchive",
    "TextCleaning",
    "TextSource",
    "TrainingReport",
    "TrainingSettings",
    "clean_labels",
    "clean_texts",
    "evaluate",
    "load_scorer",
    "panic_index",
    "panic_study",
    "read_labels",
    "sample_labels",
    "train_classifier",
    "train_linear",
]

_LATER = {
    "Classifier": "scorers.classifier",
    "CleaningReport": "cleaning.cleaner",
    "DictionaryScorer": "scorers.dictionary",
    "Evaluation": "training.evaluation",
    "ImportReport": "archive.text_archive",
    "LinearScorer": "scorers.linear",
    "LinearSettings": "scorers.linear",
    "NameSettings": "cleaning.naming",
    "NameTable": "cleaning.naming",
    "PanicStudy": "study.panic_study",
    "Scorer": "scorers.scoring",
    "StudySettings": "study.settings",
    "TextArchive": "archive.text_archive",
    "TextCleaning": "cleaning.cleaner",
    "TrainingReport": "training.fine_tuning",
    "TrainingSettings": "training.fitting",
    "clean_texts": "cleaning.cleaner",
    "evaluate": "training.evaluation",
    "load_scorer": "scorers.scoring",
    "panic_study": "study.panic_study",
    "train_classifier": "training.fine_tuning",
    "train_linear": "scorers.linear",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
