"""The torch trainer: seeded, stopped early, resumable to the bit.

All randomness of epoch e comes from (seed, e) alone (the order of the batches and the dropout masks), so
a resumed fit needs weights, optimizer, counters and, inside an epoch, the generator's state to go on as
if it had never stopped; the caller's global random state is put back afterwards.  No DataLoader: batches
are gathered by index from the panel's rows (`_batches.py`), on the GPU where there is one.  One thread
by default: on small nets two threads are slower than two processes of one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import nn

from ..core import QUIET, FitError, Progress, Settings
from ..core.compute import Device, choose_device, torch_threads
from ._batches import PanelRows
from ._epochs import Fit, Kept, Loss, batches_for, check_net, evaluate
from ._row_nets import check_rows, roll, row_net
from ._schedules import Schedule
from ._training_state import Run, fit_hash, resume
from .windows import Float32Array, Windows

_ANSWERED = 1024
"""Windows that a net answers for at once."""


class Training(Settings):
    """How a net is trained.

    epochs
        At most so many passes over the training windows.
    patience
        Epochs without a better validation loss after which training stops; the best weights are kept.
        Without validation windows every epoch is trained and the last weights are kept.
    batch
        Windows in a step; a net that is taught at every row takes its `stretches` instead.
    schedule
        How the learning rate goes on from `learning_rate`: formulas in `_schedules.py`.
    warmup
        Epochs in which the rate rises to `learning_rate`.
    decay, decay_every
        Factor of "step" and "plateau", and the epochs after which it is applied.
    refit_rate
        Factor of the learning rate in a fit that goes on from learned weights: at the full rate each
        refit fits some noise, and refits add up.
    clip
        Largest norm of the gradient.
    precision
        "bf16" computes the training steps in bfloat16 where torch holds it to be safe (autocast);
        weights, validation and forecasts stay float32.  Not for recurrent nets on the CPU.
    compile
        Whether `torch.compile` translates the net for the training steps.  The first step then takes up
        to minutes: it pays on a GPU and in long fits.  Not for recurrent nets.
    checkpoint_epochs, checkpoint_iterations, checkpoint_seconds
        A fit that is given a folder keeps its state after so many epochs, after so many batches of an
        epoch, and when the last time is so many seconds ago; a killed fit goes on to the same result.
    device
        "auto" takes CUDA, else Apple's MPS, else the CPU.
    threads
        CPU threads of torch while training and predicting.
    """

    epochs: int = Field(default=30, ge=1)
    patience: int = Field(default=5, ge=1)
    batch: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    schedule: Schedule = "constant"
    warmup: int = Field(default=0, ge=0)
    decay: float = Field(default=0.5, gt=0, lt=1)
    decay_every: int = Field(default=3, ge=1)
    weight_decay: float = Field(default=0.0, ge=0)
    refit_rate: float = Field(default=0.1, gt=0, le=1)
    clip: float = Field(default=1.0, gt=0)
    precision: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    checkpoint_epochs: int | None = Field(default=1, ge=1)
    checkpoint_iterations: int | None = Field(default=None, ge=1)
    checkpoint_seconds: float | None = Field(default=None, gt=0)
    device: Device = "auto"
    threads: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _room_for_warmup(self) -> Self:
        if self.warmup >= self.epochs:
            raise ValueError(
                f"{self.warmup} epochs of warmup leave none of the {self.epochs} epochs: lower warmup"
            )
        return self


@dataclass(frozen=True)
class History:
    """Mean losses by epoch (validation NaN without windows) and the epoch whose weights were kept.

    `best_epoch` is -1 where a warm fit kept the weights that it came with.
    """

    train: tuple[float, ...]
    valid: tuple[float, ...]
    best_epoch: int


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
    warm: bool = False,
) -> tuple[nn.Module, History]:
    """Train the net that `build` makes; `targets` belong to `train` and `valid`, [n, outputs] each.

    The net maps [B, length, F] to [B, outputs], where the windows of a batch are of one length; one that
    holds a `RowNet` with a `stretch` is taught at every row that has a target.  With `warm`, the weights
    that `build` gives were learned before: the rate is `refit_rate` times as high, and they are kept
    where no epoch is better on validation.  The net comes back on the CPU, in evaluation mode.  Raises
    `FitError` where the loss is not a number, `ConfigError` for settings that the net cannot be trained
    with.
    """
    if len(train) == 0:
        raise FitError("a net needs training windows, received none")
    if settings.schedule == "plateau" and len(valid) == 0:
        raise FitError("the schedule 'plateau' looks at validation losses: set valid above 0")
    device = choose_device(settings.device)
    with seeded(seed, device), torch_threads(settings.threads):
        net = build().to(device)
        check_net(net, settings, device)
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        run, kept = Run(), None
        if checkpoint is not None:
            key = fit_hash(net, train, valid, targets, settings, (seed, warm))
            resume(checkpoint, key, net, optimizer, run, settings.epochs)
            kept = Kept(checkpoint, key, settings)
        rows = PanelRows(train.panel, device)
        others = rows if valid.panel is train.panel else PanelRows(valid.panel, device)
        teach = batches_for(net, rows, train, targets[0], settings.batch)
        fit = Fit(
            net, teach, optimizer, loss, settings, seed, run, kept, settings.refit_rate if warm else 1.0
        )
        check = batches_for(net, others, valid, targets[1], settings.batch)
        if warm and len(valid) and not run.best:
            run.begin(net, evaluate(net, check, loss))
        progress.begin(task, settings.epochs)
        progress.advance(task, len(run.train))
        while not _finished(run, settings, len(valid) > 0):
            mean = fit.epoch()
            run.valid.append(evaluate(net, check, loss))
            run.train.append(mean)
            run.judge(net, len(valid) > 0)
            fit.epoch_ended(last=_finished(run, settings, len(valid) > 0))
            progress.advance(task)
        net.load_state_dict(run.best)
    return net.cpu().eval(), History(tuple(run.train), tuple(run.valid), run.best_epoch)


def predict_network(net: nn.Module, windows: Windows, settings: Training) -> Float32Array:
    """Outputs of the net for all windows, float32 [n, outputs]; [0, 0] where there are none.

    A net that holds a `rolled` `RowNet` answers from all complete rows before each window's end.
    """
    if len(windows) == 0:
        return np.empty((0, 0), dtype=np.float32)
    device = choose_device(settings.device)
    rows, part = PanelRows(windows.panel, device), row_net(net)
    with torch_threads(settings.threads), torch.inference_mode():
        net = net.to(device).eval()
        if part is not None and part.rolled:
            check_rows(windows.panel, 'context = "rolled"', 'context = "window"')
            answers = roll(net, part, rows, windows)
        else:
            parts = list(windows.batches(_ANSWERED))
            found = [net(rows.windows(windows, which)).float().cpu().numpy() for which in parts]
            answers = np.concatenate(found)[np.argsort(np.concatenate(parts))]
        net.cpu()
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


def _finished(run: Run, settings: Training, validated: bool) -> bool:
    done = len(run.train)
    stale = done - 1 - run.best_epoch
    return done >= settings.epochs or (validated and stale >= settings.patience)
