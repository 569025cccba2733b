"""What every forecaster must pass, whatever it is: one more file in models/ is tested by being there."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars
from qushi.forecasters import FeatureSet, Forecaster, Prediction, WalkForward
from qushi.forecasters.models.ema import EMA
from small_models import KINDS, is_net, model_of

FEATURES = FeatureSet(returns=[1, 5], volatility=[5], volume=[5], indicators=["bollinger"])
WALK = WalkForward(lookback=5, min_train=150, valid=40, refit_every=90)


def walked(kind, bars):
    return WALK.walk(kind, model_of(kind), FEATURES.build(bars), bars, keep_last=True)


def run(kind, bars):
    return walked(kind, bars).forecasts.frame


def assert_same_forecasts(kind, one, other):
    assert list(zip(one["symbol"], one["session"], strict=True)) == list(
        zip(other["symbol"], other["session"], strict=True)
    )
    for column in ("expected_return", "p_up"):
        if is_net(kind):
            np.testing.assert_allclose(one[column], other[column], rtol=0, atol=1e-6)
        else:
            np.testing.assert_array_equal(one[column], other[column])
    for column in ("fold", "fit_start", "fit_end"):
        assert one[column].tolist() == other[column].tolist()


def until(frame, session):
    return frame[frame["session"] <= session].reset_index(drop=True)


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    """Every kind; of this scope, so that all tests of a kind run one after another."""
    return request.param


@pytest.fixture(scope="module")
def whole():
    """Forecasts on all bars, computed once a kind."""
    return {}


def whole_walk(whole, kind, bars):
    if kind not in whole:
        whole[kind] = walked(kind, bars)
    return whole[kind]


def whole_run(whole, kind, bars):
    return whole_walk(whole, kind, bars).forecasts.frame


@pytest.mark.parametrize("cut", [290, 420, 533])
def test_forecasts_on_bars_cut_short_are_the_same_up_to_the_cut(whole, kind, cut, two_symbols):
    session = two_symbols.sessions[cut]
    part = run(kind, two_symbols.between(None, session))
    assert part["session"].max() == session
    assert_same_forecasts(kind, part, until(whole_run(whole, kind, two_symbols), session))


@pytest.mark.parametrize("poison", ["times_ten", "shuffled"])
def test_forecasts_with_a_poisoned_future_are_the_same_before_it(whole, kind, poison, two_symbols):
    session = two_symbols.sessions[450]
    frame = two_symbols.frame.reset_index()
    future = (frame["session"] > session) & ~frame["suspended"]
    columns = ["open", "high", "low", "close", "volume"]
    if poison == "times_ten":
        frame.loc[future, columns] *= 10.0
    else:
        frame.loc[future, columns] = frame.loc[future, columns].sample(frac=1, random_state=2).to_numpy()
    stained = run(kind, Bars.from_frame(frame))
    clean = whole_run(whole, kind, two_symbols)
    assert_same_forecasts(kind, until(stained, session), until(clean, session))


class Planted(EMA):
    """Looks at rows of its fold that come after the decision; the two tests above must see it."""

    leak: str

    def predict(self, windows):
        if self.leak == "standardised_over_the_fold":
            found = super().predict(windows).value
            return Prediction(value=(found - found.mean()) / found.std())
        close = windows.panel.close
        tomorrow = np.minimum(windows.ends + 1, len(close) - 1)
        return Prediction(value=np.log(close[tomorrow] / windows.close))


@pytest.mark.parametrize("leak", ["standardised_over_the_fold", "tomorrow"])
def test_planted_leak_in_a_forecaster_is_caught(monkeypatch, leak, two_symbols):
    monkeypatch.setitem(globals(), "model_of", lambda kind: Planted(leak=leak))
    kept = {}
    with pytest.raises(AssertionError):
        test_forecasts_on_bars_cut_short_are_the_same_up_to_the_cut(kept, "ema", 420, two_symbols)
    with pytest.raises(AssertionError):
        test_forecasts_with_a_poisoned_future_are_the_same_before_it(
            kept, "ema", "times_ten", two_symbols
        )


def test_forecasts_under_one_seed_are_bit_equal_and_leave_their_inputs_unchanged(
    whole, kind, two_symbols
):
    features = FEATURES.build(two_symbols)
    model = model_of(kind)
    before = two_symbols.fingerprint, features.values.tobytes(), model.model_dump(), model.state()
    again = WALK.run(kind, model, features, two_symbols).frame
    after = two_symbols.fingerprint, features.values.tobytes(), model.model_dump(), model.state()
    assert before == after
    pd.testing.assert_frame_equal(again, whole_run(whole, kind, two_symbols), check_exact=True)


def test_run_forecasts_all_symbols_and_never_fits_past_a_decision(whole, kind, two_symbols):
    found = whole_run(whole, kind, two_symbols)
    assert set(found["symbol"]) == set(two_symbols.symbols)
    assert (found["fit_end"] <= found["session"]).all()
    assert (found["fit_start"] < found["fit_end"]).all()
    assert found["fold"].nunique() > 2
    answered = found["expected_return"].notna() | found["p_up"].notna()
    assert answered.all()


def test_saved_model_answers_like_the_one_that_was_saved(whole, tmp_path, kind, two_symbols):
    last = whole_walk(whole, kind, two_symbols).last
    model, windows = last.model, last.windows
    assert windows.targets is None
    model.save(tmp_path / "saved")
    names = {p.suffix for p in (tmp_path / "saved").iterdir()}
    assert names == {".json", ".safetensors"}
    loaded = Forecaster.load(tmp_path / "saved")
    assert loaded.model_dump() == model.model_dump()
    one, other = model.predict(windows), loaded.predict(windows)
    for name in ("value", "p_up", "p_down", "quantiles"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert len(a) == len(windows)
            np.testing.assert_array_equal(a, b)


def test_package_is_imported_without_the_heavy_libraries():
    code = (
        "import sys, qushi.forecasters; "
        "print([m for m in ('torch', 'sklearn', 'ta', 'safetensors', 'pyarrow.parquet', "
        "'lightgbm', 'statsmodels') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


ELSEWHERE = """
import sys
from pathlib import Path
import numpy as np
from qushi.forecasters import Forecaster, Windows
from qushi.forecasters.windows import Panel

