"""ARIMA(p, d, q) of log closes, a symbol at a time (Box & Jenkins 1970), through statsmodels.

With w the d-th difference of the log closes,

    w[t] = c + phi[1] w[t-1] + ... + phi[p] w[t-p] + e[t] + theta[1] e[t-1] + ... + theta[q] e[t-q]
    expected return = the forecast of ln C[t+h], less ln C[t]

The parameters are those of the greatest likelihood on the closes of training.  The Kalman filter of the
state-space form (Durbin & Koopman 2012) then runs over each symbol's rows once, and gives the forecasts
from every row: each follows from that row and earlier ones.
"""

import warnings
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from ...core import FitError, Progress
from ..base import Arrays, Prediction
from ..search import Choice, Range, Space, space
from ..windows import Float64Array, Windows
from ._learner import Learner
from ._series import history, pack, spread_of, training_closes, unpack

if TYPE_CHECKING:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

_FLAT = 0.01
"""Slope of the log likelihood a row, below which a search that is stuck has arrived."""


class ARIMA(Learner):
    """Expects the price to follow the symbol's own ARIMA process.

    A symbol without `min_rows` closes in training has no forecast (NaN).  A fit takes 0.03 CPU seconds
    a symbol of 750 rows at order (1, 1, 0), 0.2 at (1, 1, 1) and 1 at (2, 1, 2).

    p, d, q
        Past values, differences, past errors.
    constant
        Whether c is fitted: with one difference, the drift.
    min_rows
        Closes that a symbol needs in training.
    max_iterations
        A fit that needs more fails.

    >>> ARIMA(p=2, q=0).kind
    'arima'
    """

    reads_features: ClassVar[bool] = False
    search: ClassVar[Space] = space(
        p=Range(0, 3),
        d=Range(0, 1),
        q=Range(0, 2),
        constant=Choice(True, False),
    )

    p: int = Field(default=1, ge=0, le=5)
    d: int = Field(default=1, ge=0, le=2)
    q: int = Field(default=1, ge=0, le=5)
    constant: bool = True
    min_rows: int = Field(default=60, ge=30)
    max_iterations: int = Field(default=200, ge=1)

    def learn(self, train: Windows, valid: Windows, *, seed: int, progress: Progress) -> Arrays:
        """By symbol: the scale, then statsmodels' parameters of the scaled differences."""
        series = {s: closes for s, closes in training_closes(train) if len(closes) >= self.min_rows}
        if not series:
            raise FitError(
                f"no symbol has {self.min_rows} closes in training: use a longer training window"
            )
        task = f"{self.kind}: symbols"
        progress.begin(task, len(series))
        fitted = {}
        for symbol, closes in series.items():
            fitted[symbol] = self._likeliest(symbol, np.diff(closes, self.d))
            progress.advance(task)
        return pack(fitted)

    def answer(self, learned: Arrays, windows: Windows) -> Prediction:
        """Forecast over the horizon less the last close, from all rows of the symbol so far."""
        fitted = unpack(learned)
        answer = np.full(len(windows.panel.close), np.nan)
        for symbol, rows, closes in history(windows.panel):
            if symbol in fitted and len(closes) > self.d:
                answer[rows] = self._ahead(closes, fitted[symbol], windows.horizon)
        return Prediction(value=answer[windows.ends])

    def _process(self, values: Float64Array) -> "SARIMAX":
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        return SARIMAX(values, order=(self.p, 0, self.q), trend="c" if self.constant else "n")

    def _likeliest(self, symbol: str, values: Float64Array) -> Float64Array:
        scale = spread_of(values - values.mean(), f"ARIMA of {symbol}")
        process = self._process(values / scale)
        with warnings.catch_warnings():
            # About starting values, and about what is checked below.
            warnings.simplefilter("ignore")
            found = process.fit(disp=0, maxiter=self.max_iterations, cov_type="none")
        search = found.mle_retvals
        # 2: no step along the numeric gradient gains anything, which on a flat top is the end as well.
        on_top = search["warnflag"] == 2 and np.abs(search["gopt"]).max() < _FLAT
        if not (search["converged"] or on_top):
            raise FitError(
                f"ARIMA({self.p}, {self.d}, {self.q}) of {symbol} found no greatest likelihood in "
                f"{search['iterations']} iterations: lower p, d or q, or raise max_iterations"
            )
        return np.array([scale, *found.params])

    def _ahead(self, closes: Float64Array, parameters: Float64Array, horizon: int) -> Float64Array:
        """Forecast `horizon` rows ahead less the close, at every row; NaN on the first d rows."""
        differences = [np.diff(closes, n)[self.d - n :] for n in range(self.d + 1)]
        coming = self._coming(differences[-1] / parameters[0], parameters[1:], horizon)
        latest = differences[:-1]
        total = np.zeros(len(differences[-1]))
        for value in coming * parameters[0]:
            if not latest:  # the level itself is forecast
                total = value - closes
                continue
            change = value
            for n in range(self.d - 1, 0, -1):
                latest[n] = change = latest[n] + change
            total = total + change
        return np.concatenate([np.full(self.d, np.nan), total])

    def _coming(self, values: Float64Array, parameters: Float64Array, steps: int) -> Float64Array:
        """The process's next values as expected at every row, [steps, n]."""
        process = self._process(values)
        process.update(parameters)
        filtered = process.ssm.filter()
        design, transition = filtered.design[0, :, 0], filtered.transition[:, :, 0]
        constant = filtered.state_intercept[:, 0]
        state = filtered.predicted_state[:, 1:]
        found = []
        for _ in range(steps):
            # Sums of products rather than `@`: BLAS rounds by the number of rows asked for together.
            found.append((design[:, None] * state).sum(axis=0))
            state = (transition[:, :, None] * state).sum(axis=1) + constant[:, None]
        return np.array(found)
