"""What the recurrent nets share: layers on top of each other, and what reads their states.

Variational dropout (Gal & Ghahramani 2016) draws one mask a sequence for what a layer sees and one for
its state, and keeps both for all rows:

    h(t) = cell(x(t) * m_x, h(t-1) * m_h),    m = Bernoulli(1 - p) / (1 - p)

The carried cell of an LSTM and the carried state of a GRU are not masked, only what the weights see.
All gates of a layer share a mask ("tied weights" in the paper).

An LSTM's or a GRU's state at a row depends on that row and those before it only, so it can be taught at
every row of a stretch and rolled forward through a symbol's whole history (`forecasters/_row_nets.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from .._row_nets import RowNet, States
from ._torch import TorchForecaster

Sizes = tuple[Annotated[int, Field(ge=1)], ...]


class RecurrentForecaster(TorchForecaster):
    """Settings of all recurrent nets.

    hidden
        Size of each recurrent layer, bottom first.
    dense
        Size of the layer between the recurrent layers and the output.
    dropout
        Share of each recurrent layer's outputs set to 0 while training.
    """

    any_length: ClassVar[bool] = True

    hidden: Sizes = Field(default=(64,), min_length=1)
    dense: int = Field(default=16, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)


class RollingForecaster(RecurrentForecaster):
    """Settings of the recurrent nets whose state at a row holds all rows before it, and none after.

    supervise
        "last": a window for each label, which is compared with the answer at the window's last row.
        "rows": stretches of rows, a label at each training row; about `lookback` times fewer steps a
        label.  A label then has from `lookback` to `lookback` + `stretch` - 1 rows before it, fewer
        where the history does not reach back so far (`shortest` in the walk-forward).
    stretch
        Labelled rows in a stretch.
    stretches
        Stretches in a step, in place of `batch`; fewer where an epoch would have less than 8 steps.
    context
        "window": a forecast sees the `lookback` rows of its window.  "rolled": it sees all complete rows
        of its symbol up to the decision, the state being carried from row to row.
    """

    supervise: Literal["last", "rows"] = "rows"
    stretch: int = Field(default=64, ge=1)
    stretches: int = Field(default=8, ge=1)
    context: Literal["window", "rolled"] = "window"


class RecurrentNet(nn.Module):
    """Recurrent layers, dropout after each, what is read from their states, a dense layer, the outputs.

    A layer maps [B, rows, before] to [B, rows, after] and its last state, as `nn.LSTM` does; `reads` is
    the width of what `read` answers.
    """

    def __init__(
        self, layers: Iterable[nn.Module], reads: int, settings: RecurrentForecaster, outputs: int
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(settings.dropout)
        self.dense = nn.Linear(reads, settings.dense)
        self.out = nn.Linear(settings.dense, outputs)

    def run(self, layer: nn.Module, rows: Tensor) -> Tensor:
        """One layer's states, [B, rows, size]."""
        states: Tensor = layer(rows)[0]
        return states

    def states(self, rows: Tensor) -> Tensor:
        """The states of the top layer, [B, rows, size]."""
        for layer in self.layers:
            rows = self.dropout(self.run(layer, rows))
        return rows

    def read(self, states: Tensor) -> Tensor:
        """What the dense layer sees, [B, reads]: the last row's state."""
        return states[:, -1]

    def forward(self, rows: Tensor) -> Tensor:
        answer: Tensor = self.out(torch.relu(self.dense(self.read(self.states(rows)))))
        return answer


