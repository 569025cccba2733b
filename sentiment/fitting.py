"""The training loop: one base, one head, one schedule.

AdamW with a linear warm-up and decay, cross entropy, gradients clipped to norm 1, batches of similar
length.  The epoch with the least validation loss is kept.  All randomness of an epoch (order, dropout)
comes from the seed and its number alone, so that an interrupted training goes on to the same weights.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from ..core import DataError, Progress, Settings, SourceError
from ..core.compute import Device, choose_device
from ._checkpoints import Epoch, Run, checkpoint_path, keep, resume
from .classifier import encode
from .labels import LABELS
from .loading import locate, reach
from .scratch import build_base

_TASK = "training the classifier"


class TrainingSettings(Settings):
    """How a classifier is trained.

    base
        A model folder or hub id to fine-tune; empty: a small BERT from scratch, of `hidden`, `layers`,
        `heads`, with `vocabulary` pieces at most.
    base_knowledge_cutoff
        The last date that the base's own training can have seen, where it is known.
    learning_rate
        0: 5e-4 from scratch, 3e-5 for a base.
    valid
        Share of the texts that is held back, every label alike, to pick the epoch and to report.
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
    valid: float = Field(default=0.1, gt=0, lt=1)
    seed: int = 0
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

    probabilities
        Of the validation rows, in the best epoch, rows x (neg, neu, pos).
    checkpoint
        The file to delete once the model is safe; None where none was asked for.
    """

    model: Any
    tokenizer: Any
    epochs: tuple[Epoch, ...]
    probabilities: npt.NDArray[np.float64]
    checkpoint: Path | None


def fit(
    kept: pd.DataFrame,
    train: list[int],
    valid: list[int],
    settings: TrainingSettings,
    progress: Progress,
    checkpoint: Path | None = None,
) -> Fitted:
    """Train on the rows `train` of `label, text`; keep the best epoch on the rows `valid`.

    With a folder `checkpoint` every epoch is kept there, and those of an interrupted call are not
    trained again.  Raises `DataError` where the validation loss is never a number.
    """
    import torch

    texts = kept["text"].tolist()
    device = choose_device(settings.device)
    with torch.random.fork_rng(), tempfile.TemporaryDirectory() as scratch:
        torch.manual_seed(settings.seed)
        base = settings.base
        if not base:
            build_base([texts[i] for i in train], settings, Path(scratch))
            base = scratch
        model, tokenizer = _base_with_head(base)
        model.to(device)
        loop = Loop(model, tokenizer, texts, kept["label"], settings, len(train))
        path = None if checkpoint is None else checkpoint_path(checkpoint, kept, settings, loop)
        run = _train(loop, train, valid, path, progress)
        if not run.best:
            raise DataError("training diverged: the validation loss is no number; lower learning_rate")
        model.load_state_dict(run.best)
    return Fitted(model.cpu(), tokenizer, tuple(run.epochs), run.probabilities, path)


def _train(
    loop: "Loop", train: list[int], valid: list[int], path: Path | None, progress: Progress
) -> Run:
    """The epochs that the checkpoint `path` does not hold yet."""
    run = Run() if path is None else resume(path, loop)
    epochs, done = loop.settings.epochs, len(run.epochs)
    progress.begin(_TASK, epochs * loop.steps)
    if done:
        progress.advance(_TASK, done * loop.steps)
    answers = loop.targets[valid]
    for number in range(done + 1, epochs + 1):
        loss = loop.train_epoch(train, number, progress)
        found = loop.predict(valid)
        valid_loss = float(-np.log(np.maximum(found[np.arange(len(valid)), answers], 1e-12)).mean())
        accuracy = float((found.argmax(axis=1) == answers).mean())
        if valid_loss < run.best_loss:
            run.probabilities = found
            run.best = {key: value.clone() for key, value in loop.model.state_dict().items()}
        run.epochs.append(Epoch(number, loss, valid_loss, accuracy))
        if path is not None and run.best:
            keep(path, loop, run)
    return run


class Loop:
    """The training loop's fixed parts: encoded texts, targets, optimiser and schedule.

    An epoch trains on `rows` texts, in `steps` batches.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        texts: list[str],
        labels: pd.Series,
        settings: TrainingSettings,
        rows: int,
    ) -> None:
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        longest = getattr(model.config, "max_position_embeddings", settings.max_length)
        self.encoded = encode(tokenizer, texts, min(settings.max_length, longest))
        self.lengths = np.array([len(row) for row in self.encoded["input_ids"]])
        self.targets = labels.map(LABELS.index).to_numpy(dtype=np.int64)
        self.steps = -(-rows // settings.batch_size)
        self._prepare()

    def train_epoch(self, rows: list[int], number: int, progress: Progress) -> float:
        """One pass over `rows`; the mean loss a text."""
        import torch

        _reseed(self.settings.seed, number)
        self.model.train()
        total = 0.0
        for batch in self._batches(np.array(rows), (self.settings.seed, number)):
            self.optimiser.zero_grad(set_to_none=True)
            logits = self.model(**self._inputs(batch)).logits
            targets = torch.from_numpy(self.targets[batch]).to(logits.device)
            loss = torch.nn.functional.cross_entropy(logits, targets)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.schedule.step()
            total += float(loss.detach()) * len(batch)
            progress.advance(_TASK)
        return total / len(rows)

    def predict(self, rows: list[int]) -> npt.NDArray[np.float64]:
        """Probabilities of `rows`, in their order."""
        import torch

        self.model.eval()
        found = np.empty((len(rows), len(LABELS)))
        order = np.argsort(self.lengths[rows], kind="stable")
        with torch.inference_mode():
            for first in range(0, len(order), 256):
                at = order[first : first + 256]
                logits = self.model(**self._inputs(np.array(rows)[at])).logits.double()
                found[at] = torch.softmax(logits, dim=-1).cpu().numpy()
        return found

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


def _base_with_head(base: str) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base = locate(base)
    if Path(base).is_dir() and not (Path(base) / "config.json").is_file():
        raise DataError(f"the folder {base!r} is no model to fine-tune: config.json is missing")
    reach(base)
    names = dict(enumerate(LABELS))
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForSequenceClassification.from_pretrained(
            base,
            num_labels=len(LABELS),
            id2label=names,
            label2id={name: i for i, name in names.items()},
            ignore_mismatched_sizes=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"the base model {base!r} cannot be loaded: {reason}") from error
    return model, tokenizer
