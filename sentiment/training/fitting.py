"""The training loop: one base, one head, one schedule.

AdamW with a linear warm-up and decay, cross entropy, gradients clipped to norm 1, batches of similar
length.  The epoch with the least validation loss is kept, and the temperature of its probabilities is
fitted on the same rows (`calibration.py`).  All randomness of an epoch (order, dropout)
comes from the seed and its number alone, so that an interrupted training goes on to the same weights.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from ...core import DataError, Progress, SourceError
from ...core.compute import Device, choose_device
from ..scorers.classifier import encode
from ..scorers.loading import locate, reach
from ._checkpoints import Epoch, Run, checkpoint_path, keep, resume
from .calibration import at_temperature, fit_temperature
from .labels import LABELS
from .scratch import build_base
from .splitting import ClassWeights, LabelledRows, SplitSettings, label_weights

_TASK = "training the classifier"


class TrainingSettings(SplitSettings):
    """How a classifier is trained.

    base
        A model folder or hub id to fine-tune; empty: a small BERT from scratch, of `hidden`, `layers`,
        `heads`, with `vocabulary` pieces at most.
    base_knowledge_cutoff
        The last date that the base's own training can have seen, where it is known.
    learning_rate
        0: 5e-4 from scratch, 3e-5 for a base.
    patience
        Stop where so many epochs in a row were no better; 0: train them all.
    class_weights
        "balanced": every label weighs the same in the loss, however many texts it has.  Its
        probabilities are then those of a world in which the labels are equally frequent.
    split, valid, test, seed
        As in `SplitSettings`.
    """

    base: str = ""
    base_knowledge_cutoff: str = ""
    hidden: int = Field(default=96, ge=8)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=4, ge=1)
    vocabulary: int = Field(default=6000, ge=100)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    max_length: int = Field(default=64, ge=8)
    epochs: int = Field(default=5, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=0.0, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    patience: int = Field(default=0, ge=0)
    class_weights: ClassWeights = "none"
    threads: int = Field(default=1, ge=1)
    device: Device = "auto"

    @model_validator(mode="after")
    def _heads_fit(self) -> "TrainingSettings":
        if self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden} is not a multiple of heads {self.heads}")
        return self

    @property
    def rate(self) -> float:
        """The learning rate at its peak."""
        return self.learning_rate or (3e-5 if self.base else 5e-4)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained model, on the CPU, with the weights of its best epoch.

    valid, test
        Probabilities of these rows in the best epoch, at `temperature`, rows x (neg, neu, pos).
    checkpoint
        The file to delete once the model is safe; None where none was asked for.
    """

    model: Any
    tokenizer: Any
    epochs: tuple[Epoch, ...]
    valid: npt.NDArray[np.float64]
    test: npt.NDArray[np.float64]
    temperature: float
    checkpoint: Path | None


def fit(
    rows: LabelledRows, settings: TrainingSettings, progress: Progress, checkpoint: Path | None = None
) -> Fitted:
    """Train on the rows' part that trains; keep the best epoch on the part that chooses.

    With a folder `checkpoint` every epoch is kept there, and those of an interrupted call are not
    trained again.  Raises `DataError` where the validation loss is never a number.
    """
    import torch

    texts = rows.frame["text"].tolist()
    device = choose_device(settings.device)
    with torch.random.fork_rng(), tempfile.TemporaryDirectory() as scratch:
        torch.manual_seed(settings.seed)
        base = settings.base
        if not base:
            build_base([texts[i] for i in rows.train], settings, Path(scratch))
            base = scratch
        model, tokenizer = _base_with_head(base, rows.classes)
        model.to(device)
        loop = Loop(model, tokenizer, rows, settings)
        path = None if checkpoint is None else checkpoint_path(checkpoint, rows, settings, loop)
        run = _train(loop, rows, path, progress)
        if not run.best:
            raise DataError("training diverged: the validation loss is no number; lower learning_rate")
        model.load_state_dict(run.best)
        test = loop.predict(rows.test)
    truth = rows.frame["label"].map(LABELS.index).to_numpy(dtype=np.int64)
    warm = fit_temperature(run.probabilities, truth[rows.valid])
    return Fitted(
        model=model.cpu(),
        tokenizer=tokenizer,
        epochs=tuple(run.epochs),
        valid=at_temperature(run.probabilities, warm),
        test=at_temperature(test, warm),
        temperature=warm,
        checkpoint=path,
    )


def _train(loop: "Loop", rows: LabelledRows, path: Path | None, progress: Progress) -> Run:
    """The epochs that the checkpoint `path` does not hold yet."""
    run = Run() if path is None else resume(path, loop)
    epochs, done = loop.settings.epochs, len(run.epochs)
    progress.begin(_TASK, epochs * loop.steps)
    if done:
        progress.advance(_TASK, done * loop.steps)
    for number in range(done + 1, epochs + 1):
        if _given_up(run, loop.settings.patience):
            progress.note(
                f"stopped after epoch {number - 1}: none of the last {loop.settings.patience} was better"
            )
            progress.advance(_TASK, (epochs - number + 1) * loop.steps)
            break
        loss = loop.train_epoch(rows.train, number, progress)
        found = loop.predict(rows.valid)
        valid_loss, accuracy = loop.judge(found, rows.valid)
        if valid_loss < run.best_loss:
            run.probabilities = found
            run.best = {key: value.clone() for key, value in loop.model.state_dict().items()}
        run.epochs.append(Epoch(number, loss, valid_loss, accuracy))
        if path is not None and run.best:
            keep(path, loop, run)
    return run


