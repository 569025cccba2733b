"""The base of all nets: a net is one short file that says what its layers are.

Two targets.  "return": the standardised label under a Huber loss, turned back into a log return.
"trend": whether the label is above 0, under the logistic loss; the answer is p_up.
"""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import PrivateAttr
from torch import nn
from torch.nn import functional

from ...core import QUIET, DataError, FitError, Progress
from ..base import Arrays, Forecaster, Prediction
from ..training import History, Training, predict_network, train_network
from ..windows import Float32Array, Windows


class TorchForecaster(Training, Forecaster):
    """A forecaster that is a net; a model file gives `network` and its sizes.

    target
        "return" forecasts the log return, "trend" the probability that it is above 0.
    """

    stochastic: ClassVar[bool] = True

    target: Literal["return", "trend"] = "return"
    _net: nn.Module | None = PrivateAttr(None)
    _shape: tuple[int, int] = PrivateAttr((0, 0))
    _label: tuple[float, float] = PrivateAttr((0.0, 1.0))
    _history: History | None = PrivateAttr(None)

    @abstractmethod
    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """A fresh net that maps [B, lookback, n_features] to [B, outputs]."""

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
        if train.targets is None or valid.targets is None or len(train) == 0:
            raise FitError(f"{self.kind} needs training windows with targets")
        if self.target == "return":
            spread = float(np.std(train.targets, dtype=np.float64))
            if spread == 0:
                raise FitError("all training labels are the same: use a longer training window")
            self._label = float(np.mean(train.targets, dtype=np.float64)), spread
        self._shape = train.n_features, train.lookback
        self._net, self._history = train_network(
            lambda: self.network(*self._shape, 1),
            train,
            valid,
            (self._wanted(train.targets), self._wanted(valid.targets)),
            functional.huber_loss
            if self.target == "return"
            else functional.binary_cross_entropy_with_logits,
            self,
            seed=seed,
            task=f"{self.kind}: epochs",
            progress=progress,
            checkpoint=checkpoint,
        )

    def predict(self, windows: Windows) -> Prediction:
        """The net's answers, as a return or as a probability."""
        if self._net is None:
            raise DataError(f"{self.kind} predicts after fit only: call fit or load first")
        if (windows.n_features, windows.lookback) != self._shape:
            raise DataError(
                f"fitted on windows of {self._shape[1]} rows x {self._shape[0]} features, asked about "
                f"{windows.lookback} x {windows.n_features}"
            )
        answer = predict_network(self._net, windows, self).astype(np.float64).reshape(len(windows))
        if self.target == "trend":
            return Prediction(p_up=0.5 * (1 + np.tanh(answer / 2)))
        mean, spread = self._label
        return Prediction(expected_return=answer * spread + mean)

    def state(self) -> Arrays:
        """Weights, and what the labels were standardised with."""
        if self._net is None:
            return {}
        weights = {f"net.{k}": v.detach().cpu().numpy() for k, v in self._net.state_dict().items()}
        facts = {"shape": np.array(self._shape), "label": np.array(self._label)}
        return {**weights, **facts}

    def restore(self, state: Arrays) -> None:
        """Take over weights."""
        if not state:
            return
        features, lookback = (int(n) for n in state["shape"])
        mean, spread = (float(v) for v in state["label"])
        with torch.random.fork_rng(devices=[]):
            net = self.network(features, lookback, 1)
        weights = {k.removeprefix("net."): v for k, v in state.items() if k.startswith("net.")}
        net.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
        self._net, self._shape, self._label = net.eval(), (features, lookback), (mean, spread)

    def _wanted(self, targets: Float32Array) -> Float32Array:
        """What the net's outputs are compared with, [n, 1]."""
        if self.target == "trend":
            return (targets > 0).astype(np.float32)[:, None]
        mean, spread = self._label
        return ((targets - mean) / spread).astype(np.float32)[:, None]
