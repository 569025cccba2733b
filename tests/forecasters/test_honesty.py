"""What a forecaster must find, and what it must not: a planted signal, and a random walk.

Planted: moves from close to close follow  d[t+1] = 0.6 d[t] + noise,  and each open is the last close,
so that the tradable label of t is d[t+1]: the best forecast is 0.6 of the last return, and right about
70 % of the time.  Random walk: the same without the 0.6.
"""

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars
from qushi.core.calendar import sessions
from qushi.forecasters import FeatureSet, WalkForward, forecast_quality
from small_models import KINDS, is_net, is_pretrained, model_of

FEATURES = FeatureSet(returns=[1, 2, 5], volatility=[5], volume=[5], calendar=False, indicators=["rsi"])
WALK = WalkForward(lookback=5, min_train=700, valid=120, refit_every=2000)

KNOW_NOTHING = {"last_value", "always_up", "drift", "seasonal"}
"""They look at no price, or at a mean of the whole past."""
RULES = {"momentum", "sma", "ema", "exponential_smoothing"}
"""Fixed rules of prices: they find what their rule happens to say, or its opposite."""
CAPABLE = [k for k in KINDS if k not in KNOW_NOTHING | RULES and not is_pretrained(k)]
"""What was trained elsewhere and is never fitted here has nothing to find."""
LEARN = {"epochs": 12, "learning_rate": 0.01, "patience": 12, "hidden": [8], "width": 8, "batch": 64}
LEARN |= {"variational_dropout": 0.0, "dropout": 0.0}


def bars_of(moves, symbol="000300.SH"):
    close = 100 * np.exp(np.cumsum(moves))
    opening = np.r_[100.0, close[:-1]]
    random = np.random.default_rng(11)
    return Bars.from_frame(
        pd.DataFrame(
            {
                "symbol": symbol,
                "session": sessions("XSHG", "2005-01-04")[: len(moves)],
                "open": opening,
                "high": np.maximum(opening, close) * 1.001,
                "low": np.minimum(opening, close) / 1.001,
                "close": close,
                "volume": np.exp(random.normal(12, 0.5, len(moves))),
            }
        )
    )


def market(momentum, rows=1300, seed=3):
    noise = np.random.default_rng(seed).normal(0, 0.01, rows)
    moves = np.zeros(rows)
    for t in range(1, rows):
        moves[t] = momentum * moves[t - 1] + noise[t]
    return bars_of(moves)


def quality(kind, bars):
    settings = LEARN if is_net(kind) else {}
    if kind in ("lightgbm",):
        settings = {"trees": 40}
    model = model_of(kind, **settings)
    found = WALK.run(kind, model, FEATURES.build(bars), bars, seed=1)
    return forecast_quality(found, bars).iloc[0]


@pytest.mark.parametrize("kind", CAPABLE)
def test_planted_signal_is_found_by_every_model_that_can_learn(kind):
    row = quality(kind, market(momentum=0.6, rows=2000))
    assert row["ic"] > 0.4
    assert row["accuracy"] > 0.63
    assert row["p_value"] < 1e-6


@pytest.mark.parametrize("kind", sorted(KNOW_NOTHING))
def test_planted_signal_is_found_by_no_model_that_looks_at_nothing(kind):
    row = quality(kind, market(momentum=0.6, rows=2000))
    assert not row["p_value"] < 0.01
    assert not abs(row["ic"]) > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_random_walk_is_predicted_by_nothing(kind):
    row = quality(kind, market(momentum=0.0, rows=2000, seed=5))
    assert not row["p_value"] < 0.005
    assert not abs(row["ic_t"]) > 3.0
    if (is_net(kind) and not is_pretrained(kind)) or kind in ("ridge", "lightgbm", "arima"):
        assert row["relative_mae"] > 0.99
