import pandas as pd
import pytest

from qushi.app.forecast_file import read_forecasts
from qushi.core import DataError
from qushi.market import load_bars
from qushi.market.sources.sample import Sample


@pytest.fixture(scope="module")
def bars():
    return load_bars(Sample(), ["000300.SH"], start="2024-01-02", end="2024-03-29")


def write(folder, text, name="mine.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_forecast_file_csv_with_probability_only(bars, tmp_path):
    path = write(tmp_path, "session,symbol,p_up\n2024-01-03,000300.SH,0.6\n2024-01-02,000300.SH,0.4\n")
    found = read_forecasts(path, bars)
    assert found.models == ("mine",)
    assert found.frame["p_up"].tolist() == [0.4, 0.6]
    assert found.frame["expected_return"].isna().all()
    assert found.frame["fit_end"].isna().all()


def test_forecast_file_parquet_of_a_run_reads_back(bars, tmp_path):
    table = pd.DataFrame(
        {
            "session": bars.sessions[:2],
            "symbol": "000300.SH",
            "expected_return": 0.01,
            "model": ["a", "b"],
        }
    )
    table.to_parquet(tmp_path / "f.parquet")
    assert read_forecasts(tmp_path / "f.parquet", bars).models == ("a", "b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("session,symbol\n2024-01-02,000300.SH\n", "give 'expected_return' or 'p_up'"),
        ("day,symbol,p_up\n2024-01-02,000300.SH,0.5\n", "lack the column 'session'"),
        ("session,symbol,p_up\n2024-01-02,000301.SH,0.5\n", "did you mean '000300.SH'"),
        ("session,symbol,p_up\n2024-01-02,000300.SH,1.2\n", "p_up must be within 0 and 1"),
        (
            "session,symbol,p_up\n2024-01-02,000300.SH,0.2\n2024-01-02,000300.SH,0.3\n",
            "two forecasts",
        ),
    ],
)
def test_forecast_file_that_cannot_be_used_says_why(bars, tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read_forecasts(write(tmp_path, text), bars)
