"""Exponential smoothing of log closes: simple, or with Holt's trend, damped or not.

With x the log close, level l and trend b (Gardner & McKenzie 1985; Hyndman & Athanasopoulos 2021, 8.2),

    e[t] = x[t] - l[t-1] - phi b[t-1]
    l[t] = l[t-1] + phi b[t-1] + alpha e[t],    b[t] = phi b[t-1] + alpha beta e[t]
    expected return = l[t] + (phi + ... + phi^h) b[t] - x[t]

from l = x, b = 0 on the symbol's first row.  Simple smoothing has phi = 0, Holt's linear trend phi = 1.
Alpha, beta and phi are those with the least sum of e^2 over the closes of training.  As l[t] =
x[t] - (1 - alpha) e[t], e follows from the returns by a linear filter, which scipy runs over all rows.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ...core import FitError, Progress
from ..base import Arrays, Prediction
from ..search import Choice, Space, space
from ..windows import Float64Array, Windows
from ._learner import Learner
from ._series import ALL, history, pack, spread_of, training_closes, unpack

_ALPHA, _BETA, _DAMPING = (0.01, 1.0), (0.0, 1.0), (0.8, 0.98)
_STARTS = ((0.99, 0.05), (0.7, 0.1), (0.3, 0.1), (0.1, 0.1))


class ExponentialSmoothing(Learner):
    """Expects the price to follow its smoothed level and trend.

    trend
        "none" is simple smoothing, "linear" Holt's trend, "damped" a trend that fades.
    pooled
        Whether alpha, beta and phi are fitted to all symbols together; else to each alone, and a symbol
        without `min_rows` closes in training has no forecast (NaN).
    min_rows
        Closes that a symbol needs in training to be fitted alone.

    >>> ExponentialSmoothing(trend="none").kind
    'exponential_smoothing'
    """

    reads_features: ClassVar[bool] = False
    search: ClassVar[Space] = space(trend=Choice("none", "linear", "damped"), pooled=Choice(True, False))

    trend: Literal["none", "linear", "damped"] = "damped"
    pooled: bool = True
    min_rows: int = Field(default=60, ge=10)

    def learn(self, train: Windows, valid: Windows, *, seed: int, progress: Progress) -> Arrays:
        """Alpha, beta and phi, by symbol or for all, with the least squared errors on the closes."""
        series = dict(training_closes(train))
        if self.pooled:
            return pack({ALL: self._least(list(series.values()), "all symbols")})
        fitted = {
            symbol: self._least([closes], symbol)
            for symbol, closes in series.items()
            if len(closes) >= self.min_rows
        }
        if not fitted:
            raise FitError(
                f"no symbol has {self.min_rows} closes in training: use a longer training window"
            )
        return pack(fitted)

    def answer(self, learned: Arrays, windows: Windows) -> Prediction:
        """Forecast over the horizon less the last close, from all rows of the symbol so far."""
        fitted = unpack(learned)
        answer = np.full(len(windows.panel.close), np.nan)
        for symbol, rows, closes in history(windows.panel):
            found = fitted.get(ALL, fitted.get(symbol))
            if found is not None:
                answer[rows] = _ahead(closes, found, windows.horizon)
        return Prediction(value=answer[windows.ends])

    def _least(self, series: list[Float64Array], of: str) -> Float64Array:
        from scipy.optimize import minimize

        steps = [_steps(closes) for closes in series]
        scale = spread_of(np.concatenate(steps), f"exponential smoothing of {of}")
        steps = [step / scale for step in steps]
        rows = sum(map(len, steps))

        def loss(free: Float64Array) -> float:
            full = self._full(free)
            return sum(float(np.sum(_errors(step, full) ** 2)) for step in steps) / rows

        free = {"none": 1, "linear": 2, "damped": 3}[self.trend]
        starts = [np.array([*start, 0.9])[:free] for start in _STARTS]
        found = minimize(
            loss,
            min(starts, key=loss),
            method="Nelder-Mead",
            bounds=[_ALPHA, _BETA, _DAMPING][:free],
            options={"xatol": 1e-4, "fatol": 1e-10, "maxiter": 2000},
        )
        if not found.success:
            raise FitError(f"exponential smoothing of {of} found no least error: {found.message}")
        return self._full(found.x)

    def _full(self, free: Float64Array) -> Float64Array:
        """Alpha, beta and phi, from those of them that are fitted."""
        fixed = {"none": [0.0, 0.0], "linear": [1.0], "damped": []}[self.trend]
        return np.array([*free, *fixed])


def _steps(closes: Float64Array) -> Float64Array:
    return np.diff(closes, prepend=closes[:1])


def _errors(steps: Float64Array, parameters: Float64Array) -> Float64Array:
    """One-step errors from the returns."""
    from scipy.signal import lfilter

    alpha, beta, phi = parameters.tolist()
    memory = [1.0, phi * alpha * beta - phi - (1 - alpha), (1 - alpha) * phi]
    errors: Float64Array = lfilter([1.0, -phi], memory, steps)
    return errors


def _ahead(closes: Float64Array, parameters: Float64Array, horizon: int) -> Float64Array:
    """Forecast `horizon` rows ahead less the close, at every row."""
    from scipy.signal import lfilter

    alpha, beta, phi = parameters.tolist()
    errors = _errors(_steps(closes), parameters)
    trend: Float64Array = lfilter([alpha * beta], [1.0, -phi], errors)
    reach = float(np.sum(phi ** np.arange(1, horizon + 1)))
    ahead: Float64Array = reach * trend - (1 - alpha) * errors
    return ahead