for folder in sorted(Path(sys.argv[1]).iterdir()):
    kept = np.load(folder / "windows.npz", allow_pickle=True)
    panel = Panel(*(kept[n] for n in ("values", "names", "close", "symbols", "sessions", "first")))
    windows = Windows(panel, kept["ends"], int(kept["lookback"]))
    found = Forecaster.load(folder / "model").predict(windows)
    parts = {n: getattr(found, n) for n in ("value", "p_up", "p_down", "quantiles")}
    np.savez(folder / "elsewhere.npz", **{n: v for n, v in parts.items() if v is not None})
"""


def test_models_loaded_in_a_new_process_answer_bit_for_bit_the_same(tmp_path, two_symbols):
    features = FEATURES.build(two_symbols)
    walk = WALK.model_copy(update={"refit_every": 1000})
    expected = {}
    for kind in KINDS:
        last = walk.walk(kind, model_of(kind), features, two_symbols, keep_last=True).last
        panel, ends = last.windows.panel, last.windows.ends
        folder = tmp_path / kind
        last.model.save(folder / "model")
        np.savez(
            folder / "windows.npz",
            values=panel.values,
            names=np.array(panel.names),
            close=panel.close,
            symbols=panel.symbols,
            sessions=panel.sessions,
            first=panel.first,
            ends=ends,
            lookback=last.windows.lookback,
        )
        expected[kind] = last.model.predict(last.windows)
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(tmp_path)], check=True)
    for kind, one in expected.items():
        other = np.load(tmp_path / kind / "elsewhere.npz")
        answered = [n for n in ("value", "p_up", "p_down", "quantiles") if getattr(one, n) is not None]
        assert sorted(other.files) == sorted(answered)
        for name in answered:
            np.testing.assert_array_equal(other[name], getattr(one, name), err_msg=f"{kind}: {name}")
