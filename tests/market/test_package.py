"""The room's front door: its names, its weight, its kinds."""

import subprocess
import sys

import qushi.market as market
from qushi.core.extensions import find, kinds
from qushi.market import BarSource


def test_market_all_names_are_there():
    assert len(set(market.__all__)) == len(market.__all__)
    assert all(hasattr(market, name) for name in market.__all__)


def test_market_import_loads_no_network_library():
    code = (
        "import sys, qushi.market, qushi.market.sources.akshare, qushi.market.sources.yahoo;"
        "print([m for m in ('akshare', 'yfinance', 'requests', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_market_sources_are_found_by_file_name():
    assert {"akshare", "csv", "parquet", "sample", "yahoo"} <= set(kinds("qushi.market.sources"))
    for kind in kinds("qushi.market.sources"):
        assert issubclass(find("qushi.market.sources", kind, BarSource), BarSource)
