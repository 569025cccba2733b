"""Stacking: a second level learns how far to trust each member (Wolpert 1992; Breiman 1996).

What a member says about windows it learned from says nothing about its worth, so each fit goes through
three steps, all inside the windows of the fold's training and validation; the test is never there.

1. Of `train`, the last `share` of the sessions is held out (or, with holdout = "valid", all of `valid`).
   The members are fitted on the sessions before, without the windows whose label ends after the first
   session held out.  Where there is validation, the last `stop` of those sessions is cut off in the same
   way, and is what they stop early on; they see nothing later.
2. They answer for the sessions held out.  With z a member's answer there, standardised, the second level
   minimises  mean loss(y, b + w z) + penalty |w|^2  over these windows.
3. The members are fitted again, as each would be alone: on all of `train`, stopping early on `valid`.
   Their answers, weighted by step 2, are the forecast.

Weights of at least 0 keep a member that was wrong by chance from being bet against (Breiman 1996).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ...core import FitError
from ..base import Arrays, Prediction
from ..labels import CLASSES, TargetName
from ..search import Range, Space, space
from ..windows import Float32Array, Float64Array, Windows
from ._classes import classes_of, prediction, varied
from ._ensemble import Ensemble, Fitted, answers_of, paths_like, weighted_mean, without_axes
from ._learner import paths_of
from ._linear import fit_logistic, fit_nonnegative, fit_ridge, shares


class Stacking(Ensemble):
    """Answers with a linear model of its members' answers, learned out of sample.

    A member's answer is its value, else p_up - p_down; the mean over its seeds.  NaN where a member that
    has a weight has none.

    final
        "nonnegative": ridge regression with weights of at least 0; "ridge": of any sign; "logistic":
        p_up, and p_down with "direction" members.
    penalty
        Of the squared weights, beside the mean loss.
    holdout
        What the second level learns from: the end of "train", or "valid".
    share
        Of the training sessions, held out at the end for the second level.
    stop
        Of the sessions before, kept at their end to stop early on.
    max_iterations
        A logistic second level that needs more fails.

    >>> Stacking(members=[{"kind": "ridge"}, {"kind": "momentum"}]).final
    'nonnegative'
    """

    search: ClassVar[Space] = space(penalty=Range(1e-4, 1.0, log=True))

    final: Literal["nonnegative", "ridge", "logistic"] = "nonnegative"
    penalty: float = Field(default=0.01, gt=0)
    holdout: Literal["train", "valid"] = "train"
    share: float = Field(default=0.3, gt=0, lt=1)
    stop: float = Field(default=0.15, gt=0, lt=1)
    max_iterations: int = Field(default=500, ge=1)

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        named = super().targets
        if self.final == "logistic" and (named[0] not in ("return", *CLASSES) or len(named) > 1):
            raise ValueError(
                'a logistic second level asks for up and down: set final = "ridge", or members that '
                f"forecast 'return', 'trend' or 'direction', received {', '.join(map(repr, named))}"
            )
        return self

    @property
    def targets(self) -> tuple[TargetName, ...]:
        """Classes from a logistic second level, else the values that the members learn from."""
        named = super().targets
        if self.final == "logistic":
            three = any(model.targets == ("direction",) for model in self._models)
            return ("direction",) if three else ("trend",)
        return ("return",) if named[0] in CLASSES else named

    def second_level(
        self, train: Windows, valid: Windows, members: Callable[[Windows, Windows], Fitted]
    ) -> Arrays:
        """Fit members on the first part, and weigh them by step and output on what was held out.

        "weights" [steps, outputs, 1 or classes, members + 1], the intercept last, belong to answers less
        "mean", over "scale", both [steps, outputs, members].
        """
        first, stop, held = self._parts(train, valid)
        blind = replace(held, targets=None, paths=None)
        return self._learn(self._columns(answers_of(members(first, stop), blind), blind), held)

    def predict(self, windows: Windows) -> Prediction:
        """The second level's answer to the members' answers."""
        columns = self._columns(self.answers(windows), windows)
        mean, scale, weights = (
            self._second[name].astype(np.float64) for name in ("mean", "scale", "weights")
        )
        z = (columns - mean) / scale
        if self.final == "logistic":
            found = np.stack([shares(z[:, s, 0], w[0]) for s, w in enumerate(weights)], axis=1)
            return prediction(found[:, 0] if len(weights) == 1 else found, self.targets[0])
        slope, level = weights[..., 0, :-1], weights[..., 0, -1]
        terms = np.where(slope == 0, 0.0, z * slope)
        return Prediction(value=without_axes(terms.sum(axis=-1) + level))

    def _parts(self, train: Windows, valid: Windows) -> tuple[Windows, Windows, Windows]:
        """What members learn from first, what they stop early on, and what is held out from both."""
        if self.holdout == "valid":
            if len(valid) == 0:
                raise FitError('no validation to hold out: set valid, or holdout = "train"')
            first, held = train, valid
        else:
            first, held = split(train, self.share)
        if len(valid) == 0:
            return first, valid, held
        return *split(first, self.stop), held

    def _columns(self, answers: list[list[Prediction]], windows: Windows) -> Float64Array:
        """The answer of each member, [n, steps, outputs, members]."""
        outputs = len(self.targets)
        found = []
        for fits in answers:
            found.append(weighted_mean([_leaning(one, windows, outputs) for one in fits]))
        return np.stack(found, axis=-1)

    def _learn(self, columns: Float64Array, held: Windows) -> Arrays:
        """The second level of each step and output."""
        labels = paths_of(held)
        _, steps, outputs, members = columns.shape
        weights, mean, scale = [], [], []
        for s, o in np.ndindex(steps, outputs):
            known = np.isfinite(columns[:, s, o]).all(axis=1)
            if not known.any():
                raise FitError("no session held out has an answer of every member: drop the silent one")
            rows = columns[known, s, o]
            constant = rows.max(axis=0) == rows.min(axis=0)
            mean.append(rows.mean(axis=0))
            scale.append(np.where(constant, 1.0, rows.std(axis=0)))
            z = np.where(constant, 0.0, (rows - mean[-1]) / scale[-1])
            weights.append(self._weights(z, labels[known, s, o]))
        return {
            "weights": np.array(weights).reshape(steps, outputs, -1, members + 1),
            "mean": np.array(mean).reshape(steps, outputs, members),
            "scale": np.array(scale).reshape(steps, outputs, members),
        }

    def _weights(self, z: Float64Array, labels: Float32Array) -> Float64Array:
        if self.final == "logistic":
            classes = varied(classes_of(labels, self.targets[0], self.band))
            return fit_logistic(z, classes, 1 / (2 * self.penalty * len(z)), self.max_iterations)
        wanted = labels.astype(np.float64)
        if self.final == "nonnegative":
            return fit_nonnegative(z, wanted, self.penalty)
        return fit_ridge(z, wanted[:, None], self.penalty)


def split(windows: Windows, share: float) -> tuple[Windows, Windows]:
    """The windows of the first sessions and of the last `share` of them, purged by label.

    Of the first, those are left out whose label ends after the first session of the last: h + 1 rows of
    the symbol after the window.  Raises `FitError` where nothing is left of them.
    """
    sessions = np.unique(windows.sessions)
    count = max(round(share * len(sessions)), 1)
    cut = sessions[-count] if len(sessions) else np.datetime64("NaT")
    panel = windows.panel
    end = windows.ends + windows.horizon + 1
    inside = np.minimum(end, len(panel.close) - 1)
    own = (end == inside) & (panel.first[inside] == panel.first[windows.ends])
    early = windows.subset((windows.sessions < cut) & own & (panel.sessions[inside] <= cut))
    if len(early) == 0:
        raise FitError(
            f"{len(sessions)} training sessions are too few to hold {count} out: lengthen training, or "
            "lower share or stop"
        )
    return early, windows.subset(windows.sessions >= cut)


def _leaning(found: Prediction, windows: Windows, outputs: int) -> Float64Array:
    """A value, else how much likelier up is than down, [n, steps, outputs]."""
    if found.p_up is None or found.value is not None:
        return paths_like(found.value, windows, outputs)
    down = 1 - found.p_up if found.p_down is None else found.p_down
    return paths_like(found.p_up - down, windows, outputs)
