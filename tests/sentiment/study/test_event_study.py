import numpy as np
import pytest

from qushi.sentiment.study._event_study import entries, event_study, paths
from qushi.sentiment.study._shuffles import shuffled_dates

NAN = np.nan


def test_entries_are_steps_into_the_zone_with_a_cool_down():
    inside = np.array([0, 1, 1, 0, 1, 0, 0, 1, 0, 1.0])
    assert entries(inside, 1).tolist() == [1, 4, 7, 9]
    assert entries(inside, 4).tolist() == [1, 7]


def test_entries_need_a_known_session_outside_before():
    assert entries(np.array([1, 1, 0, 1.0]), 1).tolist() == [3]
    assert entries(np.array([NAN, 1, 0, NAN, 1]), 1).tolist() == [4]
    assert entries(np.array([0, NAN, NAN, NAN]), 1).tolist() == []


def test_paths_look_back_from_the_close_and_earn_from_the_next_open():
    opened, closed = np.log([9.0, 11, 20, 26]), np.log([10.0, 12, 24, 30])
    found = paths(opened, closed, before=1, after=2)
    np.testing.assert_allclose(found[1], np.log([10 / 12, 1, 24 / 20, 30 / 20]))
    np.testing.assert_array_equal(np.isnan(found[0]), [True, False, False, False])
    np.testing.assert_array_equal(np.isnan(found[3]), [False, False, True, True])


def test_planted_rebound_stands_out_from_shuffled_dates_and_a_rise_does_not():
    random = np.random.default_rng(2)
    n = 600
    at = np.arange(30, 560, 40)
    steps = random.normal(0.002, 0.005, n)  # a market that rises anyway
    by = shuffled_dates(n, 199, seed=0)
    plain = np.cumsum(steps)
    nothing = event_study("panic", at, paths(plain, plain, 5, 10), 5, by)
    for start in at:
        steps[start + 2 : start + 5] += 0.01
    level = np.cumsum(steps)
    found = event_study("panic", at, paths(level, level, 5, 10), 5, by)
    after = found.table.set_index("offset")
    assert after.loc[4, "mean"] == pytest.approx(0.036, abs=0.01)
    assert after.loc[10, "p_shuffled"] < 0.02
    assert after.loc[10, "mean"] > after.loc[10, "high"]
    assert np.nanmax(np.abs(found.z)) > found.maxima.max()
    unmoved = nothing.table.set_index("offset").loc[10]
    assert unmoved["mean"] == pytest.approx(9 * 0.002, abs=0.01)
    assert unmoved["expected"] == pytest.approx(9 * 0.002, abs=0.004)
    assert unmoved["p_shuffled"] > 0.05


def test_error_is_the_one_across_events():
    around = np.array([[0.0, 1.0], [0.0, 3.0], [0.0, NAN], [0.0, 8.0]])
    by = shuffled_dates(4, 19, seed=0)
    table = event_study("calm", np.array([0, 1, 2]), around, 0, by).table
    assert table["events"].tolist() == [3, 2]
    assert table["mean"].tolist() == [0.0, 2.0]
    assert table["error"].iloc[1] == pytest.approx(np.sqrt(2) / np.sqrt(2))


def test_no_event_is_a_table_of_nan():
    found = event_study("calm", np.array([], dtype=int), np.zeros((40, 4)), 1, shuffled_dates(40, 19, 0))
    assert found.table["events"].tolist() == [0, 0, 0, 0]
    assert found.table["mean"].isna().all()
    assert np.isnan(found.z).all()
