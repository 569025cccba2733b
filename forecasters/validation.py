"""Choosing a model's settings without touching what it is judged on: the inner walk-forward.

Bars are cut before the first out-of-sample forecast of the outer walk-forward; nothing here holds later
ones.  The last third of the sessions that are left, counted from the first complete window, is cut into
`folds` equal blocks: each is forecast by a fit on everything before it, purged as always.  As a third of
the history is spent on validation, `min_train` is a third and `valid` two thirds of the outer ones.

Score.  The loss of all blocks so far over the loss of knowing nothing, so below 1 is better than that:

    a value        mean |answer - outcome| over that of last value (0; of a volatility the last h rows')
    probabilities  Brier score over that of equal probabilities (Brier 1950)

A row without an answer counts as knowing nothing: a model cannot gain by leaving rows out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import QUIET, Bars, DataError, Features, FitError, Progress
from ..core.hashing import hash_json
from ._checkpoints import fit_key
from ._folds import Table, fold_table
from .base import Forecaster
from .labels import CLASSES, TargetName, make_targets
from .walk_forward import WalkForward
from .windows import Float64Array

_SHARE = 3
"""One part in so many of the known sessions is validated on."""


def first_forecast(settings: WalkForward, features: Features, bars: Bars) -> pd.Timestamp:
    """Session of the first out-of-sample forecast; `DataError` where history is too short for one."""
    table = _table(settings, features, bars)
    return pd.Timestamp(settings.folds(table)[0].first)


@dataclass(frozen=True, eq=False)
class Validation:
    """An inner walk-forward on bars that end before the first out-of-sample forecast.

    blocks
        One walk-forward of a single fold a block, in time order.
    """

    features: Features
    bars: Bars
    blocks: tuple[WalkForward, ...]

    @classmethod
    def plan(cls, settings: WalkForward, features: Features, bars: Bars, folds: int) -> Self:
        """Cut the end of `bars` into `folds` blocks; `DataError` where it is too short for them."""
        table = _table(settings, features, bars)
        sessions = [day.date() for day in table.sessions]
        known = len(sessions) - table.first_complete
        length = known // (_SHARE * folds)
        if length < settings.horizon + 2:
            raise DataError(
                f"too short a history to tune on: of {known} sessions with complete windows up to "
                f"{sessions[-1]}, {folds} folds get {length} each, and the labels take "
                f"{settings.horizon + 1}; lower folds, or start the walk-forward later"
            )
        start = len(sessions) - folds * length
        blocks = [
            _block(settings, sessions[at], sessions[at + length - 1], length)
            for at in range(start, len(sessions), length)
        ]
        try:
            blocks[0].folds(table)
        except DataError as error:
            raise DataError(f"to tune, {folds} folds of {length} are left out: {error}") from None
        return cls(features, bars, tuple(blocks))

    @property
    def window(self) -> tuple[date, date]:
        """First and last session that is validated on."""
        first, last = self.blocks[0].start, self.blocks[-1].end
        if first is None or last is None:
            raise DataError("a block of the validation has no bounds")
        return first, last

    def key(self, forecaster: Forecaster, seed: int) -> str:
        """Hash of everything that a score depends on."""
        parts = [fit_key(forecaster, block, self.features, self.bars, seed) for block in self.blocks]
        return hash_json(parts)

    def scores(
        self, forecaster: Forecaster, *, seed: int = 0, progress: Progress = QUIET
    ) -> Iterator[float]:
        """The score after each block, of all blocks so far; the last one is the score.

        Lazy: a block is fitted when its score is asked for.  Raises `FitError` from the model.
        """
        lost = nothing = 0.0
        for block in self.blocks:
            steps = block.steps if forecaster.multi_output else "last"
            settings = block.model_copy(update={"steps": steps})
            made = settings.run(
                forecaster.kind, forecaster, self.features, self.bars, seed=seed, progress=progress
            )
            losses = _losses(made.longest().frame, self.bars, getattr(forecaster, "band", 0.0))
            lost, nothing = lost + losses[0], nothing + losses[1]
            if not nothing > 0:
                raise FitError(f"nothing moved up to {block.end}: last value makes no error to beat")
            yield lost / nothing


def _table(settings: WalkForward, features: Features, bars: Bars) -> Table:
    return fold_table(features, bars, settings.horizon, settings.lookback, shortest=settings.shortest)


def _block(settings: WalkForward, first: date, last: date, length: int) -> WalkForward:
    return settings.model_copy(
        update={
            "start": first,
            "end": last,
            "refit_every": length,
            "min_train": max(settings.min_train // _SHARE, 2),
            "valid": settings.valid * (_SHARE - 1) // _SHARE,
        }
    )


def _losses(frame: pd.DataFrame, bars: Bars, band: float) -> tuple[float, float]:
    """Summed losses of the forecasts and of knowing nothing, over the rows whose outcome is known."""
    horizon = int(frame["horizon"].iloc[0])
    target: TargetName = frame["target"].iloc[0]
    rows = bars.frame.index.get_indexer(pd.MultiIndex.from_frame(frame[["symbol", "session"]]))
    outcome = make_targets(bars, [target], [horizon])[rows, 0, 0]
    naive = np.zeros(len(frame))
    if target == "volatility":
        naive = _last_volatility(bars, horizon)[rows]
    known = np.isfinite(outcome) & np.isfinite(naive)
    answer = _answers(frame, bars, rows, target)
    if target in CLASSES or not np.isfinite(answer).any():
        lost, nothing = _brier(frame, outcome, band if target == "direction" else 0.0)
    else:
        lost = np.abs(np.where(np.isfinite(answer), answer, naive) - outcome)
        nothing = np.abs(naive - outcome)
    return float(lost[known].sum()), float(nothing[known].sum())


def _answers(
    frame: pd.DataFrame, bars: Bars, rows: npt.NDArray[np.intp], target: TargetName
) -> Float64Array:
    """What was forecast of the target, in the target's own unit; NaN where nothing was."""
    column = target if target in ("volatility", "volume", "amount") else "expected_return"
    answer = np.full(len(frame), np.nan)
    if column in frame.columns:
        answer = frame[column].to_numpy(dtype=float)
    if target in ("volume", "amount"):
        with np.errstate(divide="ignore", invalid="ignore"):
            answer = np.log(answer / bars.frame[target].to_numpy(dtype=float)[rows])
    return answer


