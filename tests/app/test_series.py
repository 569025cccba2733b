from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from qushi.app.config import parse_experiment, read_experiment
from qushi.app.experiment import compute
from qushi.app.experiment_file import SeriesSettings
from qushi.app.inputs import load_inputs
from qushi.app.run import _fingerprints
from qushi.app.series import load_series, read_series
from qushi.core import Bars, ConfigError, DataError
from qushi.forecasters.series import ExternalSeries
from qushi.market import BarSource

BASE = {
    "name": "x",
    "bars": {
        "kind": "sample",
        "symbols": ["000300.SH"],
        "start": "2010-01-04",
        "end": "2012-12-31",
    },
    "features": {"indicators": [], "series": ["apple"]},
    "walk_forward": {"min_train": 200, "valid": 0},
    "series": [{"name": "apple", "symbol": "AAPL", "forms": ["return"]}],
    "forecasters": [{"kind": "ridge"}],
}
DAYS = "date,value\n2024-01-09,1.5\n2024-01-10,.\n2024-01-11,2.5\n"


def write(folder, text=DAYS, name="rate.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def settings(path, **more):
    return SeriesSettings.parse({"name": "rate", "file": path, **more}, "[[series]]")


def moments(series):
    return [moment.isoformat() for moment in series.values.index.tz_convert("UTC")]


def test_date_without_a_clock_counts_from_its_end_on_the_bars_exchange(tmp_path):
    found = read_series(settings(write(tmp_path)), "XSHG")
    assert moments(found)[0] == "2024-01-09T16:00:00+00:00"  # midnight in Shanghai
    at = pd.DatetimeIndex(["2024-01-09", "2024-01-10", "2024-01-11", "2024-01-12"])
    np.testing.assert_array_equal(found.at(at, "XSHG")[:, 0], [np.nan, 1.5, 1.5, 2.5])


def test_zone_and_time_of_publication_say_when_a_value_is_known(tmp_path):
    path = write(tmp_path)
    york = read_series(settings(path, zone="America/New_York"), "XSHG")
    assert moments(york)[0] == "2024-01-10T05:00:00+00:00"
    noon = read_series(settings(path, published="11:30"), "XSHG")
    assert moments(noon)[0] == "2024-01-09T03:30:00+00:00"
    assert noon.at(pd.DatetimeIndex(["2024-01-09"]), "XSHG")[0, 0] == 1.5


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("2024-01-09 14:30", "2024-01-09T06:30:00+00:00"),
        ("2024-01-09T14:30:00Z", "2024-01-09T14:30:00+00:00"),
        ("2024-01-09T14:30:00-05:00", "2024-01-09T19:30:00+00:00"),
        ("2024-01-09T00:00:00", "2024-01-09T16:00:00+00:00"),
        ("2024-01-09T00:00:00Z", "2024-01-10T00:00:00+00:00"),
        ("20240109", "2024-01-09T16:00:00+00:00"),
    ],
)
def test_clock_in_the_file_counts_and_midnight_is_a_date(tmp_path, written, known):
    path = write(tmp_path, f"date,value\n{written},1\n")
    assert moments(read_series(settings(path), "XSHG")) == [known]


def test_parquet_with_other_names_reads_the_same(tmp_path):
    table = pd.DataFrame(
        {"day": pd.to_datetime(["2024-01-11", "2024-01-09", "2024-01-10"]), "y": [2.5, 1.5, np.nan]}
    )
    table.to_parquet(tmp_path / "rate.parquet")
    told = settings(tmp_path / "rate.parquet", date="day", value="y")
    found = read_series(told, "XSHG")
    assert found.fingerprint == read_series(settings(write(tmp_path)), "XSHG").fingerprint


def test_date_format_reads_what_is_not_iso(tmp_path):
    path = write(tmp_path, "date,value\n09-01-24,1\n")
    found = read_series(settings(path, date_format="%d-%m-%y"), "XSHG")
    assert moments(found) == ["2024-01-09T16:00:00+00:00"]


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        (
            "date,value\n09/01/2024,1\n",
            {},
            "'09/01/2024' is not a date like 2024-01-31: set date_format",
        ),
        ("date,value\n,1\n", {}, "'' is not a date"),
        ("date,value\n2024-01-09,high\n", {}, "'high' in 'value' is not a number"),
        ("date,values\n2024-01-09,1\n", {}, "no column 'value': did you mean 'values'"),
        ("date,value\n2024-01-09,1\n2024-01-09,2\n", {}, "each of them once"),
        ("date,value\n2024-01-09,1\n", {"date_format": "%Y"}, "of the form '%Y'"),
    ],
)
def test_file_that_is_no_series_raises(tmp_path, text, more, said):
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=said):
        read_series(settings(path, **more), "XSHG")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "x"}, "either a 'symbol' or a 'file'"),
        ({"name": "x", "symbol": "AAPL", "file": "a.csv"}, "either a 'symbol' or a 'file'"),
        ({"name": "x", "file": "a.csv", "source": {"kind": "sample"}}, "leave out 'source'"),
        ({"name": "x", "symbol": "AAPL", "zone": "Asia/Shanghai"}, "leave out 'zone'"),
        ({"name": "x", "file": "a.csv", "zone": "Asia/Shanghay"}, "did you mean 'Asia/Shanghai'"),
        ({"name": "x", "file": "a.csv", "published": "25:00"}, "published"),
        ({"name": "x y", "file": "a.csv"}, "name"),
        ({"name": "x", "file": "a.csv", "lag": -1}, "lag"),
    ],
)
def test_series_table_that_cannot_be_is_a_config_error(table, said):
    with pytest.raises(ConfigError, match=said):
        parse_experiment({**BASE, "features": {}, "series": [table]})


