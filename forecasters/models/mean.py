"""The mean of several forecasters: what most comparisons of forecasts find hard to beat (Clemen 1989).

    answer = sum(w[i] a[i]) / sum(w[i])

over the members' values, their probabilities, and their quantiles level by level (which keeps the shape
of the distribution, unlike a mixture; Lichtendahl, Grushka-Cockayne & Winkler 2013).  The answers of a
member's own seeds are brought together first, so that a member counts once.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ...core import FitError
from ..base import Prediction
from ..windows import Float64Array, Windows
from ._ensemble import Ensemble, paths_like, weighted_mean, without_axes


class Mean(Ensemble):
    """Answers with the mean, or the median, of its members' answers.

    A member without an answer for a window (NaN, or no value or probability at all) is left out there;
    NaN where no member has one.

    combine
        "mean", or "median", which no single member can pull away.
    weights
        One for each member, as they stand; left out: all alike.

    >>> Mean(members=[{"kind": "ridge"}, {"kind": "drift"}], weights=[3, 1]).targets
    ('return',)
    """

    combine: Literal["mean", "median"] = "mean"
    weights: tuple[float, ...] = Field(default=())

    @model_validator(mode="after")
    def _weighed(self) -> Self:
        if not self.weights:
            return self
        if self.combine == "median":
            raise ValueError('a median has no weights: leave them out, or set combine = "mean"')
        if len(self.weights) != len(self.members):
            raise ValueError(f"{len(self.weights)} weights for {len(self.members)} members")
        if min(self.weights) < 0 or not 0 < sum(self.weights) < np.inf:
            raise ValueError(f"weights are at least 0, and not all 0, received {list(self.weights)}")
        return self

    def predict(self, windows: Windows) -> Prediction:
        """Each member's seeds together, then the members."""
        members = [self._together(fits, [1.0] * len(fits), windows) for fits in self.answers(windows)]
        return self._together(members, self.weights or [1.0] * len(members), windows)

    def _together(
        self, parts: Sequence[Prediction], weights: Sequence[float], windows: Windows
    ) -> Prediction:
        levels = {part.levels for part in parts if part.quantiles is not None}
        if len(levels) > 1:
            raise FitError(f"members give quantiles at different levels: {sorted(levels)}")

        def pooled(values: Iterable[Float64Array | None]) -> Float64Array | None:
            given = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None]
            return self._middle([v for v, _ in given], [w for _, w in given]) if given else None

        def paths(values: Iterable[Float64Array | None], outputs: int = 1) -> Float64Array | None:
            full = (None if v is None else paths_like(v, windows, outputs) for v in values)
            found = pooled(full)
            return None if found is None else without_axes(found)

        p_up, p_down = paths(part.p_up for part in parts), None
        if any(part.p_down is not None for part in parts):
            p_down = paths(_down(part) for part in parts)
        return Prediction(
            paths((part.value for part in parts), len(self.targets)),
            p_up,
            p_down,
            pooled(part.quantiles for part in parts),
            levels.pop() if levels else (),
        )

    def _middle(self, parts: Sequence[Float64Array], weights: Sequence[float]) -> Float64Array:
        return median(parts) if self.combine == "median" else weighted_mean(parts, weights)


def median(parts: Sequence[Float64Array]) -> Float64Array:
    """Median over those parts that are not NaN, element by element; NaN where all are."""
    ordered = np.sort(np.stack(parts), axis=0)  # NaN comes last
    known = np.sum(~np.isnan(ordered), axis=0, keepdims=True)
    middle = [np.maximum(known - 1, 0) // 2, np.minimum(known // 2, len(parts) - 1)]
    found: Float64Array = np.mean([np.take_along_axis(ordered, at, 0)[0] for at in middle], axis=0)
    return found


def _down(part: Prediction) -> Float64Array | None:
    if part.p_down is None and part.p_up is not None:
        return 1 - part.p_up
    return part.p_down
