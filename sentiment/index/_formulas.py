"""Steps 3, 4, 5 and 6 of the panic index, each for any number of series at once."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
_EPSILON = 1e-9  # sums of probabilities miss whole numbers by rounding


def decay(counts: FloatArray, half_life: float, before: FloatArray | None = None) -> FloatArray:
    """Step 3: `X~[D] = X[D] + 2^(-1/h) X~[D-1]` down the rows, which are the last axis but one.

    `before` is `X~` of the session before the first, 0 where left out.  Row D only uses rows to D.
    """
    keep = 2.0 ** (-1.0 / half_life)
    found = np.empty_like(counts)
    state = np.zeros_like(counts[..., 0, :]) if before is None else before
    for row in range(counts.shape[-2]):
        state = counts[..., row, :] + keep * state
        found[..., row, :] = state
    return found


def bearishness(neg: FloatArray, pos: FloatArray) -> FloatArray:
    """Step 4: `ln((1 + Neg) / (1 + Pos))`; 0 is balanced or empty."""
    found: FloatArray = np.log1p(neg) - np.log1p(pos)
    return found


def valued(effective: FloatArray) -> npt.NDArray[np.bool_]:
    """Step 7: whether a session has a value at all, which is an effective count of 1."""
    found: npt.NDArray[np.bool_] = effective >= 1.0 - _EPSILON
    return found


def shrink(panic: FloatArray, effective: FloatArray, n_min: float) -> FloatArray:
    """Step 5: towards 50 where the effective count is below `n_min`."""
    found: FloatArray = 50.0 + (panic - 50.0) * np.minimum(1.0, effective / n_min)
    return found


def agreement(neg: FloatArray, pos: FloatArray) -> FloatArray:
    """Step 6: `1 - sqrt(1 - ((Pos - Neg) / (Pos + Neg))^2)` of the session's own counts.

    NaN in a session without a positive or negative text.
    """
    total = pos + neg
    balance = np.divide(pos - neg, total, out=np.full(total.shape, np.nan), where=total != 0)
    found: FloatArray = 1.0 - np.sqrt(np.clip(1.0 - balance**2, 0.0, 1.0))
    return found


def quality(effective: FloatArray, n_min: float) -> npt.NDArray[np.object_]:
    """Step 6: "none" below an effective count of 1, "thin" below `n_min`, else "ok"."""
    enough = 1 + (effective >= n_min - _EPSILON).astype(np.intp)
    names = np.array(["none", "thin", "ok"], dtype=object)
    found: npt.NDArray[np.object_] = names[np.where(valued(effective), enough, 0)]
    return found