def _given_up(run: Run, patience: int) -> bool:
    """Whether the last `patience` epochs were no better than one before them."""
    if not patience or len(run.epochs) <= patience:
        return False
    losses = [epoch.valid_loss if isfinite(epoch.valid_loss) else inf for epoch in run.epochs]
    return min(losses[-patience:]) >= min(losses[:-patience])


class Loop:
    """The training loop's fixed parts: encoded texts, targets, optimiser and schedule.

    An epoch trains in `steps` batches.
    """

    def __init__(
        self, model: Any, tokenizer: Any, rows: LabelledRows, settings: TrainingSettings
    ) -> None:
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self.classes = list(rows.classes)
        longest = getattr(model.config, "max_position_embeddings", settings.max_length)
        texts = rows.frame["text"].tolist()
        self.encoded = encode(tokenizer, texts, min(settings.max_length, longest))
        self.lengths = np.array([len(row) for row in self.encoded["input_ids"]])
        self.targets = rows.frame["label"].map(self.classes.index).to_numpy(dtype=np.int64)
        counted = label_weights(rows.part(rows.train)["label"], settings.class_weights)
        self.weights = np.array([counted[name] for name in self.classes])
        self.steps = -(-len(rows.train) // settings.batch_size)
        self._prepare()

    def train_epoch(self, rows: list[int], number: int, progress: Progress) -> float:
        """One pass over `rows`; the mean loss a text."""
        import torch

        _reseed(self.settings.seed, number)
        self.model.train()
        weights = None
        if self.settings.class_weights != "none":
            weights = torch.tensor(self.weights, dtype=torch.float32, device=self.model.device)
        total = 0.0
        for batch in self._batches(np.array(rows), (self.settings.seed, number)):
            self.optimiser.zero_grad(set_to_none=True)
            logits = self.model(**self._inputs(batch)).logits
            targets = torch.from_numpy(self.targets[batch]).to(logits.device)
            loss = torch.nn.functional.cross_entropy(logits, targets, weight=weights)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.schedule.step()
            total += float(loss.detach()) * len(batch)
            progress.advance(_TASK)
        return total / len(rows)

    def predict(self, rows: list[int]) -> npt.NDArray[np.float64]:
        """Probabilities of (neg, neu, pos) of `rows`, in their order."""
        import torch

        self.model.eval()
        found = np.zeros((len(rows), len(LABELS)))
        columns = np.array([LABELS.index(name) for name in self.classes])
        order = np.argsort(self.lengths[rows], kind="stable")
        with torch.inference_mode():
            for first in range(0, len(order), 256):
                at = order[first : first + 256]
                logits = self.model(**self._inputs(np.array(rows)[at])).logits.double()
                found[np.ix_(at, columns)] = torch.softmax(logits, dim=-1).cpu().numpy()
        return found

    def judge(self, probabilities: npt.NDArray[np.float64], rows: list[int]) -> tuple[float, float]:
        """The loss of `rows`, weighted as in training, and their accuracy."""
        answers = self.targets[rows]
        columns = np.array([LABELS.index(name) for name in self.classes])[answers]
        said = probabilities[np.arange(len(rows)), columns]
        loss = np.average(-np.log(np.maximum(said, 1e-12)), weights=self.weights[answers])
        return float(loss), float((probabilities.argmax(axis=1) == columns).mean())

    def _prepare(self) -> None:
        import torch
        from transformers import get_linear_schedule_with_warmup as untyped

        warm: Any = untyped

        decayed = [p for p in self.model.parameters() if p.ndim >= 2]
        plain = [p for p in self.model.parameters() if p.ndim < 2]
        groups = [
            {"params": decayed, "weight_decay": self.settings.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimiser: Any = torch.optim.AdamW(groups, lr=self.settings.rate)
        total = self.settings.epochs * self.steps
        self.schedule: Any = warm(self.optimiser, round(total * self.settings.warmup), total)

    def _batches(
        self, rows: npt.NDArray[np.int64], seed: tuple[int, int]
    ) -> list[npt.NDArray[np.int64]]:
        """Shuffled batches of similar length: shuffle, sort within long stretches, shuffle batches."""
        generator = np.random.default_rng(seed)
        size = self.settings.batch_size
        mixed = generator.permutation(rows)
        batches = []
        for first in range(0, len(mixed), 16 * size):
            stretch = mixed[first : first + 16 * size]
            stretch = stretch[np.argsort(self.lengths[stretch], kind="stable")]
            batches += [stretch[i : i + size] for i in range(0, len(stretch), size)]
        return [batches[i] for i in generator.permutation(len(batches))]

    def _inputs(self, rows: npt.NDArray[np.int64]) -> Any:
        chosen = {key: [values[i] for i in rows] for key, values in self.encoded.items()}
        return self.tokenizer.pad(chosen, return_tensors="pt").to(self.model.device)


def _reseed(seed: int, epoch: int) -> None:
    import torch

    state = np.random.SeedSequence([seed, epoch]).generate_state(1, dtype=np.uint64)
    torch.manual_seed(int(state[0] >> np.uint64(1)))


def _base_with_head(base: str, classes: Sequence[str]) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base = locate(base)
    if Path(base).is_dir() and not (Path(base) / "config.json").is_file():
        raise DataError(f"the folder {base!r} is no model to fine-tune: config.json is missing")
    reach(base)
    names = dict(enumerate(classes))
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForSequenceClassification.from_pretrained(
            base,
            num_labels=len(classes),
            id2label=names,
            label2id={name: i for i, name in names.items()},
            ignore_mismatched_sizes=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"the base model {base!r} cannot be loaded: {reason}") from error
    return model, tokenizer
