"""Character TF-IDF with logistic regression: the classifier for machines without patience.

A text is its n-grams of one to three characters, which needs no word segmentation and no vocabulary
from elsewhere.  With c(g) the count of n-gram g in a text and d(g) the share of the N training texts
that hold it,

    x(g) = (1 + ln c(g)) * (ln((1 + N) / (1 + N d(g))) + 1),  scaled to length 1
    p    = softmax((W x + b) / T)

W is fitted by maximum likelihood with a squared penalty, whose strength is chosen, like the
temperature T, on texts that W has not seen.  On short texts and few labels this is hard to beat, which
is why it stands beside every classifier that is trained here (Wang and Manning (2012), "Baselines and
Bigrams", ACL; scikit-learn's TfidfVectorizer and LogisticRegression).
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, field_validator

from ...core import QUIET, DataError, Progress
from ...core.hashing import hash_json
from ..identity import normalised
from ..training.calibration import at_temperature, fit_temperature, log_loss
from ..training.evaluation import classes_of, comparison, evaluate_probabilities
from ..training.labels import LABELS
from ..training.report import (
    TFIDF,
    TrainingReport,
    card_of,
    check_target,
    model_folder,
    write_card,
    write_seen,
)
from ..training.splitting import ClassWeights, LabelledRows, SplitSettings, split_labels
from .loading import CARD
from .scoring import Part, Scorer

_WEIGHTS = "linear.safetensors"
_GRAMS = "ngrams.json"
_TASK = "training the linear classifier"
FloatArray = npt.NDArray[np.float64]


class LinearSettings(SplitSettings):
    """How a linear classifier is trained.

    ngrams
        Shortest and longest n-gram, in characters.
    min_count
        An n-gram counts where so many training texts hold it.
    features
        The most n-grams, by frequency.
    class_weights
        "balanced": every label weighs the same, however many texts it has.
    c
        Inverse strengths of the penalty to try; the one with the least validation loss is kept.
    """

    ngrams: tuple[int, int] = (1, 3)
    min_count: int = Field(default=2, ge=1)
    features: int = Field(default=200_000, ge=1)
    class_weights: ClassWeights = "none"
    c: tuple[float, ...] = Field(default=(0.3, 1.0, 3.0, 10.0), min_length=1)

    @field_validator("ngrams")
    @classmethod
    def _ordered(cls, given: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= given[0] <= given[1]:
            raise ValueError("the shortest n-gram comes first and has 1 character at least")
        return given

    @field_validator("c")
    @classmethod
    def _positive(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        if min(given) <= 0:
            raise ValueError("every inverse strength is above 0")
        return given


@dataclass(frozen=True, eq=False)
class LinearScorer(Scorer):
    """A linear classifier; make one with `train_linear` and `LinearScorer.load`.

    grams, idf
        The n-grams known and the weight of each.
    weights, bias
        One row (one number) a class of `classes`.
    """

    grams: tuple[str, ...]
    idf: FloatArray
    weights: FloatArray
    bias: FloatArray
    ngrams: tuple[int, int]
    classes: tuple[str, ...]
    temperature: float
    fingerprint: str
    facts: Mapping[str, Any]

    @classmethod
    def load(cls, source: str | Path) -> "LinearScorer":
        """Load a folder that `train_linear` wrote; `DataError` for any other."""
        folder = Path(source).expanduser()
        card, grams, tensors = _read(folder)
        return _scorer(
            grams,
            tensors,
            tuple(card["settings"]["ngrams"]),
            tuple(card["labels"]),
            float(card["temperature"]),
            {**card, "name": folder.name},
        )

    def _compute(self, contents: Sequence[str], batch_size: int) -> Iterator[Part]:
        vectoriser = self._vectoriser()
        for first in range(0, len(contents), max(batch_size, 256)):
            some = contents[first : first + max(batch_size, 256)]
            rows = np.arange(first, first + len(some), dtype=np.intp)
            yield rows, self._probabilities(vectoriser.transform(some))

    def _vectoriser(self) -> Any:
        made = _untrained(self.ngrams, vocabulary={gram: n for n, gram in enumerate(self.grams)})
        made.idf_ = self.idf
        return made

    def _probabilities(self, features: Any) -> FloatArray:
        logits = features @ self.weights.T + self.bias
        found = np.zeros((len(logits), len(LABELS)))
        at = [LABELS.index(name) for name in self.classes]
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        found[:, at] = raised / raised.sum(axis=1, keepdims=True)
        return at_temperature(found, self.temperature)


def train_linear(
    table: pd.DataFrame,
    settings: LinearSettings,
    folder: Path,
    progress: Progress = QUIET,
    held_out: Sequence[str] = (),
    test: pd.DataFrame | None = None,
) -> TrainingReport:
    """Train on `label` (neg, neu, pos), `text` and optionally `time`; write a model folder.

    `held_out` and `test` as in `train_classifier`, and the same card.  The folder is written whole or
    not at all; it loads with `LinearScorer.load`.  Raises `DataError` for a table that cannot be learned
    from and for a `folder` that holds something else.
    """
    check_target(folder)
    started = time.monotonic()
    rows = split_labels(table, settings, held_out, test)
    scorer = fit_linear(rows, settings, progress)
    truth = rows.frame["label"]
    said = scorer.probabilities(rows.frame["text"].tolist())
    found = {
        name: evaluate_probabilities(truth.iloc[part], said[part], classes_of(truth.iloc[part]))
        for name, part in (("valid", rows.valid), ("test", rows.test))
        if part
    }
    report = TrainingReport(
        folder=folder,
        clean=rows.clean,
        train_rows=len(rows.train),
        validation=found["valid"],
        test=found.get("test"),
        temperature=scorer.temperature,
        epochs=(),
        best_epoch=0,
        seconds=time.monotonic() - started,
        knowledge_cutoff=rows.cutoff,
        comparison=comparison(rows.part(rows.judged), {TFIDF: said[rows.judged]}),
    )
    with model_folder(folder) as target:
        write_seen(target, rows)
        write_linear(scorer, target, card_of(report, rows, settings, {"c": scorer.facts["c"]}))
    return report


def fit_linear(rows: LabelledRows, settings: LinearSettings, progress: Progress = QUIET) -> LinearScorer:
    """Fit on `rows.train`; choose the penalty (`facts["c"]`) and the temperature on `rows.valid`."""
    progress.begin(_TASK, len(settings.c))
    train, valid = rows.part(rows.train), rows.part(rows.valid)
    vectoriser = _untrained(settings.ngrams, min_df=settings.min_count, max_features=settings.features)
    try:
        features = vectoriser.fit_transform(train["text"])
    except ValueError as error:
        raise DataError(
            f"no n-gram is in {settings.min_count} training texts: lower min_count"
        ) from error
    grams = tuple(str(gram) for gram in vectoriser.get_feature_names_out())
    held, truth = vectoriser.transform(valid["text"]), _numbers(valid["label"], LABELS)
    best: tuple[float, float, LinearScorer, FloatArray] | None = None
    for strength in settings.c:
        tensors = {"idf": np.asarray(vectoriser.idf_, dtype=np.float64)}
        tensors |= _fit(features, _numbers(train["label"], rows.classes), strength, settings)
        scorer = _scorer(grams, tensors, settings.ngrams, rows.classes, 1.0, {})
        said = scorer._probabilities(held)
        loss = log_loss(said, truth)
        if best is None or loss < best[0]:
            best = (loss, strength, scorer, said)
        progress.advance(_TASK)
    if best is None:  # `c` has one value at least
        raise DataError("no penalty to try: give c")
    _, strength, scorer, said = best
    tensors = {"idf": scorer.idf, "weights": scorer.weights, "bias": scorer.bias}
    facts = {"knowledge_cutoff": rows.cutoff, "c": strength}
    warm = fit_temperature(said, truth)
    return _scorer(scorer.grams, tensors, settings.ngrams, rows.classes, warm, facts)


def write_linear(scorer: LinearScorer, folder: Path, card: Mapping[str, Any]) -> None:
    """Write what `LinearScorer.load` reads into a folder that is there."""
    from safetensors.numpy import save_file

    tensors = {"idf": scorer.idf, "weights": scorer.weights, "bias": scorer.bias}
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / _WEIGHTS)
    (folder / _GRAMS).write_text(json.dumps(scorer.grams, ensure_ascii=False), encoding="utf-8")
    write_card(folder, {"kind": "linear", **card})


def linear_card(rows: LabelledRows, settings: LinearSettings, scorer: LinearScorer) -> dict[str, Any]:
    """The card of a linear classifier that stands beside another, whose card has the figures."""
    return {
        "labels": list(rows.classes),
        "data_hash": rows.data_hash,
        "knowledge_cutoff": rows.cutoff,
        "train_rows": len(rows.train),
        "temperature": scorer.temperature,
        "c": scorer.facts["c"],
        "seed": settings.seed,
        "settings": settings.model_dump(mode="json"),
    }


def _untrained(ngrams: tuple[int, int], **more: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        analyzer="char", ngram_range=ngrams, preprocessor=normalised, sublinear_tf=True, **more
    )


def _fit(
    features: Any, answers: npt.NDArray[np.int64], strength: float, settings: LinearSettings
) -> dict[str, FloatArray]:
    from sklearn.linear_model import LogisticRegression

    weights: ClassWeights | None = None if settings.class_weights == "none" else settings.class_weights
    model = LogisticRegression(C=strength, class_weight=weights, max_iter=1000, tol=1e-4)
    model.fit(features, answers)
    coefficients, bias = model.coef_, model.intercept_
    if len(coefficients) == 1:  # of two classes scikit-learn keeps the odds of the second only
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        bias = np.array([0.0, bias[0]])
    return {"weights": coefficients.astype(np.float64), "bias": bias.astype(np.float64)}


def _scorer(
    grams: tuple[str, ...],
    tensors: Mapping[str, FloatArray],
    ngrams: tuple[int, int],
    classes: tuple[str, ...],
    temperature: float,
    facts: Mapping[str, Any],
) -> LinearScorer:
    names = ("idf", "weights", "bias")
    parts = [hashlib.sha256(np.ascontiguousarray(tensors[name]).tobytes()).hexdigest() for name in names]
    mark = hash_json(["linear", parts, list(grams), list(ngrams), list(classes), temperature])
    return LinearScorer(
        grams=grams,
        idf=tensors["idf"],
        weights=tensors["weights"],
        bias=tensors["bias"],
        ngrams=ngrams,
        classes=classes,
        temperature=temperature,
        fingerprint=mark,
        facts={
            "knowledge_cutoff": None,
            "name": "linear",
            **facts,
            "kind": "linear",
            "parameters": int(tensors["weights"].size + tensors["bias"].size),
            "fingerprint": mark,
        },
    )


def _read(folder: Path) -> tuple[dict[str, Any], tuple[str, ...], dict[str, FloatArray]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    for name in (CARD, _GRAMS, _WEIGHTS):
        if not (folder / name).is_file():
            raise DataError(f"the folder {str(folder)!r} is no linear classifier: {name} is missing")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        grams = json.loads((folder / _GRAMS).read_text(encoding="utf-8"))
        tensors = load_file(folder / _WEIGHTS)
    except (json.JSONDecodeError, UnicodeDecodeError, SafetensorError) as error:
        raise DataError(f"{str(folder)!r} cannot be read: train the classifier again") from error
    if card.get("kind") != "linear" or len(grams) != len(tensors.get("idf", ())):
        raise DataError(f"the folder {str(folder)!r} is no linear classifier: train it again")
    return dict(card), tuple(grams), tensors


def _numbers(labels: pd.Series, names: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.array([list(names).index(label) for label in labels], dtype=np.int64)
