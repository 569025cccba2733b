"""A vote of several forecasters: the share of the members that say up is the probability of a rise.

A member says up where its value is above 0 or its p_up above 1/2.  With "direction" members, up, flat
and down are voted on: a member says the likeliest of its three classes, and one that answers with a
value says up above the dead band, down below minus it, else flat.  A vote looks at no member's size of
error or confidence, so one wild member is one vote (majority voting: Lam & Suen 1997).
"""

from typing import Self

import numpy as np
from pydantic import model_validator

from ..base import Prediction
from ..labels import TargetName
from ..windows import Float64Array, Windows
from ._ensemble import Ensemble, paths_like, weighted_mean, without_axes


class Vote(Ensemble):
    """Gives p_up, and p_down with "direction" members, as shares of the votes.

    Every member has one vote; its own seeds share it.  A member on the fence (a value of 0, a
    probability of 1/2) gives half its vote to up where there is no flat.  A member without an answer
    (NaN) abstains; NaN where all do.

    Members answer for "return", "trend" or "direction".

    >>> Vote(members=[{"kind": "logistic"}, {"kind": "momentum"}]).targets
    ('trend',)
    """

    @model_validator(mode="after")
    def _about_returns(self) -> Self:
        named = super().targets
        if len(named) > 1 or named[0] not in ("return", "trend", "direction"):
            raise ValueError(
                f"a vote is about up and down: members forecast 'return', 'trend' or 'direction', "
                f"received {', '.join(map(repr, named))}"
            )
        return self

    @property
    def targets(self) -> tuple[TargetName, ...]:
        """The class target "direction" where a member answers for it, else "trend"."""
        return ("direction",) if any(m.targets == ("direction",) for m in self._models) else ("trend",)

    def predict(self, windows: Windows) -> Prediction:
        """Shares of the votes, by step."""
        ups, downs = [], []
        for fits in self.answers(windows):
            votes = [self._votes(found, windows) for found in fits]
            ups.append(weighted_mean([up for up, _ in votes]))
            downs.append(weighted_mean([down for _, down in votes]))
        p_down = without_axes(weighted_mean(downs)) if self.targets == ("direction",) else None
        return Prediction(p_up=without_axes(weighted_mean(ups)), p_down=p_down)

    def _votes(self, found: Prediction, windows: Windows) -> tuple[Float64Array, Float64Array]:
        """1 where one fit says up, and where it says down; NaN where it says nothing."""
        p_up, p_down = paths_like(found.p_up, windows), paths_like(found.p_down, windows)
        if found.p_up is None:
            said = paths_like(found.value, windows)
            up, down = said > self.band, said < -self.band
        elif found.p_down is None:
            said, up, down = p_up, p_up > 0.5, p_up < 0.5
        else:
            said, flat = p_up, 1 - p_up - p_down
            up, down = p_up > np.maximum(p_down, flat), p_down > np.maximum(p_up, flat)
        ups, downs = up.astype(np.float64), down.astype(np.float64)
        if self.targets == ("trend",):
            ups = np.where(up | down, ups, 0.5)
        unknown = np.isnan(said)
        return np.where(unknown, np.nan, ups), np.where(unknown, np.nan, downs)
