"""The base of all nets: a net is one short file that says what its layers are.

One net answers every step and every target at once.  What its numbers mean, and the loss, is the head's
affair (`_heads.py`); whether it is told the symbol, that of `_symbols.py`.

A warm fit starts from the weights of the fit before, as a walk-forward's refits see nearly the same
windows again.  It keeps the first fit's label scale, so that the weights go on meaning what they meant.
The features' scaler is fitted anew in each fold and moves a little, which the first steps make good; the
optimizer starts afresh, its moments belonging to other windows.
"""

import math
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field, PrivateAttr, model_validator
from torch import Tensor, nn

from ...core import QUIET, DataError, FitError, Progress
from ..base import Arrays, Forecaster, Prediction, check_lengths
from ..training import History, Training, predict_network, train_network
from ..windows import Windows
from ._heads import Headed, Scale
from ._symbols import Embedded, SymbolEmbedding, grown, numbered, pack, unpack, vocabulary

_NET = "net."


class TorchForecaster(Headed, Embedded, Training, Forecaster):
    """A forecaster that is a net; a model file gives `network` and its sizes.

    warm_start
        Whether a fit goes on from the weights of the fit before, where there are any of the same shapes;
        labels then keep the first fit's scale.
    refit_epochs
        At most so many passes in a fit that starts warm; left out: a third of `epochs`, rounded up, and
        one more than `warmup` at least.  Its windows are nearly those of the fit before.
    """

    stochastic: ClassVar[bool] = True
    multi_output: ClassVar[bool] = True
    any_length: ClassVar[bool] = False

    warm_start: bool = True
    refit_epochs: int | None = Field(default=None, ge=1)
    _net: nn.Module | None = PrivateAttr(None)
    _shape: tuple[int, int] = PrivateAttr((0, 0))
    _steps: tuple[int, ...] = PrivateAttr(())
    _symbols: tuple[str, ...] = PrivateAttr(())
    _scale: Scale | None = PrivateAttr(None)
    _history: History | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _room_for_refits(self) -> Self:
        if self.refit_epochs is not None and self.warmup >= self.refit_epochs:
            raise ValueError(
                f"{self.warmup} epochs of warmup leave none of the {self.refit_epochs} refit_epochs: "
                "lower warmup"
            )
        return self

    @abstractmethod
    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """A fresh net that maps [B, lookback, n_features] to [B, outputs].

        Where `any_length` is set, it takes fewer rows too, which stand at the end of the look-back.
        """

    @property
    def warm(self) -> bool:
        """Whether a fit goes on from what the model learned in the fold before."""
        return self.warm_start

    @property
    def history(self) -> History | None:
        """Losses of the last fit; None before it, and after `load`."""
        return self._history

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """Train with early stopping on `valid`."""
        if train.paths is None or valid.paths is None or len(train) == 0:
            raise FitError(f"{self.kind} needs training windows with targets")
        if train.paths.shape[2] != len(self.targets):
            raise FitError(
                f"{self.kind} forecasts {', '.join(self.targets)}, and the windows have "
                f"{train.paths.shape[2]} targets"
            )
        check_lengths(self, min(train.shortest, valid.shortest), train.lookback)
        head, start = self.make_head(), self._start(train)
        if start is None or self._scale is None:
            self._scale = Scale.none(train.paths) if head.classes else Scale.fit(train.paths)
        self._shape, self._steps = (train.n_features, train.lookback), train.steps
        self._symbols = self._vocabulary(train, start is not None)
        labels = head.labels(train.paths, self._scale), head.labels(valid.paths, self._scale)
        train, valid = self._seen(train, valid)
        self._net, self._history = train_network(
            lambda: self._build(start),
            train,
            valid,
            labels,
            head.loss,
            self if start is None else self._shortened(),
            seed=seed,
            task=f"{self.kind}: epochs",
            progress=progress,
            checkpoint=checkpoint,
            warm=start is not None,
        )

    def predict(self, windows: Windows) -> Prediction:
        """The net's answers, as the head states them."""
        if self._net is None or self._scale is None:
            raise DataError(f"{self.kind} predicts after fit only: call fit or load first")
        if (windows.n_features, windows.lookback) != self._shape:
            raise DataError(
                f"fitted on windows of {self._shape[1]} rows x {self._shape[0]} features, asked about "
                f"{windows.lookback} x {windows.n_features}"
            )
        if windows.steps != self._steps:
            raise DataError(f"fitted on the steps {self._steps}, asked about {windows.steps}")
        check_lengths(self, windows.shortest, windows.lookback)
        (seen,) = self._seen(windows)
        raw = predict_network(self._net, seen, self).astype(np.float64)
        head = self.make_head()
        shape = (len(windows), head.parameters, len(self.targets), len(self._steps))
        return head.predict(raw.reshape(shape), self._scale, self.targets)

    def state(self) -> Arrays:
        """Weights, the shapes they are for, what the labels were standardised with, the symbols."""
        if self._net is None or self._scale is None:
            return {}
        weights = {f"{_NET}{k}": v.detach().cpu().numpy() for k, v in self._net.state_dict().items()}
        facts = {
            "shape": np.array(self._shape),
            "steps": np.array(self._steps),
            "label": np.stack([self._scale.mean, self._scale.deviation]),
        }
        symbols = {"symbols": pack(self._symbols)} if self.symbol_embedding else {}
        return {**weights, **facts, **symbols}

    def restore(self, state: Arrays) -> None:
        """Take over weights."""
        if not state:
            return
        features, lookback = (int(n) for n in state["shape"])
        self._shape, self._steps = (features, lookback), tuple(int(n) for n in state["steps"])
        mean, deviation = np.array(state["label"], dtype=np.float64)
        self._scale = Scale(mean, deviation)
        self._symbols = unpack(state["symbols"]) if self.symbol_embedding else ()
        weights = {k.removeprefix(_NET): v for k, v in state.items() if k.startswith(_NET)}
        tensors = {k: torch.from_numpy(np.array(v)) for k, v in weights.items()}
        with torch.random.fork_rng(devices=[]):
            self._net = self._build(tensors).eval()

    def _build(self, start: dict[str, Tensor] | None) -> nn.Module:
        """A net for the windows that are known of, with fresh weights or those given."""
        (features, lookback), embedding = self._shape, self.symbol_embedding
        outputs = self.make_head().parameters * len(self.targets) * len(self._steps)
        net = self.network(features + embedding, lookback, outputs)
        if embedding:
            net = SymbolEmbedding(net, len(self._symbols), embedding)
        if start is not None:
            net.load_state_dict(grown(start, len(self._symbols)) if embedding else start)
        return net

    def _start(self, train: Windows) -> dict[str, Tensor] | None:
        """The weights that a fit of these windows goes on from, or None."""
        asked = (train.n_features, train.lookback), train.steps
        if not self.warm_start or self._net is None or asked != (self._shape, self._steps):
            return None
        held = {k: v.detach().clone() for k, v in self._net.state_dict().items()}
        with torch.random.fork_rng(devices=[]):
            fresh = self._build(None).state_dict()
        same = {k: v.shape for k, v in held.items()} == {k: v.shape for k, v in fresh.items()}
        return held if same else None

    def _vocabulary(self, train: Windows, warm: bool) -> tuple[str, ...]:
        if not self.symbol_embedding:
            return ()
        return vocabulary(self._symbols if warm else (), train)

    def _seen(self, *windows: Windows) -> tuple[Windows, ...]:
        """The windows as the net sees them."""
        return numbered(self._symbols, *windows) if self.symbol_embedding else windows

    def _shortened(self) -> Self:
        """The settings of a fit that starts warm."""
        few = max(math.ceil(self.epochs / 3), self.warmup + 1)
        return self.model_copy(update={"epochs": self.refit_epochs or few})
