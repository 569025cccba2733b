"""Boosted trees on the last row of each window, and on some rows before it (LightGBM, Ke et al. 2017).

Each tree is grown leaf by leaf on the gradient of the loss that the trees before it left: the squared
error of the standardised label, the logistic loss of its class ("trend", "direction"), or, a model a
level, the pinball loss of a quantile (Koenker & Bassett 1978).  The number of trees is the one with the
least loss on validation.  Trees take features as they are: they need no scale and find interactions, but
forecast nothing beyond the labels of training.

LightGBM's wheels for Linux need the system's OpenMP library (`libgomp1` on Debian).
"""

from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from ...core import DataError, FitError, Progress
from ..base import Arrays, Prediction, Targeted
from ..labels import CLASSES, TargetName
from ..search import Range, Space, space
from ..windows import Float32Array, Float64Array, Windows
from ._classes import UP, classes_of, prediction, varied
from ._learner import Learner, labels_of

Level = Annotated[float, Field(gt=0, lt=1)]


class LightGBM(Targeted, Learner):
    """Gradient-boosted trees with early stopping on validation.

    target
        One target.
    band
        Dead band of "direction", a log return.
    head
        "point" answers with one value; "quantile" with the quantiles at the levels `quantiles`, each
        from trees of its own, put in ascending order.  The value is then the median.
    quantiles
        Levels, ascending.  Their range holds 0.5; the median between two levels lies on a straight line.
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
    search: ClassVar[Space] = space(
        learning_rate=Range(0.01, 0.3, log=True),
        leaves=Range(4, 64, log=True),
        min_leaf=Range(10, 500, log=True),
        feature_share=Range(0.3, 1.0),
        window_share=Range(0.5, 1.0),
        penalty=Range(0.0, 20.0),
    )

    target: TargetName = "return"
    head: Literal["point", "quantile"] = "point"
    quantiles: tuple[Level, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
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

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        levels = list(self.quantiles)
        if levels != sorted(set(levels)) or not levels or not levels[0] <= 0.5 <= levels[-1]:
            raise ValueError(
                f"quantiles must ascend, on both sides of 0.5 or with it, received {levels}"
            )
        if self.head == "quantile" and self.target in CLASSES:
            raise ValueError(f"{self.target!r} is answered with probabilities and has no quantiles")
        return self

    def learn(self, train: Windows, valid: Windows, *, seed: int, progress: Progress) -> Arrays:
        """LightGBM's own text of the trees, as bytes, and what the labels were standardised with."""
        label = self._standard(train)
        lgb = _library()
        known = lgb.Dataset(self._rows(train), self._wanted(train, label))
        watched = []
        if len(valid):
            watched = [lgb.Dataset(self._rows(valid), self._wanted(valid, label), reference=known)]
        found = [self._grow(known, watched, o, seed, progress) for o in self._objectives()]
        return {**{f"model_{i}": model for i, model in enumerate(found)}, "label": np.array(label)}

    def answer(self, learned: Arrays, windows: Windows) -> Prediction:
        """The trees' answers, in the label's unit or as probabilities."""
        count = len(self._objectives())
        rows = self._rows(windows)
        found = [self._ask(learned[f"model_{number}"], rows) for number in range(count)]
        if self.target == "trend":
            found = [np.column_stack([1 - found[0], np.zeros(len(rows)), found[0]])]
        if self.target in CLASSES:
            return prediction(found[0].reshape(len(rows), 3), self.target)
        mean, spread = learned["label"].tolist()
        if self.head == "point":
            return Prediction(value=found[0] * spread + mean)
        quantiles = np.sort(np.stack(found, axis=1) * spread + mean, axis=1)
        return Prediction(self._median(quantiles), quantiles=quantiles[:, None], levels=self.quantiles)

    def _median(self, quantiles: Float64Array) -> Float64Array:
        """At level 0.5, on a straight line between the levels around it."""
        after = next(i for i, level in enumerate(self.quantiles) if level >= 0.5)
        before = max(after - 1, 0)
        below, above = self.quantiles[before], self.quantiles[after]
        share = 1.0 if after == before else (0.5 - below) / (above - below)
        middle: Float64Array = (1 - share) * quantiles[:, before] + share * quantiles[:, after]
        return middle

    def _objectives(self) -> list[dict[str, object]]:
        """What each booster minimises."""
        if self.target in CLASSES:
            if self.target == "trend":
                return [{"objective": "binary"}]
            return [{"objective": "multiclass", "num_class": 3}]
        if self.head == "point":
            return [{"objective": "regression"}]
        return [{"objective": "quantile", "alpha": level} for level in self.quantiles]

    def _grow(
        self, known: Any, watched: list[Any], objective: dict[str, object], seed: int, progress: Progress
    ) -> npt.NDArray[np.uint8]:
        lgb = _library()
        task = f"{self.kind}: trees"
        progress.begin(task, self.trees)
        callbacks = [lambda _: progress.advance(task)]
        if watched:
            callbacks.append(lgb.early_stopping(self.patience, verbose=False))
        grown = lgb.train(
            {**self._parameters(seed), **objective},
            known,
            num_boost_round=self.trees,
            valid_sets=watched,
            callbacks=callbacks,
        )
        text = grown.model_to_string(num_iteration=grown.best_iteration if watched else None)
        return np.frombuffer(text.encode(), dtype=np.uint8)

    def _ask(self, model: npt.NDArray[np.generic], rows: Float32Array) -> Float64Array:
        if len(rows) == 0:
            return np.empty(0)
        text = model.astype(np.uint8).tobytes().decode()
        answer: Float64Array = _library().Booster(model_str=text).predict(rows, num_threads=self.threads)
        return answer

    def _parameters(self, seed: int) -> dict[str, object]:
        return {
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
        """Features of the last row, then those of each lag, [n, F (1 + lags)]; NaN before the window."""
        if self.lags and max(self.lags) >= windows.lookback:
            raise DataError(
                f"a lag of {max(self.lags)} reaches before a window of {windows.lookback} rows: lower "
                "lags, or raise lookback"
            )
        return np.hstack([windows.row(lag) for lag in (0, *self.lags)])

    def _standard(self, windows: Windows) -> tuple[float, float]:
        """Mean and spread of the labels, where they are values."""
        labels = labels_of(windows)
        if self.target in CLASSES:
            varied(classes_of(labels, self.target, self.band))
            return 0.0, 1.0
        spread = float(np.std(labels, dtype=np.float64))
        if spread == 0:
            raise FitError("all training labels are the same: use a longer training window")
        return float(np.mean(labels, dtype=np.float64)), spread

    def _wanted(self, windows: Windows, label: tuple[float, float]) -> Float64Array:
        labels = labels_of(windows)
        if self.target in CLASSES:
            return classes_of(labels, self.target, self.band) / (UP if self.target == "trend" else 1)
        mean, spread = label
        return (labels.astype(np.float64) - mean) / spread


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
