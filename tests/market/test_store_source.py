import pandas as pd
import pytest

from qushi.core import Bars, DataError
from qushi.core.calendar import sessions
from qushi.market import BarStore
from qushi.market.sources.store import StoredBars


@pytest.fixture
def root(tmp_path):
    at = sessions("XSHG", "2024-01-02", "2024-01-08")
    bars = Bars.from_frame(
        pd.DataFrame(
            {"symbol": "600519.SH", "session": at, "open": 9.0, "high": 10.0, "low": 8.0, "close": 9.5}
        ).assign(volume=100.0)
    )
    BarStore(tmp_path).write("akshare", bars)
    return tmp_path


def test_stored_bars_are_read_by_name_symbol_and_window(root):
    source = StoredBars(name="akshare", root=str(root))
    assert source.symbols() == ("600519.SH",)
    found = source.fetch("600519.SH", "2024-01-03", "2024-01-04")
    assert [f"{s:%m-%d}" for s in found.sessions] == ["01-03", "01-04"]


def test_stored_bars_unknown_name_offers_near_one(root):
    with pytest.raises(DataError, match="did you mean 'akshare'"):
        StoredBars(name="akshar", root=str(root)).fetch("600519.SH")


def test_stored_bars_root_takes_environment(root, monkeypatch):
    monkeypatch.setenv("MY_BARS", str(root))
    assert len(StoredBars(name="akshare", root="${MY_BARS}").fetch("600519.SH")) == 5