class VariationalNet(RecurrentNet, RowNet):
    """Layers of one kind that `masked` runs while training: one mask a sequence, read-out included."""

    def __init__(
        self,
        layers: Iterable[nn.Module],
        masked: Callable[[nn.Module, Tensor, float], Tensor],
        rate: float,
        settings: RollingForecaster,
        outputs: int,
    ) -> None:
        super().__init__(layers, settings.hidden[-1], settings, outputs)
        self.masked, self.rate = masked, rate
        self.stretch = settings.stretch if settings.supervise == "rows" else None
        self.stretches = settings.stretches
        self.rolled = settings.context == "rolled"

    def run(self, layer: nn.Module, rows: Tensor) -> Tensor:
        """One layer's states; at a rate of 0 and when answering, torch's own."""
        if self.training and self.rate:
            return self.masked(layer, rows, self.rate)
        return super().run(layer, rows)

    def states(self, rows: Tensor) -> Tensor:
        """The states of the top layer; they go on from the carried ones, where there are any."""
        if self.carried is None:
            return super().states(rows)
        after: States = []
        for number, layer in enumerate(self.layers):
            before = self.carried[number] if self.carried else None
            rows, last = layer(rows, before if before is None or len(before) > 1 else before[0])
            after.append(last if isinstance(last, tuple) else (last,))
        self.carried[:] = after
        return rows

    def read(self, states: Tensor) -> Tensor:
        """The last row's state, or each row's [B, rows, size], masked while training."""
        if not self.training or not self.rate:
            return states if self.every_row else states[:, -1]
        mask = sequence_mask(states, states.shape[2], self.rate)
        return states * mask[:, None] if self.every_row else states[:, -1] * mask


class AdditiveAttention(nn.Module):
    """Weighs the rows of a window by how they answer to its last row (Bahdanau et al. 2015).

        e(t) = v · tanh(W h(T) + U h(t)),    a = softmax(e),    context = sum of a(t) h(t)

    [B, rows, size] to [B, 2 size]: the context and the last state.
    """

    def __init__(self, size: int, attention: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, attention)
        self.key = nn.Linear(size, attention, bias=False)
        self.score = nn.Linear(attention, 1, bias=False)

    def weights(self, states: Tensor) -> Tensor:
        """Weight of each row, [B, rows]; each window's sum to 1."""
        scores = self.score(torch.tanh(self.query(states[:, -1:]) + self.key(states)))
        return torch.softmax(scores[..., 0], dim=1)

    def forward(self, states: Tensor) -> Tensor:
        context = (self.weights(states)[..., None] * states).sum(dim=1)
        return torch.cat([context, states[:, -1]], dim=1)


def steps(inputs: int, hidden: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Width below and width of each layer.

    >>> list(steps(7, (12, 4)))
    [(7, 12), (12, 4)]
    """
    return zip((inputs, *hidden), hidden, strict=False)


def sequence_mask(rows: Tensor, size: int, rate: float) -> Tensor:
    """A dropout mask for each window, [B, size]: 0 for a share `rate`, else 1 / (1 - rate)."""
    return functional.dropout(rows.new_ones(len(rows), size), rate)


def masked_lstm(layer: nn.Module, rows: Tensor, rate: float) -> Tensor:
    """States of an `nn.LSTM` of one layer under variational dropout, [B, rows, size]."""
    weights, recurrent, bias, recurrent_bias = _parameters(layer)
    rows = rows * sequence_mask(rows, rows.shape[2], rate)[:, None]
    mask = sequence_mask(rows, recurrent.shape[1], rate)
    state = cell = torch.zeros_like(mask)
    found = []
    for row in rows.unbind(dim=1):
        state, cell = torch.lstm_cell(
            row, (state * mask, cell), weights, recurrent, bias, recurrent_bias
        )
        found.append(state)
    return torch.stack(found, dim=1)


def masked_gru(layer: nn.Module, rows: Tensor, rate: float) -> Tensor:
    """States of an `nn.GRU` of one layer under variational dropout, [B, rows, size]."""
    weights, recurrent, bias, recurrent_bias = _parameters(layer)
    rows = rows * sequence_mask(rows, rows.shape[2], rate)[:, None]
    mask = sequence_mask(rows, recurrent.shape[1], rate)
    state = torch.zeros_like(mask)
    found = []
    # not torch.gru_cell: it would carry the masked state over, where only the weights may see it.
    for row in functional.linear(rows, weights, bias).unbind(dim=1):
        reset, update, new = row.chunk(3, dim=1)
        from_state = functional.linear(state * mask, recurrent, recurrent_bias).chunk(3, dim=1)
        reset = torch.sigmoid(reset + from_state[0])
        update = torch.sigmoid(update + from_state[1])
        new = torch.tanh(new + reset * from_state[2])
        state = (1 - update) * new + update * state
        found.append(state)
    return torch.stack(found, dim=1)


def _parameters(layer: nn.Module) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        layer.get_parameter("weight_ih_l0"),
        layer.get_parameter("weight_hh_l0"),
        layer.get_parameter("bias_ih_l0"),
        layer.get_parameter("bias_hh_l0"),
    )
