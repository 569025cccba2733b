"""A transformers sequence classifier that reads texts as negative, neutral or positive.

Any local model folder and any hub id serves, as long as its classes can be told apart: by their names
(`ALIASES`) or by an explicit `labels`.  Texts are scored in batches of similar length and of one shape;
padding is masked.  So neither the order of the texts nor their company changes a score, and the size of
a batch does not beyond 1e-5.
Scores are kept in the archive under the text's hash and the model's fingerprint.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import QUIET, ConfigError, DataError, Progress, Texts
from ..core.compute import Device, choose_device, torch_threads
from ..core.hashing import hash_json
from ._runtime import quiet_transformers
from .archive import TextArchive
from .identity import content_hash
from .labels import ALIASES, LABELS
from .loading import check_folder, content_marks, load_classifier

CARD = "qushi.json"
"""What `train_classifier` writes beside the weights: data, window, accuracy, seed."""

_UNDATED = (
    "the classifier's training texts are undated or unknown: it may have learned from the time that it "
    "is scored on"
)
_TASK = "scoring texts"
_STEP = 8  # texts are padded to multiples of so many tokens


@dataclass(frozen=True, eq=False)
class Classifier:
    """A loaded model; make one with `Classifier.load`.

    outputs
        The model's output position of neg, neu and pos; neu is None for a two-class model.
    fingerprint
        Hash of weights, tokenizer, configuration, labels and truncation: equal hash, equal scores.
    facts
        The training card (empty for a model that was not trained here) plus `knowledge_cutoff`: the
        last moment that training can have seen, None where that is not known.
    """

    model: Any
    tokenizer: Any
    outputs: tuple[int, int | None, int]
    max_length: int
    fingerprint: str
    facts: Mapping[str, Any]
    threads: int = 1

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        labels: Sequence[str] = (),
        max_length: int = 0,
        threads: int = 1,
        device: Device = "auto",
    ) -> "Classifier":
        """Load a model folder or a hub id.

        `labels` names the outputs in order, where the model does not: `("neg", "neu", "pos")`.
        `max_length` cuts longer texts (in tokens; 0: what the card says, at most 128).
        Raises `DataError` for a folder that is no classifier, `SourceError` for a hub id that cannot
        be had, `ConfigError` for classes that cannot be told apart.
        """
        name = check_folder(source)
        with quiet_transformers():
            model, tokenizer = load_classifier(name)
            content = content_marks(model, tokenizer)
        card = _card(Path(name))
        outputs = output_positions(model.config.id2label, labels)
        length = _length(max_length or int(card.get("max_length", 128)), model, tokenizer)
        facts = {"knowledge_cutoff": None, **card, "name": Path(name).name, "parameters": _size(model)}
        mark = hash_json([content, outputs, length])
        model = model.to(choose_device(device)).eval()
        return cls(model, tokenizer, outputs, length, mark, {**facts, "fingerprint": mark}, threads)

    def score(
        self,
        texts: Texts,
        archive: TextArchive | None = None,
        *,
        batch_size: int = 64,
        progress: Progress = QUIET,
    ) -> pd.DataFrame:
        """Probabilities of every text, in the texts' order: `id, p_neg, p_neu, p_pos`.

        With an archive, what it knows is not computed again, and what is computed is stored.
        """
        scores = self.probabilities(
            texts.contents.tolist(), archive, batch_size=batch_size, progress=progress
        )
        table = pd.DataFrame(scores, columns=["p_neg", "p_neu", "p_pos"])
        table.insert(0, "id", texts.frame["id"].to_numpy())
        return table

    def probabilities(
        self,
        contents: Sequence[str],
        archive: TextArchive | None = None,
        *,
        batch_size: int = 64,
        progress: Progress = QUIET,
    ) -> npt.NDArray[np.float64]:
        """Probabilities of plain strings, texts x (neg, neu, pos), float64; equal strings once."""
        if batch_size < 1:
            raise ConfigError(f"batch_size must be 1 or more, received {batch_size}")
        hashes = [content_hash(text) for text in contents]
        pending = dict(zip(hashes, contents, strict=True))
        progress.begin(_TASK, len(pending))
        known: dict[str, Any] = {}
        if archive is not None:
            stored = archive.scores(hashes, self.fingerprint)
            known = dict(zip(stored.index, stored.to_numpy(), strict=True))
            progress.advance(_TASK, len(known))
        todo = {key: text for key, text in pending.items() if key not in known}
        known |= self._compute(todo, archive, batch_size, progress)
        return np.array([known[key] for key in hashes], dtype=np.float64).reshape(-1, 3)

    def warnings(self, texts: Texts) -> tuple[str, ...]:
        """Plain sentences on what the model may know of the texts' future; empty where it cannot."""
        cutoff = self.facts["knowledge_cutoff"]
        if cutoff is None:
            return (_UNDATED,)
        inside = int((texts.available_at <= pd.Timestamp(cutoff)).sum())
        if not inside:
            return ()
        return (
            f"{inside} of {len(texts)} texts are not later than {cutoff}, the end of the classifier's "
            "training texts: their scores are not out of sample",
        )

    def _compute(
        self, todo: Mapping[str, str], archive: TextArchive | None, batch_size: int, progress: Progress
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if not todo:
            return found
        keys = np.array(list(todo))
        encoded = encode(self.tokenizer, list(todo.values()), self.max_length)
        lengths = np.array([len(row) for row in encoded["input_ids"]])
        widths = np.minimum(-(-lengths // _STEP) * _STEP, self.max_length)
        with torch_threads(self.threads):
            for width in np.unique(widths):
                same = np.flatnonzero(widths == width)
                for first in range(0, len(same), batch_size):
                    rows = same[first : first + batch_size]
                    # Always the same shape: arithmetic then does not depend on the other texts.
                    full = np.resize(rows, batch_size)
                    chosen = {name: [values[i] for i in full] for name, values in encoded.items()}
                    values = self._batch(chosen, int(width))[: len(rows)]
                    part = dict(zip(keys[rows].tolist(), values, strict=True))
                    if archive is not None:
                        archive.keep_scores(_score_table(part), self.fingerprint)
                    found |= part
                    progress.advance(_TASK, len(rows))
        return found

    def _batch(self, rows: Mapping[str, list[list[int]]], width: int) -> npt.NDArray[np.float64]:
        import torch

        inputs = self.tokenizer.pad(
            dict(rows), padding="max_length", max_length=width, return_tensors="pt"
        ).to(self.model.device)
        with torch.inference_mode():
            logits = self.model(**inputs).logits.double().cpu()
        raw = torch.softmax(logits, dim=-1).numpy()
        found = np.zeros((len(raw), 3))
        for column, position in enumerate(self.outputs):
            if position is not None:
                found[:, column] = raw[:, position]
        return found


def _score_table(scores: Mapping[str, npt.NDArray[np.float64]]) -> pd.DataFrame:
    return pd.DataFrame(list(scores.values()), index=list(scores), columns=["p_neg", "p_neu", "p_pos"])


def encode(tokenizer: Any, contents: list[str], max_length: int) -> dict[str, list[list[int]]]:
    """Token ids of each text, cut to `max_length`, not padded."""
    return dict(tokenizer(contents, truncation=True, max_length=max_length, padding=False))


def output_positions(
    names: Mapping[int, str], labels: Sequence[str] = ()
) -> tuple[int, int | None, int]:
    """Which output of a model is neg, neu and pos, from its class names or from explicit `labels`.

    >>> output_positions({0: "Bullish", 1: "Bearish", 2: "Neutral"})
    (1, 2, 0)
    """
    given = [str(names[i]) for i in sorted(names)]
    if labels and len(labels) != len(given):
        raise ConfigError(f"the model has {len(given)} outputs, labels name {len(labels)}")
    found = [ALIASES.get(name.strip().lower(), "") for name in (labels or given)]
    if sorted(found) not in (sorted(LABELS), ["neg", "pos"]):
        raise ConfigError(
            f"the model's classes {list(labels or given)} cannot be told apart as neg, neu and pos: "
            'say what each output means, as in labels = ["neg", "neu", "pos"]'
        )
    neutral = found.index("neu") if "neu" in found else None
    return found.index("neg"), neutral, found.index("pos")


def _card(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataError(f"{str(path)!r} is no JSON: train the model again") from error
    return dict(found)


def _length(wanted: int, model: Any, tokenizer: Any) -> int:
    limits = [wanted, tokenizer.model_max_length]
    limits += [n for n in [getattr(model.config, "max_position_embeddings", None)] if n]
    return int(min(limits))


def _size(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
