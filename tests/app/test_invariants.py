"""Nothing at t sees past t, on the whole demo pipeline (invariants 1 and 2 of the house).

The demo experiment runs on bars and texts to mid 2022.  Then the future of a session t is cut off,
multiplied, shuffled or filled with fearful texts: panic, forecasts, weights, orders, fills and equity at
or before t must not move.
"""

import tomllib
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from qushi.app.classify import prepare_classifier
from qushi.app.config import parse_experiment
from qushi.app.experiment import compute
from qushi.app.inputs import load_inputs
from qushi.app.workspace import Workspace
from qushi.core import Bars, Texts
from qushi.core.calendar import CLOSES, ZONES

pytestmark = pytest.mark.slow

CUT = pd.Timestamp("2021-03-15")
AFTER_CLOSE = pd.Timestamp(f"{CUT:%Y-%m-%d} {CLOSES['XSHG']}", tz=ZONES["XSHG"])
NET = 1e-6  # a net trained again from the same seed


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    table = tomllib.loads((files("qushi.app") / "demo.toml").read_text(encoding="utf-8"))
    table["bars"] |= {"end": "2022-06-30"}
    experiment = parse_experiment(table)
    inputs = load_inputs(experiment)
    place = Workspace(tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("runs"))
    ready = prepare_classifier(experiment.settings.classifier, place)
    inputs = inputs.with_classifier(ready.classifier)
    return experiment, inputs, compute(experiment, inputs)


def after_cut(bars):
    return bars.frame.index.get_level_values("session") > CUT


def multiplied(bars):
    frame = bars.frame.copy()
    frame.loc[after_cut(bars), ["open", "high", "low", "close", "volume", "amount"]] *= 10
    return Bars(frame, bars.calendar, bars.adjustment)


def shuffled(bars):
    frame = bars.frame.copy()
    late = np.flatnonzero(after_cut(bars))
    order = np.random.default_rng(0).permutation(late)
    frame.iloc[late] = frame.iloc[order].to_numpy()
    return Bars.from_frame(frame, calendar=bars.calendar)


def fearful(texts):
    frame = texts.frame.copy()
    late = texts.available_at > AFTER_CLOSE
    frame.loc[late, "title"] = ""
    frame.loc[late, "body"] = [f"崩盘了，快跑，亏光了，全完了 {n}" for n in range(int(late.sum()))]
    return Texts.from_frame(frame, synthetic=texts.synthetic)


def assert_same_until_cut(full, other):
    known = full.panic.frame["session"] <= CUT
    left = full.panic.frame[known].reset_index(drop=True)
    right = other.panic.frame[other.panic.frame["session"] <= CUT].reset_index(drop=True)
    pd.testing.assert_frame_equal(left, right, rtol=0, atol=1e-6)

    left = full.forecasts.frame[full.forecasts.frame["session"] <= CUT].reset_index(drop=True)
    right = other.forecasts.frame[other.forecasts.frame["session"] <= CUT].reset_index(drop=True)
    assert set(left["model"]) == set(full.forecasts.models)
    net = left["model"] == "lstm"
    pd.testing.assert_frame_equal(left[net], right[net], rtol=0, atol=NET)
    pd.testing.assert_frame_equal(left[~net], right[~net], rtol=0, atol=1e-12)

    assert full.weights.keys() == other.weights.keys()
    for name, weights in full.weights.items():
        pd.testing.assert_frame_equal(weights.frame.loc[:CUT], other.weights[name].frame.loc[:CUT])

    by_name = {result.name: result for result in other.results}
    traded = 0
    for result in full.results:
        twin = by_name[result.name]
        traded += len(result.fills[result.fills["session"] <= CUT])
        for table, at in (("fills", "session"), ("positions", "session")):
            left, right = getattr(result, table), getattr(twin, table)
            pd.testing.assert_frame_equal(
                left[left[at] <= CUT].reset_index(drop=True),
                right[right[at] <= CUT].reset_index(drop=True),
            )
        left, right = result.orders, twin.orders
        pd.testing.assert_frame_equal(
            left[left["due"] <= CUT].reset_index(drop=True),
            right[right["due"] <= CUT].reset_index(drop=True),
        )
        # What was decided at the close of t itself is filled after it, but it must be the same decision.
        decision = ["decided", "symbol", "side"]
        pd.testing.assert_frame_equal(
            left.loc[left["decided"] <= CUT, decision].reset_index(drop=True),
            right.loc[right["decided"] <= CUT, decision].reset_index(drop=True),
        )
        pd.testing.assert_frame_equal(result.equity.loc[:CUT], twin.equity.loc[:CUT])
    assert traded > 100


def test_demo_truncated_after_t_changes_nothing_up_to_t(demo):
    experiment, inputs, full = demo
    cut = replace(inputs, bars=inputs.bars.between(None, CUT), texts=inputs.texts.until(AFTER_CLOSE))
    assert_same_until_cut(full, compute(experiment, cut))


@pytest.mark.parametrize("poison", [multiplied, shuffled])
def test_demo_poisoned_bars_after_t_change_nothing_up_to_t(demo, poison):
    experiment, inputs, full = demo
    bars = poison(inputs.bars)
    assert bars.fingerprint != inputs.bars.fingerprint
    assert_same_until_cut(full, compute(experiment, replace(inputs, bars=bars)))


def test_demo_poisoned_texts_after_t_change_nothing_up_to_t(demo):
    experiment, inputs, full = demo
    texts = fearful(inputs.texts)
    poisoned = compute(experiment, replace(inputs, texts=texts))
    assert_same_until_cut(full, poisoned)
    late = full.panic.one("market")["panic"].loc[CUT:]
    assert not late.equals(poisoned.panic.one("market")["panic"].loc[CUT:])


def test_demo_every_fit_ends_before_its_forecast(demo):
    _, _, full = demo
    frame = full.forecasts.frame
    assert (frame["fit_end"] <= frame["session"]).all()
    assert (frame["fit_start"] < frame["fit_end"]).all()


def test_demo_fills_come_after_decisions_at_the_open(demo):
    _, inputs, full = demo
    opens = inputs.bars.wide("open")["000300.SH"]
    for result in full.results:
        orders = result.orders.set_index("order")
        fills = result.fills
        assert (fills["session"].to_numpy() > orders.loc[fills["order"], "decided"].to_numpy()).all()
        np.testing.assert_allclose(fills["price"], opens.loc[fills["session"]])
