"""A transformers sequence classifier that reads texts as negative, neutral or positive.

Any local model folder and any hub id serves, as long as its classes can be told apart: by their names
(`ALIASES`) or by an explicit `labels`.  Texts are scored in batches of similar length whose shape each
text decides alone; padding is masked.  So neither the order of the texts nor their company changes a
score, in any precision, and in float32 the size of a batch does not beyond 1e-5.
Logits are divided by the temperature of the model's card, where calibration left one (`calibration.py`).
Scores are kept in the archive under the text's hash and the model's fingerprint.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core import ConfigError, DataError
from ...core.compute import Device, torch_threads
from ...core.errors import near_names
from ...core.hashing import hash_json
from ..training.labels import ALIASES, LABELS
from ._batches import Encoded, batches, encode, padded
from ._precision import ONE_BY_ONE, Runner, make_runner
from ._runtime import quiet_transformers
from .loading import CARD, check_folder, content_marks, load_classifier, longest_input, read_card
from .scoring import Part, Precision, Scorer

__all__ = ["CARD", "Classifier", "OutputNames", "encode", "output_positions"]

OutputNames = Sequence[str] | Mapping[str, str]
"""What a model's outputs mean: names in order, or the model's own name of each and its meaning."""


@dataclass(frozen=True, eq=False)
class Classifier(Scorer):
    """A loaded model; make one with `Classifier.load`.

    runner
        The model, ready to compute.
    outputs
        The model's output position of neg, neu and pos; neu is None for a two-class model.
    temperature
        Logits are divided by it.
    fingerprint
        Hash of weights, tokenizer, configuration, labels, truncation, temperature and precision: equal
        hash, equal scores.
    facts
        The training card (empty for a model that was not trained here) plus `kind`, `name`,
        `parameters`, `precision` and `knowledge_cutoff`: the last moment that training can have seen,
        None where that is not known.
    """

    runner: Runner
    tokenizer: Any
    outputs: tuple[int, int | None, int]
    max_length: int
    fingerprint: str
    facts: Mapping[str, Any]
    temperature: float = 1.0
    precision: Precision = "float32"
    threads: int = 1

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        labels: OutputNames = (),
        precision: Precision = "float32",
        max_length: int = 0,
        threads: int = 1,
        device: Device = "auto",
    ) -> "Classifier":
        """Load a model folder or a hub id.

        `labels` says what the outputs mean where the model does not: `("neg", "neu", "pos")` in their
        order, or `{"LABEL_0": "neg", ...}`.  `max_length` cuts longer texts (in tokens; 0: what the card
        says, at most 128).  The precisions other than float32 are other scorers, with fingerprints of
        their own; "onnx" and "onnx_int8" export the model on first use and keep that in the store.
        Raises `DataError` for a folder that is no classifier, `SourceError` for a hub id that cannot
        be had, `ConfigError` for classes that cannot be told apart and for a precision that the model or
        the `device` does not take, `MissingExtraError` where a precision needs a package that is absent.
        """
        name = check_folder(source)
        card = read_card(Path(name))
        with quiet_transformers():
            model, tokenizer = load_classifier(name)
            content = content_marks(model, tokenizer)
        outputs = output_positions(model.config.id2label, labels)
        length = min(max_length or int(card.get("max_length", 128)), longest_input(model, tokenizer))
        temperature = _temperature(card)
        mark = hash_json([content, outputs, length, temperature, precision])
        facts = {
            "knowledge_cutoff": None,
            **card,
            "kind": "transformer",
            "name": Path(name).name,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "precision": precision,
            "fingerprint": mark,
        }
        export = partial(_exported, model, tokenizer, content)
        runner = make_runner(model, precision, device, threads, export)
        return cls(runner, tokenizer, outputs, length, mark, facts, temperature, precision, threads)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it computes."""
        return self.runner.notes

    def _compute(self, contents: Sequence[str], batch_size: int) -> Iterator[Part]:
        encoded = encode(self.tokenizer, list(contents), self.max_length)
        if self.precision in ONE_BY_ONE:
            for row, ids in enumerate(encoded["input_ids"]):
                rows = np.array([row], dtype=np.intp)
                yield rows, self._batch(encoded, rows, max(1, len(ids)))
            return
        for rows, full, width in batches(encoded, self.max_length, self.runner.tokens * batch_size):
            yield rows, self._batch(encoded, full, width)[: len(rows)]

    def _batch(
        self, encoded: Encoded, rows: npt.NDArray[np.intp], width: int
    ) -> npt.NDArray[np.float64]:
        with torch_threads(self.threads):
            logits = self.runner.run(padded(encoded, rows.tolist(), width, self.tokenizer))
        logits = logits / self.temperature
        raw = np.exp(logits - logits.max(axis=1, keepdims=True))
        raw /= raw.sum(axis=1, keepdims=True)
        found = np.zeros((len(raw), 3))
        for column, position in enumerate(self.outputs):
            if position is not None:
                found[:, column] = raw[:, position]
        return found


def output_positions(names: Mapping[int, str], labels: OutputNames = ()) -> tuple[int, int | None, int]:
    """Which output of a model is neg, neu and pos, from its class names or from explicit `labels`.

    >>> output_positions({0: "Bullish", 1: "Bearish", 2: "Neutral"})
    (1, 2, 0)
    >>> output_positions({0: "LABEL_0", 1: "LABEL_1"}, {"LABEL_0": "pos", "LABEL_1": "neg"})
    (1, None, 0)
    """
    given = [str(names[i]) for i in sorted(names)]
    meant = _in_order(given, labels) if isinstance(labels, Mapping) else list(labels)
    if meant and len(meant) != len(given):
        raise ConfigError(f"the model has {len(given)} outputs, labels name {len(meant)}")
    found = [ALIASES.get(name.strip().lower(), "") for name in (meant or given)]
    if sorted(found) not in (sorted(LABELS), ["neg", "pos"]):
        raise ConfigError(
            f"the model's classes {meant or given} cannot be told apart as neg, neu and pos: "
            'say what each output means in its order, as in ["neg", "neu", "pos"]'
        )
    neutral = found.index("neu") if "neu" in found else None
    return found.index("neg"), neutral, found.index("pos")


def _in_order(given: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    for name in labels:
        if name not in given:
            raise ConfigError(f"the model has no output {name!r}: {near_names(name, given)}")
    return [labels.get(name, name) for name in given] if labels else []


def _temperature(card: Mapping[str, Any]) -> float:
    found = card.get("temperature", 1.0)
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 < found < float("inf"):
        raise DataError(
            f"the temperature in the model's {CARD} is {found!r}: a number above 0 is needed"
        )
    return float(found)


def _exported(model: Any, tokenizer: Any, content: list[str], quantised: bool) -> Path:
    from ._onnx import exported

    names = list(encode(tokenizer, ["跌"], 8))
    return exported(model, names, content, quantised)
