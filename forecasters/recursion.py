"""Recursive forecasts: one step, a made-up bar from it, the features again, the next step.

A model of the next close (target "close", horizon 1) is asked at the close of t.  From its answer a bar
is made up (`_made_up_bars.py`), and the model is asked again, as often as there are steps.  The three
ways of classic LSTM tutorials are choices of starts and steps: "point by point" is one step from every
session, "multi-sequence" starts anew every `steps` sessions, "full sequence" starts once.

The warning that belongs to them.  After the first step the model sees its own forecasts: they show what
it believes, not what the market says, and its errors feed themselves.  Point by point looks good because
every step starts from the real last price: it is a one-step forecast, and last value does as well.  So
`error_by_step` puts the error of last value beside that of the model.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ..core import Bars, ConfigError, DataError, Forecasts, PanicIndex
from ..core.notes import Said
from ._made_up_bars import check_one_step, recursive_prediction
from ._stated import stated
from .fitted import FittedModel
from .labels import make_targets
from .series import ExternalSeries

WARNING = Said(
    "Recursive forecasts: after the first step the model sees its own forecasts, not the market. Point "
    "by point, every step starts from the real last price, and last value does as well: look at the "
    "ratio to last value.",
    "递推预测：从第二步起，模型看到的是自己的预测，而不是市场。逐点预测每次都从真实的最新价格出发，"
    "而“最后值”做得同样好：请看它与最后值误差之比。",
)
"""What a reader must be told beside such forecasts."""


def recursive_forecasts(
    fitted: FittedModel,
    bars: Bars,
    panic: PanicIndex | None = None,
    series: Sequence[ExternalSeries] = (),
    *,
    steps: int,
    every: int | None = 1,
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
) -> Forecasts:
    """Forecasts of the next `steps` closes, from every `every`-th session of `start` ... `end`.

    `every=None` starts once, at the first session.  Left out, `start` is the first session that the
    model may forecast (`fit_end`), `end` the newest bar.  A row's `horizon` is its step, `price_close`
    the forecast, `expected_return` its log over the close of the start.  NaN from the step on at which a
    feature is not known.  Nothing after a start is looked at.  Raises `ConfigError` for a model of
    another target or horizon, `LookAheadError` for a start before `fit_end`.
    """
    check_one_step(fitted.forecaster, fitted.settings.horizon)
    if every is not None and every < 1:
        raise ConfigError(f"starts are at least 1 session apart, received {every}")
    sessions = bars.sessions
    low = fitted.fit_end if start is None else pd.Timestamp(start)
    high = sessions[-1] if end is None else pd.Timestamp(end)
    chosen = sessions[(sessions >= low) & (sessions <= high)]
    wanted = fitted.wanted(bars, chosen[:1] if every is None else chosen[::every])
    features = fitted.features.build(bars, panic, series)
    table = fitted.table(features, bars)
    frames = []
    for part in fitted.parts:
        rows = fitted.rows(part, table, wanted)
        if not len(rows):
            continue
        answer = recursive_prediction(
            part.forecaster,
            part.scaler,
            fitted.features,
            table,
            bars,
            rows,
            steps,
            fitted.settings.lookback,
        )
        panel = table.panel(part.scaler, wanted[-1].to_datetime64(), part.symbol)
        windows = panel.windows(rows, fitted.settings.lookback, with_targets=False)
        windows = replace(windows, horizon=steps, steps=tuple(range(1, steps + 1)))
        frames.append(stated(answer, windows, table, fitted.fold(rows, wanted), part.forecaster))
    if not frames:
        raise DataError("no start with a complete window: choose an earlier start or bring more bars")
    frame = pd.concat(frames, ignore_index=True).assign(model=fitted.name, seed=fitted.seed)
    return Forecasts.concat([Forecasts(frame)])


def error_by_step(forecasts: Forecasts, bars: Bars) -> pd.DataFrame:
    """How the error grows with the step: one row a model, seed and step.

    Columns `model seed step n mae last_value_mae ratio accuracy base_rate`, over the rows whose close is
    known by now.  Errors are of ln(close[t+k] / close[t]); last value says 0.  `ratio` below 1 is better
    than last value.  `accuracy` counts rows with a direction, `base_rate` is the share of the commoner
    outcome among them.  Raises `DataError` for forecasts without `price_close`.
    """
    frame = forecasts.frame
    if "price_close" not in frame.columns:
        raise DataError('no closes are forecast here: use a model with target = "close"')
    close = bars.frame["close"].rename("close_at_start").reset_index()
    found = []
    for step, part in frame.groupby("horizon", sort=True):
        actual = make_targets(bars, ("close",), (int(step),))[:, 0, 0]
        joined = part.merge(close.assign(actual=actual), on=["symbol", "session"], how="left")
        joined["said"] = np.log(joined["price_close"] / joined["close_at_start"])
        joined = joined[joined["said"].notna() & joined["actual"].notna()]
        for (model, seed), own in joined.groupby(["model", "seed"], sort=True):
            found.append({"model": model, "seed": seed, "step": int(step), **_error(own)})
    table = pd.DataFrame(found, columns=["model", "seed", "step", *_FIGURES])
    return table.sort_values(["model", "seed", "step"], ignore_index=True)


_FIGURES = ("n", "mae", "last_value_mae", "ratio", "accuracy", "base_rate")


def _error(rows: pd.DataFrame) -> dict[str, float]:
    said, actual = rows["said"].to_numpy(dtype=float), rows["actual"].to_numpy(dtype=float)
    error, naive = float(np.abs(said - actual).mean()), float(np.abs(actual).mean())
    leaning = said != 0
    up, was = said[leaning] > 0, actual[leaning] > 0
    share = float(was.mean()) if leaning.any() else np.nan
    return {
        "n": len(rows),
        "mae": error,
        "last_value_mae": naive,
        "ratio": error / naive if naive > 0 else np.nan,
        "accuracy": float((up == was).mean()) if leaning.any() else np.nan,
        "base_rate": max(share, 1 - share) if leaning.any() else np.nan,
    }
