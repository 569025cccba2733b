"""The embedded bars are what their provenance says."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError
from qushi.core.calendar import sessions
from qushi.market import check_bars, load_bars
from qushi.market.sources import sample
from qushi.market.sources.sample import Sample

FOLDER = Path(sample.__file__).parent.parent / "sample"
PROVENANCE = (FOLDER / "PROVENANCE.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("symbol", Sample().symbols())
def test_sample_symbol_matches_its_provenance(symbol):
    bars = Sample().fetch(symbol)
    row = next(line for line in PROVENANCE.splitlines() if line.startswith(f"| `{symbol}.parquet`"))
    count, first, last = re.search(r"([\d,]+): ([\d-]+) … ([\d-]+)", row).groups()
    assert len(bars) == int(count.replace(",", ""))
    assert (str(bars.sessions[0].date()), str(bars.sessions[-1].date())) == (first, last)
    assert sessions(bars.calendar, first, last).equals(bars.sessions)
    assert bars.adjustment == "raw"
    assert bars.one(symbol)["factor"].iloc[0] == 1


def test_sample_folder_is_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_000_000


def test_sample_index_is_plausible():
    assert check_bars(Sample().fetch("000300.SH")) == ()


def test_sample_split_shows_in_traded_prices_only():
    bars = Sample().fetch("AAPL")
    split = pd.Timestamp("2005-02-28")  # two for one
    traded = bars.one("AAPL")["close"].pct_change()[split]
    adjusted = bars.adjusted("close")["AAPL"].pct_change()[split]
    assert traded < -0.45
    assert abs(adjusted) < 0.05
    factor = bars.one("AAPL")["factor"]
    np.testing.assert_allclose(factor[split] / factor.shift(1)[split], 2.0, rtol=1e-9)


def test_sample_unknown_symbol_names_the_nearest():
    with pytest.raises(DataError, match=r"'000300\.SH'"):
        Sample().fetch("000300.SZ")


def test_load_bars_several_symbols_are_one_value():
    class Listener:
        def __init__(self):
            self.steps = []

        def begin(self, task, total):
            self.steps.append((task, total))

        def advance(self, task, steps=1):
            self.steps.append((task, steps))

        def note(self, message):
            self.steps.append(message)

    heard = Listener()
    bars = load_bars(Sample(), ["MSFT", "AAPL"], "2010-01-01", "2010-12-31", progress=heard)
    assert bars.symbols == ("AAPL", "MSFT")
    assert heard.steps == [("bars", 2), ("bars", 1), ("bars", 1)]


def test_load_bars_two_markets_are_refused():
    with pytest.raises(DataError, match="calendar"):
        load_bars(Sample(), ["AAPL", "000300.SH"])


def test_load_bars_symbol_twice_is_refused():
    with pytest.raises(DataError, match="'AAPL' is asked for twice"):
        load_bars(Sample(), ["AAPL", "AAPL"])