def test_series_that_no_table_has_is_a_config_error_with_a_near_name():
    with pytest.raises(ConfigError, match=r"no \[\[series\]\] 'aple': did you mean 'apple'"):
        parse_experiment({**BASE, "features": {"series": ["aple"]}})
    with pytest.raises(ConfigError, match="use each of them once"):
        parse_experiment({**BASE, "series": BASE["series"] * 2})


def test_source_of_a_series_has_no_window_of_its_own():
    table = {"name": "apple", "symbol": "AAPL", "source": {"kind": "sample", "start": "2011-01-03"}}
    with pytest.raises(ConfigError, match=r"\[series.source\] has no symbols, start or end"):
        parse_experiment({**BASE, "series": [table]})


def test_series_are_written_out_and_read_back_with_paths_from_the_file(tmp_path):
    text = (
        'name = "x"\n[bars]\nkind = "sample"\nsymbols = ["000300.SH"]\n'
        '[features]\nseries = ["rate", "apple"]\n'
        '[[series]]\nname = "rate"\nfile = "rate.csv"\npublished = "09:30"\n'
        '[[series]]\nname = "apple"\nsymbol = "AAPL"\n[series.source]\nkind = "csv"\nfolder = "us"\n'
        'adjustment = "raw"\n'
    )
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    found = read_experiment(tmp_path / "x.toml")
    assert found.settings.series[0].file == tmp_path / "rate.csv"
    assert found.settings.series[1].source["folder"] == str(tmp_path / "us")
    (tmp_path / "y.toml").write_text(found.to_toml(), encoding="utf-8")
    assert read_experiment(tmp_path / "y.toml").to_toml() == found.to_toml()


def test_series_of_another_symbol_is_loaded_and_its_content_marks_the_run():
    experiment = parse_experiment(BASE)
    inputs = load_inputs(experiment)
    (apple,) = inputs.series
    closes = experiment.source.fetch("AAPL", *experiment.window).one("AAPL")
    adjusted = closes["close"] * closes["factor"]
    np.testing.assert_array_equal(apple.values, adjusted)
    close = datetime(2010, 1, 4, 21, 0, tzinfo=UTC)  # 16:00 in New York
    assert apple.values.index[0] == pd.Timestamp(close)
    changed = replace(inputs, series=(replace(apple, values=apple.values * 2),))
    assert _fingerprints(inputs)["series apple"] != _fingerprints(changed)["series apple"]
    assert load_inputs(parse_experiment({**BASE, "features": {}})).series == ()


class Halted(BarSource):
    """Taipei bars of a name that does not say so; the second session is suspended."""

    def fetch(self, symbol, start=None, end=None):
        at = pd.to_datetime(["2010-01-04", "2010-01-05", "2010-01-06"])
        table = pd.DataFrame({"session": at, "symbol": symbol, "volume": [1.0, 0.0, 1.0]})
        table[["open", "high", "low", "close"]] = [[10.0] * 4, [10.0] * 4, [11.0] * 4]
        table["suspended"] = [False, True, False]
        return Bars.from_frame(table, calendar="XTAI")


def test_series_of_a_symbol_leaves_out_suspended_sessions_and_keeps_its_own_calendar():
    experiment = replace(parse_experiment(BASE), series_sources={"apple": Halted()})
    (found,) = load_series(experiment, load_inputs(parse_experiment(BASE)).bars)
    assert found.values.tolist() == [10.0, 11.0]
    assert found.values.index[0] == pd.Timestamp("2010-01-04 13:30", tz="Asia/Taipei")


def test_model_finds_what_only_the_series_tells_and_never_what_it_will_tell():
    """Tomorrow's return of the bars planted into a series: known a session before, or a session late."""
    experiment = parse_experiment(
        {
            **BASE,
            "features": {"indicators": [], "series": ["told"]},
            "series": [{"name": "told", "file": "none.csv"}],
        }
    )
    inputs = load_inputs(replace(experiment, forecasters=()))
    opens = inputs.bars.adjusted("open")["000300.SH"]
    ahead = np.log(opens.shift(-2) / opens.shift(-1)).dropna()
    early = ExternalSeries.of_closes("told", ahead, "XSHG")
    quality = {}
    for lag in (0, 2):
        told = replace(inputs, series=(replace(early, lag=lag),))
        quality[lag] = compute(experiment, told).quality["ic"].iloc[0]
    assert quality[0] > 0.9
    assert abs(quality[2]) < 0.3


@pytest.mark.parametrize("future", ["cut", "poisoned"])
def test_forecasts_with_a_series_do_not_see_past_the_session(future):
    experiment = parse_experiment(BASE)
    inputs = load_inputs(experiment)
    (apple,) = inputs.series
    session = pd.Timestamp("2012-03-15")
    now = pd.Timestamp("2012-03-15 15:00", tz="Asia/Shanghai")
    known = apple.values.index <= now
    kept = apple.values[known] if future == "cut" else apple.values.where(known, 1.0)
    bars = inputs.bars.between(None, session) if future == "cut" else inputs.bars
    other = replace(inputs, bars=bars, series=(replace(apple, values=kept),))
    one, two = (compute(experiment, given).forecasts.frame for given in (inputs, other))
    left, right = (f[f["session"] <= session].reset_index(drop=True) for f in (one, two))
    assert len(left) > 50
    pd.testing.assert_frame_equal(left, right)
    if future == "poisoned":
        assert not one.equals(two)