def _brier(frame: pd.DataFrame, outcome: Float64Array, band: float) -> tuple[Float64Array, Float64Array]:
    """Brier score of each row, and that of equal probabilities; with a dead band, of three classes."""
    up = frame["p_up"].to_numpy(dtype=float)
    if band == 0:
        lost = (np.where(np.isnan(up), 0.5, up) - (outcome > 0)) ** 2
        return lost, np.full(len(frame), 0.25)
    down = 1 - up
    if "p_down" in frame.columns:
        down = np.where(frame["p_down"].isna(), down, frame["p_down"].to_numpy(dtype=float))
    stated = np.column_stack([up, down, 1 - up - down])
    stated = np.where(np.isnan(up)[:, None], 1 / 3, stated)
    rose, fell = outcome > band, outcome < -band
    happened = np.column_stack([rose, fell, ~rose & ~fell])
    return ((stated - happened) ** 2).sum(axis=1), np.full(len(frame), 2 / 3)


def _last_volatility(bars: Bars, horizon: int) -> Float64Array:
    """Volatility of the last h rows, for every bar: what was still ahead h rows ago."""
    ahead = pd.Series(make_targets(bars, ["volatility"], [horizon])[:, 0, 0], index=bars.frame.index)
    traded = ahead[~bars.frame["suspended"]]
    last = traded.groupby(level="symbol", sort=False).shift(horizon).reindex(ahead.index)
    return np.asarray(last, dtype=float)
