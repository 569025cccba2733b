"""Two branches, one for prices and one for indicators, joined before the answer (Ngiam et al. 2011).

Prices are read in order, by LSTM layers over the window's rows.  Indicators sum up the past themselves,
so their branch is a dense layer on the last row alone:

    answer = W relu(D [lstm(prices)[last row], relu(I indicators[last row])])

Which features are prices is said by their names.
"""

from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field, PrivateAttr
from torch import Tensor, nn

from ...core import QUIET, DataError, FitError, Progress
from ..base import Arrays, Prediction
from ..search import Choice, Range, Space, space
from ..windows import Windows
from ._recurrent import RecurrentForecaster, RecurrentNet, steps


class MultiBranch(RecurrentForecaster):
    """An LSTM over the price features beside a dense layer on all others.

    price
        Features whose name starts with one of these go through the LSTM, all others are indicators.
        The default are those that `FeatureSet` makes of prices and volume.
    hidden
        Size of each LSTM layer of the price branch, bottom first.
    indicator_hidden
        Size of the indicator branch's layer.
    dense
        Size of the layer that joins the branches.
    dropout
        Share of each LSTM layer's outputs set to 0 while training.

    >>> MultiBranch(price=["return_"]).price
    ('return_',)
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        hidden=Choice((32,), (64,), (64, 64)),
        indicator_hidden=Choice(16, 32, 64),
        dropout=Range(0.0, 0.5),
    )

    price: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=("return_", "volatility_", "volume_", "gap", "body", "spread"), min_length=1
    )
    indicator_hidden: int = Field(default=32, ge=1)
    _is_price: tuple[bool, ...] = PrivateAttr(())

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers; `FitError` before `fit`, which reads the names of the features."""
        if len(self._is_price) + self.symbol_embedding != n_features:
            raise FitError(
                f"{self.kind} knows {len(self._is_price)} features by name, received {n_features}: "
                "call fit, which reads the names"
            )
        # what a symbol is like stands behind the named features, beside the indicators.
        return _Net(self._is_price + (False,) * self.symbol_embedding, outputs, self)

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """Sort the features by name, then train; `FitError` where a branch would be empty."""
        is_price = self._sorted(train)
        if all(is_price) or not any(is_price):
            raise FitError(
                f"{sum(is_price)} of the {len(is_price)} features start with one of {self.price}: "
                f"{self.kind} needs prices and indicators"
            )
        self._is_price = is_price
        super().fit(train, valid, seed=seed, progress=progress, checkpoint=checkpoint)

    def predict(self, windows: Windows) -> Prediction:
        """As every net; `DataError` where prices stand in other columns than in training."""
        if self._net is not None and self._sorted(windows) != self._is_price:
            raise DataError(
                f"the price features are not where {self.kind} was fitted: {windows.panel.names}"
            )
        return super().predict(windows)

    def state(self) -> Arrays:
        """As every net, and which columns are prices."""
        found = super().state()
        return {**found, "is_price": np.array(self._is_price)} if found else {}

    def restore(self, state: Arrays) -> None:
        """Take over weights."""
        if state:
            self._is_price = tuple(bool(one) for one in state["is_price"])
        super().restore(state)

    def _sorted(self, windows: Windows) -> tuple[bool, ...]:
        return tuple(name.startswith(self.price) for name in windows.panel.names)


class _Net(RecurrentNet):
    price: Tensor
    indicators: Tensor

    def __init__(self, is_price: tuple[bool, ...], outputs: int, sizes: MultiBranch) -> None:
        layers = [nn.LSTM(*pair, batch_first=True) for pair in steps(sum(is_price), sizes.hidden)]
        super().__init__(layers, sizes.hidden[-1] + sizes.indicator_hidden, sizes, outputs)
        mask = torch.tensor(is_price)
        self.register_buffer("price", mask.nonzero()[:, 0], persistent=False)
        self.register_buffer("indicators", (~mask).nonzero()[:, 0], persistent=False)
        self.last = nn.Linear(len(self.indicators), sizes.indicator_hidden)

    def forward(self, rows: Tensor) -> Tensor:
        prices = self.read(self.states(rows[:, :, self.price]))
        indicators = torch.relu(self.last(rows[:, -1][:, self.indicators]))
        joined = torch.cat([prices, indicators], dim=1)
        answer: Tensor = self.out(torch.relu(self.dense(joined)))
        return answer
