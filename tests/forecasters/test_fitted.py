"""A trained model: what the walk-forward would say, kept whole, and never asked about its own past."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, ConfigError, DataError, LookAheadError
from qushi.forecasters import FeatureSet, WalkForward
from qushi.forecasters.fitted import FittedModel
from qushi.forecasters.models.gru import GRU
from qushi.forecasters.models.last_value import LastValue
from qushi.forecasters.models.ridge import Ridge

FEATURES = FeatureSet(returns=[1, 2], volatility=[5], volume=[], calendar=True, indicators=["bollinger"])
PROTOCOL = WalkForward(horizon=2, lookback=4, min_train=120, valid=40)


@pytest.fixture
def pair(market):
    """Two symbols; one starts later, misses sessions and has suspended rows."""
    second = market(rows=520, seed=1, symbol="000001.SZ", start="2010-04-01")
    second = second.drop(index=range(300, 306)).reset_index(drop=True)
    second["suspended"] = False
    second.loc[400:402, "suspended"] = True
    second.loc[400:402, "volume"] = 0.0
    return Bars.from_frame(pd.concat([market(rows=560).assign(suspended=False), second]))


def fit(bars, model=None, settings=PROTOCOL, **given):
    model = model or Ridge()
    return FittedModel.fit("m", model, FEATURES, FEATURES.build(bars), bars, settings, **given)


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (Ridge(), {}),
        (Ridge(target="close"), {"steps": "all"}),
        (Ridge(), {"pool": "symbol", "scaling": "robust"}),
        (LastValue(), {"valid": 0, "embargo": 3}),
        (GRU(hidden=[4], epochs=2, patience=1), {}),
    ],
)
def test_fitted_says_of_the_newest_session_what_a_walk_forward_starting_there_says(pair, model, changes):
    settings = PROTOCOL.model_copy(update=changes)
    found = fit(pair, model, settings).predict(pair).frame
    walk = settings.model_copy(update={"start": pair.sessions[-1].date()})
    expected = walk.run("m", model, FEATURES.build(pair), pair).frame
    pd.testing.assert_frame_equal(found[list(expected)], expected, check_exact=True)


def test_fitted_records_its_window_and_what_it_needs(pair):
    fitted = fit(pair)
    newest = pair.sessions[-1]
    assert fitted.fit_end == newest, "the newest label ends at the newest open"
    assert fitted.fit_start < newest
    assert (fitted.symbols, fitted.calendar) == (pair.symbols, "XSHG")
    assert fitted.parts[0].scaler.end < np.datetime64(fitted.fit_end), "validation is not scaled on"
    assert fitted.losses["train_loss"].isna().all()


@pytest.mark.parametrize("model", [Ridge(), GRU(hidden=[4], epochs=2)])
def test_fitted_saved_loads_in_another_process_to_the_same_forecasts(pair, model, tmp_path):
    settings = PROTOCOL.model_copy(update={"pool": "symbol", "start": pair.sessions[400].date()})
    fitted = fit(pair.between(None, pair.sessions[450]), model, settings)
    fitted.save(tmp_path / "model")
    pair.frame.reset_index().to_parquet(tmp_path / "bars.parquet")
    code = (
        "import sys, pathlib, pandas as pd\n"
        "from qushi.core import Bars\n"
        "from qushi.forecasters.fitted import FittedModel\n"
        "here = pathlib.Path(sys.argv[1])\n"
        "bars = Bars.from_frame(pd.read_parquet(here / 'bars.parquet'))\n"
        "found = FittedModel.load(here / 'model').predict(bars, sessions=bars.sessions[450:])\n"
        "found.frame.to_parquet(here / 'found.parquet')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    expected = fitted.predict(pair, sessions=pair.sessions[450:]).frame
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "found.parquet"), expected, check_exact=True
    )


def test_fitted_loaded_is_what_was_saved(pair, tmp_path):
    fitted = fit(pair, GRU(hidden=[4], epochs=2), seed=3)
    fitted.save(tmp_path / "model")
    loaded = FittedModel.load(tmp_path / "model")
    for name in ("name", "seed", "settings", "features", "symbols", "calendar", "fit_start", "key"):
        assert getattr(loaded, name) == getattr(fitted, name), name
    assert loaded.fit_end == fitted.fit_end
    assert loaded.versions == fitted.versions
    assert loaded.stale == ()
    pd.testing.assert_frame_equal(loaded.losses, fitted.losses, check_exact=True)
    assert {p.suffix for p in (tmp_path / "model").rglob("*") if p.is_file()} == {
        ".json",
        ".safetensors",
    }


def test_fitted_future_poisoned_or_cut_changes_no_forecast(pair):
    fitted = fit(pair.between(None, pair.sessions[450]))
    asked = pair.sessions[450:480]
    expected = fitted.predict(pair, sessions=asked).frame
    frame = pair.frame.reset_index()
    later = frame["session"] > asked[-1]
    poisoned = frame.copy()
    prices = ["open", "high", "low", "close"]
    poisoned.loc[later, prices] *= np.random.default_rng(0).uniform(1, 9, (int(later.sum()), 1))
    for bars in (poisoned, frame[~later]):
        found = fitted.predict(Bars.from_frame(bars), sessions=asked).frame
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_fitted_training_on_bars_cut_at_t_is_not_changed_by_what_came_after(pair):
    cut = pair.sessions[450]
    frame = pair.frame.reset_index()
    later = frame["session"] > cut
    frame.loc[later, ["open", "high", "low", "close"]] *= 3
    one, two = (fit(bars.between(None, cut)) for bars in (pair, Bars.from_frame(frame)))
    assert one.key == two.key
    assert one.predict(pair, sessions=[cut]).frame.equals(two.predict(pair, sessions=[cut]).frame)


def test_fitted_session_before_the_end_of_its_fit_is_refused(pair):
    fitted = fit(pair)
    with pytest.raises(LookAheadError, match="trained on prices up to"):
        fitted.predict(pair, sessions=[pair.sessions[-2]])
    with pytest.raises(LookAheadError):
        fitted.predict(pair.between(None, pair.sessions[-2]))


def test_fitted_bad_input_is_answered_with_a_sentence(pair, market, tmp_path):
    fitted = fit(pair)
    american = market(rows=20, symbol="AAPL").assign(session=pd.bdate_range("2023-03-01", periods=20))
    with pytest.raises(DataError, match="no bars on 2030"):
        fitted.predict(pair, sessions=[pd.Timestamp("2030-01-02")])
    with pytest.raises(DataError, match="was trained on bars of XSHG"):
        fitted.predict(Bars.from_frame(american))
    other = FEATURES.model_copy(update={"returns": (1, 3)})
    with pytest.raises(DataError, match="received return_1, return_3"):
        fitted.table(other.build(pair), pair)
    with pytest.raises(DataError, match="holds no trained model"):
        FittedModel.load(tmp_path)
    with pytest.raises(DataError, match="too short a history"):
        fit(pair.between(None, pair.sessions[120]))


def test_fitted_save_replaces_a_model_and_nothing_else(pair, tmp_path):
    fitted = fit(pair)
    folder = tmp_path / "model"
    fitted.save(folder)
    fitted.save(folder)
    assert [p.name for p in tmp_path.iterdir()] == ["model"], "nothing unfinished is left"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("do not lose me")
    with pytest.raises(DataError, match="holds something else"):
        fitted.save(mine)
    assert (mine / "thesis.txt").exists()


def test_fitted_save_that_fails_leaves_the_old_model(pair, tmp_path, monkeypatch):
    fitted = fit(pair)
    folder = tmp_path / "model"
    fitted.save(folder)
    before = (folder / "fitted.json").read_bytes()

    def fail(self, path):
        raise OSError("no space left")

    monkeypatch.setattr(Ridge, "save", fail)
    with pytest.raises(OSError, match="no space"):
        fitted.save(folder)
    assert (folder / "fitted.json").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_fitted_other_format_asks_to_train_again(pair, tmp_path):
    fit(pair).save(tmp_path / "model")
    path = tmp_path / "model" / "fitted.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "format": 0}))
    with pytest.raises(DataError, match="train the model again"):
        FittedModel.load(tmp_path / "model")
    facts["walk_forward"]["horizn"] = 1
    path.write_text(json.dumps(facts))
    with pytest.raises(ConfigError, match="horizn"):
        FittedModel.load(tmp_path / "model")


def test_fitted_interrupted_fit_goes_on_to_the_same_model(pair, tmp_path):
    class Stop:
        steps = 0

        def begin(self, task, total):
            pass

        def advance(self, task, steps=1):
            self.steps += steps
            if self.steps == 2:
                raise KeyboardInterrupt

        def note(self, message):
            pass

    model = GRU(hidden=[4], epochs=4, patience=4)
    expected = fit(pair, model)
    with pytest.raises(KeyboardInterrupt):
        fit(pair, model, checkpoint=tmp_path, progress=Stop())
    assert list(tmp_path.rglob("*.safetensors")), "the first epochs are kept"
    resumed = fit(pair, model, checkpoint=tmp_path)
    assert resumed.predict(pair).frame.equals(expected.predict(pair).frame)
    pd.testing.assert_frame_equal(resumed.losses, expected.losses, check_exact=True)
