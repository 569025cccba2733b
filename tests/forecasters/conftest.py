"""Small markets made by hand and by a seeded random walk."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, PanicIndex
from qushi.core.calendar import sessions

MakeFrame = Callable[..., pd.DataFrame]


def random_frame(
    rows: int = 700, seed: int = 0, symbol: str = "000300.SH", start: str = "2010-01-04"
) -> pd.DataFrame:
    random = np.random.default_rng([seed, *symbol.encode()])
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.015, rows)))
    opening = close * np.exp(random.normal(0, 0.006, rows))
    top, bottom = np.maximum(opening, close), np.minimum(opening, close)
    return pd.DataFrame(
        {
            "symbol": symbol,
            "session": sessions("XSHG", start)[:rows],
            "open": opening,
            "high": top * np.exp(np.abs(random.normal(0, 0.004, rows))),
            "low": bottom * np.exp(-np.abs(random.normal(0, 0.004, rows))),
            "close": close,
            "volume": np.exp(random.normal(12, 0.5, rows)),
            "factor": 1.0,
        }
    )


@pytest.fixture
def market() -> MakeFrame:
    """A function that makes the bars' table of a random walk."""
    return random_frame


@pytest.fixture
def bars() -> Bars:
    return Bars.from_frame(random_frame())


@pytest.fixture
def two_symbols() -> Bars:
    """Two symbols; one starts later, misses sessions and has suspended rows."""
    second = random_frame(rows=600, seed=1, symbol="600519.SH", start="2010-04-01")
    second = second.drop(index=range(300, 312)).reset_index(drop=True)
    second["suspended"] = False
    second.loc[400:404, "suspended"] = True
    second.loc[400:404, "volume"] = 0.0
    first = random_frame().assign(suspended=False)
    return Bars.from_frame(pd.concat([first, second]))


@pytest.fixture
def panic_of() -> Callable[[Bars], PanicIndex]:
    """A function that makes a panic index with gaps for all sessions of some bars."""

    def make(bars: Bars) -> PanicIndex:
        random = np.random.default_rng(7)
        parts = []
        for audience in ("all", "institution", "public"):
            n = len(bars.sessions)
            panic = np.where(random.random(n) < 0.3, np.nan, random.uniform(0, 100, n))
            parts.append(
                pd.DataFrame(
                    {
                        "scope": "market",
                        "audience": audience,
                        "session": bars.sessions,
                        "texts": 3,
                        "effective": 6.0,
                        "session_bearishness": 0.0,
                        "bearishness": 0.0,
                        "panic": panic,
                        "z": np.where(np.isnan(panic), np.nan, (panic - 50) / 25),
                        "attention": np.where(random.random(n) < 0.1, np.nan, random.normal(size=n)),
                        "agreement": 0.5,
                        "quality": "ok",
                    }
                )
            )
        return PanicIndex(pd.concat(parts, ignore_index=True))

    return make
