"""Linear models of rows of numbers, fitted by scikit-learn, answered here.

An answer is a sum of products by row, so it does not depend on how many rows are asked for together (a
matrix product rounds by the number of rows).  Weights are [outputs, columns + 1], the intercept last.
"""

import warnings

import numpy as np

from ...core import FitError
from ..windows import Float64Array, Int64Array
from ._classes import UP


def fit_ridge(rows: Float64Array, wanted: Float64Array, penalty: float) -> Float64Array:
    """Weights with the least mean (wanted - b - w x)^2 + penalty |w|^2; `wanted` is [n, outputs]."""
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=penalty * len(rows), solver="cholesky").fit(rows, wanted)
    return np.column_stack([model.coef_.reshape(wanted.shape[1], -1), model.intercept_])


def fit_nonnegative(rows: Float64Array, wanted: Float64Array, penalty: float) -> Float64Array:
    """Ridge weights of at least 0, [1, columns + 1]; `wanted` is [n].

    Non-negative least squares (Lawson & Hanson 1974) of the rows with the penalty as rows below them.
    """
    from scipy.optimize import nnls

    count, columns = rows.shape
    centre, level, spread = rows.mean(axis=0), wanted.mean(), wanted.std()
    if spread == 0:
        return np.array([[*np.zeros(columns), level]])
    above, below = (rows - centre) / np.sqrt(count), np.sqrt(penalty) * np.eye(columns)
    right = np.r_[(wanted - level) / spread / np.sqrt(count), np.zeros(columns)]
    weights = nnls(np.vstack([above, below]), right)[0] * spread
    return np.array([[*weights, level - centre @ weights]])


def fit_logistic(
    rows: Float64Array, classes: Int64Array, inverse_penalty: float, max_iterations: int
) -> Float64Array:
    """Weights of the score of each of the three `_classes`, by L-BFGS with an L2 penalty.

    A class that never came has the intercept -inf, so its probability is 0.  Raises `FitError` where the
    search does not converge.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=inverse_penalty, max_iter=max_iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            model.fit(rows, classes)
        except ConvergenceWarning as error:
            raise FitError(
                f"the logistic regression did not converge in {max_iterations} steps: raise "
                "max_iterations or lower inverse_penalty"
            ) from error
    weights = np.column_stack([model.coef_, model.intercept_])
    if len(weights) == 1:
        weights = np.vstack([np.zeros_like(weights), weights])
    found = np.zeros((UP + 1, rows.shape[1] + 1))
    found[:, -1] = -np.inf
    found[model.classes_] = weights
    return found


def scores(rows: Float64Array, weights: Float64Array) -> Float64Array:
    """The answers of each output for each row, [n, outputs]."""
    found = [(rows * each[:-1]).sum(axis=1) + each[-1] for each in weights]
    return np.stack(found, axis=1)


def shares(rows: Float64Array, weights: Float64Array) -> Float64Array:
    """Probability of each class for each row, [n, classes]."""
    found = scores(rows, weights)
    odds = np.exp(found - found.max(axis=1, keepdims=True))
    total = np.zeros(len(rows))
    for column in odds.T:
        total = total + column
    answer: Float64Array = odds / total[:, None]
    return answer
