"""The generator of the sample: no text may lean on a return that was not known at its time."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qushi.core.calendar import sessions

TOOL = Path(__file__).parents[2] / "tools" / "write_sample_texts.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("write_sample_texts", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bars():
    days = sessions("XSHG", "2016-01-01", "2016-12-31")
    steps = np.random.default_rng(5).normal(0, 0.02, size=(len(days), 2)).cumsum(axis=0)
    return pd.DataFrame(100 * np.exp(steps), index=days, columns=["open", "close"])


@pytest.mark.parametrize("day", [100, 180])
def test_texts_before_the_close_are_blind_to_it(tool, bars, day):
    session = bars.index[day]
    poisoned = bars.copy()
    poisoned.loc[session, "close"] *= 0.5
    poisoned.iloc[day + 1 :] *= 0.1
    whole, other = tool.dated_texts(bars), tool.dated_texts(poisoned)
    # Draws are made session by session: everything of earlier sessions, and today until the close.
    close = session + pd.Timedelta("15:00:00")
    before = whole["time"] <= bars.index[day - 1] + pd.Timedelta("15:00:00")
    assert before.any()
    pd.testing.assert_frame_equal(whole[before], other[other["time"] <= whole["time"][before].max()])
    today = whole["time"].between(session, close)
    assert today.any()
    assert whole[today][["time", "audience"]].equals(other[other["time"].between(session, close)][
        ["time", "audience"]
    ])  # fmt: skip


def test_moods_before_the_close_do_not_know_the_close(tool, bars):
    poisoned = bars.copy()
    poisoned.iloc[150, 1] *= 0.5
    ours, other = tool.moods(bars), tool.moods(poisoned)
    columns = ["before", "stir"]
    pd.testing.assert_frame_equal(ours[columns].iloc[:151], other[columns].iloc[:151])
    pd.testing.assert_frame_equal(ours.iloc[:150], other.iloc[:150])
    assert ours["after"].iloc[150] != other["after"].iloc[150]


def test_labelled_texts_never_repeat_a_dated_one(tool, bars):
    dated = tool.dated_texts(bars)
    labelled = tool.labelled_texts(dated, size=300)
    assert not set(labelled["text"]) & set(dated["body"])
    assert labelled["text"].is_unique
    assert set(labelled["label"]) == {"neg", "neu", "pos"}


def test_shipped_texts_are_what_the_generator_writes(tool):
    root = TOOL.parents[1]
    dated = tool.dated_texts(tool.read_bars(root / "market" / "sample" / "000300.SH.parquet"))
    shipped = pd.read_csv(root / "sentiment" / "sample" / "texts.csv.gz", dtype=str)
    pd.testing.assert_frame_equal(dated.astype(str), shipped)
    labels = pd.read_csv(root / "sentiment" / "sample" / "labels.csv", dtype=str)
    pd.testing.assert_frame_equal(tool.labelled_texts(dated), labels, check_dtype=False)
