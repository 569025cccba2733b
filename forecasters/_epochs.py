"""The steps of an epoch: batches in, gradients clipped, the state kept in between where it is due."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..core import ConfigError, FitError
from ._batches import Batch, Batches, PanelRows, StretchBatches, WindowBatches
from ._row_nets import RowNet, check_rows, row_net
from ._schedules import learning_rate
from ._training_state import Run, keep
from .windows import Float32Array, Windows

if TYPE_CHECKING:
    from .training import Training

Loss = Callable[[Tensor, Tensor], Tensor]


class Kept:
    """Where and when the state of a fit is kept."""

    def __init__(self, folder: Path, key: str, settings: "Training") -> None:
        self.folder, self.key, self.settings = folder, key, settings
        self.at = time.monotonic()

    def late(self) -> bool:
        wanted = self.settings.checkpoint_seconds
        return wanted is not None and time.monotonic() - self.at >= wanted

    def keep(self, net: nn.Module, optimizer: torch.optim.Optimizer, run: Run) -> None:
        keep(self.folder, self.key, net, optimizer, run)
        self.at = time.monotonic()


@dataclass
class Fit:
    """A fit that is under way: `epoch` trains one, from the batch on that `run` has come to."""

    net: nn.Module
    batches: Batches
    optimizer: torch.optim.Optimizer
    loss: Loss
    settings: "Training"
    seed: int
    run: Run
    kept: Kept | None
    factor: float = 1.0

    def __post_init__(self) -> None:
        compiled = torch.compile(self.net) if self.settings.compile else self.net
        self.forward: Callable[[Tensor], Tensor] = compiled

    def epoch(self) -> float:
        """Mean loss of the epoch's labels."""
        run, number = self.run, len(self.run.train)
        if run.batch == 0:
            _reseed(self.seed, number)
        plan = self.batches.plan((self.seed, number))
        self.net.train()
        waiting: list[tuple[Tensor, int]] = []
        while run.batch < len(plan):
            rate = learning_rate(self.settings, number + (run.batch + 0.5) / len(plan), run.valid)
            waiting.append(self.step(self.batches.batch(plan[run.batch]), rate * self.factor))
            run.batch += 1
            if run.batch < len(plan) and self.due():
                _add(run, waiting)
                self.keep()
        _add(run, waiting)
        mean = run.total / run.labels
        if not math.isfinite(mean):
            raise FitError("the training loss is not a number: lower the learning rate")
        return mean

    def step(self, batch: Batch, rate: float) -> tuple[Tensor, int]:
        """One step of the optimizer; the loss stays on the device, so that a GPU need not wait."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        device = batch.inputs.device.type
        half = self.settings.precision == "bf16"
        with torch.autocast(device, torch.bfloat16, enabled=half):
            found = _answers(self.net, self.forward, batch)
        value = self.loss(found.float() if half else found, batch.labels)
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip)
        self.optimizer.step()
        return value.detach(), len(batch.labels)

    def due(self) -> bool:
        every = self.settings.checkpoint_iterations
        return self.kept is not None and (
            (every is not None and self.run.batch % every == 0) or self.kept.late()
        )

    def epoch_ended(self, *, last: bool) -> None:
        self.run.batch, self.run.total, self.run.labels = 0, 0.0, 0
        every = self.settings.checkpoint_epochs
        whole = every is not None and len(self.run.train) % every == 0
        if self.kept is not None and (last or whole or self.kept.late()):
            self.keep()

    def keep(self) -> None:
        if self.kept is not None:
            self.kept.keep(self.net, self.optimizer, self.run)


def _add(run: Run, waiting: list[tuple[Tensor, int]]) -> None:
    """Add the losses that are still on the device, one after the other."""
    for value, labels in waiting:
        run.total += float(value) * labels
        run.labels += labels
    waiting.clear()


def _answers(net: nn.Module, forward: Callable[[Tensor], Tensor], batch: Batch) -> Tensor:
    """The net's answers, one a label."""
    part = row_net(net) if batch.answers is not None else None
    if part is None or batch.answers is None:
        return forward(batch.inputs)
    with part.answering_rows():
        return forward(batch.inputs).flatten(0, 1).index_select(0, batch.answers)


def batches_for(
    net: nn.Module, rows: PanelRows, windows: Windows, labels: Float32Array, size: int
) -> Batches:
    part = row_net(net)
    if part is None or part.stretch is None:
        return WindowBatches(rows, windows, labels, size)
    check_rows(windows.panel, 'supervise = "rows"', 'supervise = "last"')
    return StretchBatches(rows, windows, labels, part.stretches, part.stretch)


def check_net(net: nn.Module, settings: "Training", device: torch.device) -> None:
    """Refuse what recurrent layers cannot do."""
    recurrent = any(isinstance(part, (nn.RNNBase, RowNet)) for part in net.modules())
    if recurrent and settings.precision == "bf16" and device.type == "cpu":
        raise ConfigError('recurrent nets train in float32 on the CPU: set precision = "float32"')
    if recurrent and settings.compile:
        raise ConfigError("torch.compile leaves recurrent layers as they are: set compile = false")


def _reseed(seed: int, epoch: int) -> None:
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, dtype=np.uint64)
    torch.manual_seed(int(state[0] >> np.uint64(1)))


def evaluate(net: nn.Module, batches: Batches, loss: Loss) -> float:
    if len(batches.windows) == 0:
        return math.nan
    net.eval()
    total = labels = 0.0
    with torch.inference_mode():
        for part in batches.in_order():
            batch = batches.batch(part)
            total += float(loss(_answers(net, net, batch), batch.labels)) * len(batch.labels)
            labels += len(batch.labels)
    if not math.isfinite(total):
        raise FitError("the validation loss is not a number: lower the learning rate")
    return total / labels
