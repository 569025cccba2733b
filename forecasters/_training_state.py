"""What a fit keeps so that a killed one goes on to the same bits: one safetensors file, whole or absent.

Tensors `net.*`, `best.*`, `optimizer.*`, `random.*`, and JSON among its metadata: the losses so far, and
inside an epoch how many batches are done and the losses they added.  The order of an epoch's batches
comes from (seed, epoch) and is not kept; the generator's state is, because dropout has drawn from it.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.hashing import hash_json
from .base import write_whole
from .windows import Float32Array, Windows

if TYPE_CHECKING:
    from .training import Training

_STATE = "training.safetensors"
_ELSEWHERE = {"threads", "device", "checkpoint_epochs", "checkpoint_iterations", "checkpoint_seconds"}
"""Settings of training that do not change what is learned."""


@dataclass
class Run:
    """The counters of a fit that is under way.

    train, valid
        Mean loss of each whole epoch.
    batch, total, labels
        Inside an epoch: batches done, the sum of their losses by label, and the labels in them.
    """

    train: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    best_epoch: int = -1
    best_loss: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    batch: int = 0
    total: float = 0.0
    labels: int = 0

    def begin(self, net: nn.Module, loss: float) -> None:
        """Take weights that were learned before for the best so far."""
        self.best_loss = loss
        self.best = {k: v.detach().clone() for k, v in net.state_dict().items()}

    def judge(self, net: nn.Module, validated: bool) -> None:
        """Keep the weights of the epoch that has just ended where they are the best so far."""
        if not validated or self.valid[-1] < self.best_loss:
            self.best_epoch = len(self.train) - 1
            self.best_loss = self.valid[-1] if validated else math.inf
            self.best = {k: v.detach().clone() for k, v in net.state_dict().items()}


def fit_hash(
    net: nn.Module,
    train: Windows,
    valid: Windows,
    targets: tuple[Float32Array, Float32Array],
    settings: "Training",
    start: tuple[int, bool],
) -> str:
    """Hash of the fit: a state kept by another one is not resumed."""
    # a cosine ends with the last epoch; every other schedule says the same for the epochs done.
    free = _ELSEWHERE if settings.schedule == "cosine" else {*_ELSEWHERE, "epochs"}
    return hash_json(
        {
            "net": [[k, list(v.shape), str(v.dtype)] for k, v in net.state_dict().items()],
            "start": [float(v.double().sum()) for v in net.state_dict().values()],
            "settings": settings.model_dump(mode="json", exclude=free),
            "seed and warm": start,
            "lookback": train.lookback,
            "rows": _checksum(train.panel.values),
            "windows": [_checksum(a) for w in (train, valid) for a in (w.ends, w.lengths)],
            "targets": [_checksum(t) for t in targets],
        }
    )


def _checksum(array: np.ndarray[Any, Any]) -> str:
    # hashed where it lies: a panel's copy would double the memory of the fit.
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()


def keep(folder: Path, key: str, net: nn.Module, optimizer: torch.optim.Optimizer, run: Run) -> None:
    """Write the state of a fit."""
    from safetensors.torch import save

    tensors = {f"net.{k}": v for k, v in net.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in run.best.items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{k}": v for k, v in state.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    device = next(net.parameters()).device
    if device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(device)
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    facts = {
        "key": key,
        "train": run.train,
        "valid": [None if math.isnan(v) else v for v in run.valid],
        "best_epoch": run.best_epoch,
        "best_loss": None if math.isinf(run.best_loss) else run.best_loss,
        "batch": run.batch,
        "total": run.total,
        "labels": run.labels,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / _STATE, save(plain, metadata={"facts": json.dumps(facts)}))


def resume(
    folder: Path,
    key: str,
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    run: Run,
    epochs: int,
) -> None:
    """Take over what an interrupted fit of the same windows and settings, no longer than this, left."""
    from safetensors import safe_open

    path = folder / _STATE
    if not path.exists():
        return
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
        done = len(facts.get("train", ())) + (facts.get("batch", 0) > 0)
        if facts["key"] != key or done > epochs:
            return
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    device = next(net.parameters()).device
    net.load_state_dict(_under("net.", tensors))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer.", tensors).items():
        number, _, part = name.partition(".")
        state.setdefault(int(number), {})[part] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    torch.set_rng_state(tensors["random.cpu"])
    if device.type == "cuda" and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"], device)
    run.best = {k: v.to(device) for k, v in _under("best.", tensors).items()}
    run.train = list(facts["train"])
    run.valid = [math.nan if v is None else v for v in facts["valid"]]
    run.best_epoch = int(facts["best_epoch"])
    run.best_loss = math.inf if facts["best_loss"] is None else float(facts["best_loss"])
    run.batch, run.total, run.labels = facts["batch"], facts["total"], facts["labels"]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
