"""The torch trainer: seeded, stopped early, resumable to the bit.

All randomness of epoch e comes from (seed, e) alone (the order of the windows and the dropout masks),
so a resumed fit needs only weights, optimizer and counters to go on exactly as if it had never stopped;
the caller's global random state is put back afterwards.  No DataLoader: batches are gathered by index
into one buffer, which is faster than worker processes.  One thread by default: on small nets two threads
are slower than two processes of one.

State after every epoch is one safetensors file: tensors `net.*`, `best.*`, `optimizer.*`, and JSON among
its metadata.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ..core import QUIET, FitError, Progress, Settings
from ..core.compute import Device, choose_device, torch_threads
from ..core.hashing import hash_json
from .base import write_whole
from .windows import Float32Array, Windows

Loss = Callable[[Tensor, Tensor], Tensor]
_STATE = "training.safetensors"


class Training(Settings):
    """How a net is trained.

    epochs
        At most so many passes over the training windows.
    patience
        Epochs without a better validation loss after which training stops; the best weights are kept.
        Without validation windows every epoch is trained and the last weights are kept.
    clip
        Largest norm of the gradient.
    device
        "auto" takes CUDA, else Apple's MPS, else the CPU.
    threads
        CPU threads of torch while training and predicting.
    """

    epochs: int = Field(default=30, ge=1)
    patience: int = Field(default=5, ge=1)
    batch: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    device: Device = "auto"
    threads: int = Field(default=1, ge=1)


@dataclass(frozen=True)
class History:
    """Mean losses by epoch (validation NaN without windows) and the epoch whose weights were kept."""

    train: tuple[float, ...]
    valid: tuple[float, ...]
    best_epoch: int


@dataclass
class _Run:
    """The counters of a fit that is under way."""

    train: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    best_epoch: int = -1
    best_loss: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)


def train_network(
    build: Callable[[], nn.Module],
    train: Windows,
    valid: Windows,
    targets: tuple[Float32Array, Float32Array],
    loss: Loss,
    settings: Training,
    *,
    seed: int = 0,
    task: str = "training",
    progress: Progress = QUIET,
    checkpoint: Path | None = None,
) -> tuple[nn.Module, History]:
    """Train the net that `build` makes; `targets` belong to `train` and `valid`, [n, outputs] each.

    The net maps [B, lookback, F] to [B, outputs].  It comes back on the CPU, in evaluation mode.  Raises
    `FitError` where the loss is not a number.
    """
    if len(train) == 0:
        raise FitError("a net needs training windows, received none")
    device = choose_device(settings.device)
    with seeded(seed, device), torch_threads(settings.threads):
        net = build().to(device)
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        run = _Run()
        key = _key(net, train, valid, targets, settings, seed)
        if checkpoint is not None:
            _resume(checkpoint, key, net, optimizer, run, settings)
        progress.begin(task, settings.epochs)
        progress.advance(task, len(run.train))
        while not _finished(run, settings, len(valid) > 0):
            epoch = len(run.train)
            _reseed(seed, epoch)
            run.train.append(_epoch(net, optimizer, train, targets[0], loss, settings, (seed, epoch)))
            run.valid.append(_evaluate(net, valid, targets[1], loss, settings.batch))
            _judge(run, net, len(valid) > 0)
            if checkpoint is not None:
                _keep(checkpoint, key, net, optimizer, run)
            progress.advance(task)
        net.load_state_dict(run.best)
    return net.cpu().eval(), History(tuple(run.train), tuple(run.valid), run.best_epoch)


def predict_network(net: nn.Module, windows: Windows, settings: Training) -> Float32Array:
    """Outputs of the net for all windows, float32 [n, outputs]; [0, 0] where there are none."""
    if len(windows) == 0:
        return np.empty((0, 0), dtype=np.float32)
    device = choose_device(settings.device)
    found: list[Float32Array] = []
    buffer = windows.buffer(min(1024, len(windows)))
    with torch_threads(settings.threads), torch.inference_mode():
        net = net.to(device).eval()
        for which in windows.batches(1024):
            batch = torch.from_numpy(windows.gather(which, buffer)).to(device)
            found.append(net(batch).float().cpu().numpy())
        net.cpu()
    answers: Float32Array = np.concatenate(found)
    if not np.isfinite(answers).all():
        raise FitError("the net answered with something that is not a number")
    return answers


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch and make it deterministic inside, and put the caller's random state back."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    devices = list(range(torch.cuda.device_count())) if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before


def _reseed(seed: int, epoch: int) -> None:
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, dtype=np.uint64)
    torch.manual_seed(int(state[0] >> np.uint64(1)))


def _finished(run: _Run, settings: Training, validated: bool) -> bool:
    done = len(run.train)
    stale = done - 1 - run.best_epoch
    return done >= settings.epochs or (validated and stale >= settings.patience)


def _epoch(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    windows: Windows,
    targets: Float32Array,
    loss: Loss,
    settings: Training,
    entropy: tuple[int, int],
) -> float:
    device = next(net.parameters()).device
    order = np.random.default_rng(entropy).permutation(len(windows))
    buffer = windows.buffer(min(settings.batch, len(windows)))
    net.train()
    total = 0.0
    for start in range(0, len(order), settings.batch):
        which = order[start : start + settings.batch]
        batch = torch.from_numpy(windows.gather(which, buffer)).to(device)
        wanted = torch.from_numpy(targets[which]).to(device)
        optimizer.zero_grad(set_to_none=True)
        value = loss(net(batch), wanted)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
        optimizer.step()
        total += float(value.detach()) * len(which)
    mean = total / len(order)
    if not math.isfinite(mean):
        raise FitError("the training loss is not a number: lower the learning rate")
    return mean


def _evaluate(net: nn.Module, windows: Windows, targets: Float32Array, loss: Loss, size: int) -> float:
    if len(windows) == 0:
        return math.nan
    device = next(net.parameters()).device
    buffer = windows.buffer(min(size, len(windows)))
    net.eval()
    total = 0.0
    with torch.inference_mode():
        for which in windows.batches(size):
            batch = torch.from_numpy(windows.gather(which, buffer)).to(device)
            total += float(loss(net(batch), torch.from_numpy(targets[which]).to(device))) * len(which)
    if not math.isfinite(total):
        raise FitError("the validation loss is not a number: lower the learning rate")
    return total / len(windows)


def _judge(run: _Run, net: nn.Module, validated: bool) -> None:
    """Keep the weights of the epoch that has just ended where they are the best so far."""
    if not validated or run.valid[-1] < run.best_loss:
        run.best_epoch = len(run.train) - 1
        run.best_loss = run.valid[-1] if validated else math.inf
        run.best = {k: v.detach().clone() for k, v in net.state_dict().items()}


def _key(
    net: nn.Module,
    train: Windows,
    valid: Windows,
    targets: tuple[Float32Array, Float32Array],
    settings: Training,
    seed: int,
) -> str:
    """Hash of the fit: a state kept by another one is not resumed."""
    return hash_json(
        {
            "net": [[k, list(v.shape), str(v.dtype)] for k, v in net.state_dict().items()],
            "start": [float(v.double().sum()) for v in net.state_dict().values()],
            "settings": settings.model_dump(exclude={"threads", "device", "epochs"}),
            "seed": seed,
            "lookback": train.lookback,
            "rows": _checksum(train.panel.values),
            "windows": [_checksum(train.ends), _checksum(valid.ends)],
            "targets": [_checksum(t) for t in targets],
        }
    )


def _checksum(array: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _keep(folder: Path, key: str, net: nn.Module, optimizer: torch.optim.Optimizer, run: _Run) -> None:
    from safetensors.torch import save

    tensors = {f"net.{k}": v for k, v in net.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in run.best.items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{k}": v for k, v in state.items()}
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    facts = {
        "key": key,
        "train": run.train,
        "valid": [None if math.isnan(v) else v for v in run.valid],
        "best_epoch": run.best_epoch,
        "best_loss": None if math.isinf(run.best_loss) else run.best_loss,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / _STATE, save(plain, metadata={"facts": json.dumps(facts)}))


def _resume(
    folder: Path,
    key: str,
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    run: _Run,
    settings: Training,
) -> None:
    """Take over what an interrupted fit of the same windows and settings, no longer than this, left."""
    from safetensors import safe_open

    path = folder / _STATE
    if not path.exists():
        return
    device = next(net.parameters()).device
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
        if facts["key"] != key or len(facts["train"]) > settings.epochs:
            return
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    net.load_state_dict(_under("net.", tensors))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer.", tensors).items():
        number, _, part = name.partition(".")
        state.setdefault(int(number), {})[part] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    run.best = {k: v.to(device) for k, v in _under("best.", tensors).items()}
    run.train = list(facts["train"])
    run.valid = [math.nan if v is None else v for v in facts["valid"]]
    run.best_epoch = int(facts["best_epoch"])
    run.best_loss = math.inf if facts["best_loss"] is None else float(facts["best_loss"])


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
