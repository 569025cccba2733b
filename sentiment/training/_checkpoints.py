"""The epochs of an interrupted training on disk, so that the next call goes on after them.

One safetensors file a training, whole or absent: tensors `model.*`, `best.*`, `optimiser.*`, the epochs'
losses and the best probabilities, and the schedule as JSON among its metadata.  No random state: an
epoch's depends on the seed and its number alone.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...core import DataError
from ...core.hashing import hash_frame, hash_json
from ..scorers.loading import content_marks

if TYPE_CHECKING:
    from .fitting import Loop, TrainingSettings
    from .splitting import LabelledRows

_FORMAT = 2
_LIBRARIES = ("numpy", "tokenizers", "torch", "transformers")
"""A newer release of these may train the same texts to other weights."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the training texts."""

    number: int
    train_loss: float
    valid_loss: float
    accuracy: float


@dataclass
class Run:
    """What a training has done so far; `best` and `probabilities` are of its best epoch."""

    epochs: list[Epoch] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    probabilities: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))

    @property
    def best_loss(self) -> float:
        """The least validation loss, infinite before the first."""
        return min((e.valid_loss for e in self.epochs if isfinite(e.valid_loss)), default=inf)


def checkpoint_path(
    folder: Path, rows: "LabelledRows", settings: "TrainingSettings", loop: "Loop"
) -> Path:
    """The file of this training, named by all that its weights depend on.

    `loop` holds the model as it starts: its base's content and fresh head.
    """
    key = {
        "format": _FORMAT,
        "libraries": [f"{name} {version(name)}" for name in _LIBRARIES],
        "texts": hash_frame(rows.frame),
        "parts": [rows.train, rows.valid],
        "settings": settings.model_dump(mode="json"),
        "start": content_marks(loop.model, loop.tokenizer),
        "device": loop.model.device.type,
    }
    return folder / f"{hash_json(key)[:16]}.safetensors"


def keep(path: Path, loop: "Loop", run: Run) -> None:
    """Write what the epochs so far have led to."""
    import torch
    from safetensors.torch import save_file

    optimiser = loop.optimiser.state_dict()
    tensors = {f"model.{k}": v for k, v in loop.model.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in run.best.items()}
    for number, state in optimiser["state"].items():
        tensors |= {f"optimiser.{number}.{k}": v for k, v in state.items()}
    rows = [[e.train_loss, e.valid_loss, e.accuracy] for e in run.epochs]
    tensors["epochs"] = torch.tensor(rows, dtype=torch.float64)
    tensors["probabilities"] = torch.from_numpy(run.probabilities)
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    facts = {"groups": optimiser["param_groups"], "schedule": loop.schedule.state_dict()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        save_file(plain, partial, metadata={"facts": json.dumps(facts)})
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def resume(path: Path, loop: "Loop") -> Run:
    """What an interrupted training of this key had done, put back into `loop`; else a new run.

    Raises `DataError` for a file that cannot be read.
    """
    if not path.exists():
        return Run()
    tensors, facts = _read(path)
    loop.model.load_state_dict(_under("model.", tensors))
    state: dict[int, dict[str, Any]] = {}
    for name, value in _under("optimiser.", tensors).items():
        number, _, part = name.partition(".")
        state.setdefault(int(number), {})[part] = value
    loop.optimiser.load_state_dict({"state": state, "param_groups": facts["groups"]})
    loop.schedule.load_state_dict(facts["schedule"])
    rows = tensors["epochs"].tolist()
    return Run(
        epochs=[Epoch(number, *row) for number, row in enumerate(rows, start=1)],
        best=_under("best.", tensors),
        probabilities=tensors["probabilities"].numpy(),
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
            return tensors, json.loads(file.metadata()["facts"])
    except SafetensorError as error:
        raise DataError(
            f"the checkpoint {str(path)!r} cannot be read: delete it to train from the start"
        ) from error


def _under(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
