"""Are probabilities of 0.8 right four times out of five?  And the one number that mends it.

Nets trained on hard labels are too sure of themselves.  Temperature scaling divides the logits by one
number T > 0, fitted by maximum likelihood on rows that the weights were not fitted on: it changes how
sure a classifier is and never which label it names.

    p_i(T) = exp(z_i / T) / sum_j exp(z_j / T)  =  p_i^(1/T) / sum_j p_j^(1/T)

The expected calibration error is the mean gap between confidence and accuracy over bins of equal width
of the confidence (the probability of the label named), weighted by the texts in them.  The Brier score
is the mean of sum_i (p_i - y_i)^2 over all classes, 0 to 2.
Source: Guo, Pleiss, Sun, Weinberger (2017), "On Calibration of Modern Neural Networks", ICML.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BINS = 15
_LEAST = 1e-12  # probabilities are cut here before the logarithm
_RANGE = (0.2, 5.0)  # a handful of validation texts, all right, would ask for T = 0


def fit_temperature(probabilities: FloatArray, truth: IntArray) -> float:
    """The T that makes `truth` (columns of `probabilities`) likeliest, within 0.2 and 5.

    Classes that can never be said (columns of zeros) may stand in the table.
    """
    from scipy.optimize import minimize_scalar

    low, high = np.log(_RANGE)
    found = minimize_scalar(
        lambda log_t: log_loss(at_temperature(probabilities, float(np.exp(log_t))), truth),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def at_bound(temperature: float) -> bool:
    """Whether a fitted temperature was stopped by the bounds rather than by the texts."""
    return not 1.01 * _RANGE[0] < temperature < 0.99 * _RANGE[1]


def at_temperature(probabilities: FloatArray, temperature: float) -> FloatArray:
    """Probabilities as they would be with the logits divided by `temperature`; 0 stays 0."""
    if temperature == 1.0:
        return probabilities
    with np.errstate(divide="ignore"):
        logits = np.log(probabilities) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def log_loss(probabilities: FloatArray, truth: IntArray) -> float:
    """Mean of -ln(probability of the true label), natural logarithm."""
    said = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(said, _LEAST)).mean())


def brier_score(probabilities: FloatArray, truth: IntArray) -> float:
    """Mean squared distance to the true label over all classes, 0 to 2."""
    hit = np.zeros_like(probabilities)
    hit[np.arange(len(truth)), truth] = 1.0
    return float(((probabilities - hit) ** 2).sum(axis=1).mean())


def reliability(probabilities: FloatArray, truth: IntArray, bins: int = BINS) -> pd.DataFrame:
    """Confidence against accuracy, one row a bin that holds a text.

    Columns `above`, `up_to` (bounds of the confidence), `texts`, `confidence` (mean) and `accuracy`.
    """
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    at = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    rows = [
        (
            number / bins,
            (number + 1) / bins,
            int(inside.sum()),
            sure[inside].mean(),
            right[inside].mean(),
        )
        for number in range(bins)
        if (inside := at == number).any()
    ]
    return pd.DataFrame(rows, columns=["above", "up_to", "texts", "confidence", "accuracy"])


def calibration_error(table: pd.DataFrame) -> float:
    """The expected calibration error of a table of `reliability`."""
    gap = (table["confidence"] - table["accuracy"]).abs()
    return float((gap * table["texts"]).sum() / table["texts"].sum())
