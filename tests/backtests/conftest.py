"""Small hand-made and random markets for the backtest tests."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, Weights
from qushi.core.calendar import sessions

Make = Callable[..., Any]


def bars_of(**symbols: dict[str, Any]) -> Bars:
    """Bars from lists by symbol ("S600000" is 600000.SH); a None close is a missing row."""
    rows = []
    for name, columns in symbols.items():
        closes = columns["close"]
        at = sessions("XSHG", "2023-01-03")[: len(closes)]
        for t, close in enumerate(closes):
            if close is None:
                continue
            row = {k: v[t] if isinstance(v, list) else v for k, v in columns.items()}
            open_ = row.get("open", close)
            span = sorted([open_, close])
            rows.append(
                {
                    "symbol": name.replace("S", "", 1) + ".SH",
                    "session": at[t],
                    "open": open_,
                    "high": row.get("high", span[1]),
                    "low": row.get("low", span[0]),
                    "close": close,
                    "volume": row.get("volume", 1e6),
                    "factor": row.get("factor", 1.0),
                    "suspended": row.get("suspended", False),
                }
            )
    return Bars.from_frame(pd.DataFrame(rows))


def weights_of(bars: Bars, **targets: list[float | None]) -> Weights:
    """Weights from lists by symbol, None for no decision."""
    frame = pd.DataFrame({k.replace("S", "", 1) + ".SH": v for k, v in targets.items()}, dtype=float)
    frame.index = bars.sessions[: len(frame)]
    return Weights(frame, "test")


def random_market(seed: int, length: int = 25, symbols: int = 3) -> tuple[Bars, Weights]:
    """A market with gaps, halts, zero volumes, a late listing and factors; and random weights."""
    random = np.random.default_rng(seed)
    at = sessions("XSHG", "2023-01-03")[:length]
    names = ["000001.SZ", "300333.SZ", "600519.SH", "688001.SH"][:symbols]
    parts = []
    for j, name in enumerate(names):
        close = random.uniform(3, 60) * np.exp(random.normal(0, 0.03, length).cumsum())
        open_ = close * np.exp(random.normal(0, 0.02, length))
        high = np.maximum(open_, close) * (1 + random.uniform(0, 0.01, length))
        low = np.minimum(open_, close) * (1 - random.uniform(0, 0.01, length))
        halted = random.random(length) < 0.1
        frame = pd.DataFrame(
            {
                "symbol": name,
                "session": at,
                "open": open_,
                "high": high,
                "low": low,
                "close": close,
                "volume": np.where(halted | (random.random(length) < 0.1), 0.0, 1e6),
                "factor": 1.0 + 0.2 * (random.random(length) < 0.1).cumsum(),
                "suspended": halted,
            }
        )
        keep = random.random(length) > 0.1
        keep[: 0 if j == 0 else random.integers(0, 6)] = False
        keep[0] |= j == 0
        keep[-2] = True
        parts.append(frame[keep])
    bars = Bars.from_frame(pd.concat(parts))
    raw = random.dirichlet(np.ones(symbols + 1), length)[:, :symbols]
    raw[random.random(length) < 0.15] *= 0
    raw[random.random(raw.shape) < 0.5] = np.nan
    weights = pd.DataFrame(raw, index=at, columns=names)
    return bars, Weights(weights.loc[weights.index.isin(bars.sessions)], "random")


@pytest.fixture
def make_bars() -> Make:
    return bars_of


@pytest.fixture
def make_weights() -> Make:
    return weights_of


@pytest.fixture(scope="session")
def make_market() -> Make:
    return random_market
