"""Boosted trees on the last row of each window, and on some rows before it (LightGBM, Ke et al. 2017).

Each tree is grown leaf by leaf on the gradient of the loss that the trees before it left: the squared
error of the standardised label ("return"), or the logistic loss of its sign ("trend").  The number of
trees is the one with the least loss on validation.  Trees take features as they are: they need no scale
and find interactions, but forecast nothing beyond the labels of training.

LightGBM's wheels for Linux need the system's OpenMP library (`libgomp1` on Debian).
"""

from pathlib import Path
from types import ModuleType
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from ...core import QUIET, DataError, FitError, Progress
from ..base import Arrays, Forecaster, Prediction
from ..windows import Float32Array, Float64Array, Windows


class LightGBM(Forecaster):
    """Gradient-boosted trees with early stopping on validation.

    target
        "return" forecasts the log return, "trend" the probability that it is above 0.
    lags
        Rows before the last whose features are seen too: [1, 5] adds those of 1 and 5 rows back.
    trees
        At most so many; without validation windows, exactly so many.
    patience
        Trees without a better validation loss after which growing stops.
    leaves
        At most so many in a tree.
    min_leaf
        Training windows that a leaf needs.
    feature_share, window_share
        Shares of the features and of the training windows that each tree is grown on, drawn by the seed.
    penalty
        L2 penalty on the leaves.
    threads
        CPU threads.

    >>> LightGBM(target="trend", lags=[1, 2]).lags
    (1, 2)
    """

    stochastic: ClassVar[bool] = True

    target: Literal["return", "trend"] = "return"
    lags: tuple[Annotated[int, Field(ge=1)], ...] = ()
    trees: int = Field(default=300, ge=1)
    patience: int = Field(default=30, ge=1)
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    leaves: int = Field(default=15, ge=2)
    min_leaf: int = Field(default=50, ge=1)
    feature_share: float = Field(default=0.8, gt=0, le=1)
    window_share: float = Field(default=0.8, gt=0, le=1)
    penalty: float = Field(default=0.0, ge=0)
    threads: int = Field(default=1, ge=1)
    _model: str | None = PrivateAttr(None)
    _n_features: int = PrivateAttr(0)
    _label: tuple[float, float] = PrivateAttr((0.0, 1.0))

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """Grow trees until validation says stop."""
        if train.targets is None or valid.targets is None or len(train) == 0:
            raise FitError("LightGBM needs training windows with targets")
        label = self._standard(train.targets)
        lgb = _library()
        known = lgb.Dataset(self._rows(train), self._wanted(train.targets, label))
        task = f"{self.kind}: trees"
        progress.begin(task, self.trees)
        callbacks = [lambda _: progress.advance(task)]
        watched = []
        if len(valid):
            watched = [
                lgb.Dataset(self._rows(valid), self._wanted(valid.targets, label), reference=known)
            ]
            callbacks.append(lgb.early_stopping(self.patience, verbose=False))
        grown = lgb.train(
            self._parameters(seed),
            known,
            num_boost_round=self.trees,
            valid_sets=watched,
            callbacks=callbacks,
        )
        best = grown.best_iteration if len(valid) else None
        self._model = grown.model_to_string(num_iteration=best)
        self._n_features, self._label = train.n_features, label

    def predict(self, windows: Windows) -> Prediction:
        """The trees' answers, as a return or as a probability."""
        if self._model is None:
            raise DataError("LightGBM predicts after fit only: call fit or load first")
        if windows.n_features != self._n_features:
            raise DataError(f"fitted on {self._n_features} features, asked about {windows.n_features}")
        answer = np.empty(0)
        if len(windows):
            model = _library().Booster(model_str=self._model)
            answer = model.predict(self._rows(windows), num_threads=self.threads)
        if self.target == "trend":
            return Prediction(p_up=answer)
        mean, spread = self._label
        return Prediction(expected_return=answer * spread + mean)

    def state(self) -> Arrays:
        """LightGBM's own text of the trees, as bytes, and what the labels were standardised with."""
        if self._model is None:
            return {}
        return {
            "model": np.frombuffer(self._model.encode(), dtype=np.uint8),
            "n_features": np.array([self._n_features]),
            "label": np.array(self._label),
        }

    def restore(self, state: Arrays) -> None:
        """Take over trees."""
        if not state:
            return
        self._model = np.asarray(state["model"], dtype=np.uint8).tobytes().decode()
        self._n_features = int(state["n_features"][0])
        mean, spread = (float(v) for v in state["label"])
        self._label = mean, spread

    def _parameters(self, seed: int) -> dict[str, object]:
        return {
            "objective": "regression" if self.target == "return" else "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_leaf,
            "feature_fraction": self.feature_share,
            "bagging_fraction": self.window_share,
            "bagging_freq": 1,
            "lambda_l2": self.penalty,
            "num_threads": self.threads,
            "seed": int(np.random.SeedSequence(seed).generate_state(1)[0] >> np.uint32(1)),
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _rows(self, windows: Windows) -> Float32Array:
        """Features of the last row, then those of each lag, [n, F (1 + lags)]."""
        if self.lags and max(self.lags) >= windows.lookback:
            raise DataError(
                f"a lag of {max(self.lags)} reaches before a window of {windows.lookback} rows: lower "
                "lags, or raise lookback"
            )
        values = windows.panel.values
        return np.hstack([values[windows.ends - lag] for lag in (0, *self.lags)])

    def _standard(self, targets: Float32Array) -> tuple[float, float]:
        """Mean and spread of the labels, where they are forecast."""
        if self.target == "trend":
            up = targets > 0
            if up.all() or not up.any():
                raise FitError("all training labels point the same way: use a longer training window")
            return 0.0, 1.0
        spread = float(np.std(targets, dtype=np.float64))
        if spread == 0:
            raise FitError("all training labels are the same: use a longer training window")
        return float(np.mean(targets, dtype=np.float64)), spread

    def _wanted(self, targets: Float32Array, label: tuple[float, float]) -> Float64Array:
        if self.target == "trend":
            return (targets > 0).astype(np.float64)
        mean, spread = label
        return (targets.astype(np.float64) - mean) / spread


def _library() -> ModuleType:
    try:
        import lightgbm
    except OSError as error:
        raise FitError(
            f"LightGBM's library does not load ({error}): install the system's OpenMP library, "
            "libgomp1 on Debian"
        ) from error
    library: ModuleType = lightgbm
    return library
