import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.core import DataError
from qushi.core.calendar import CLOSES, ZONES, sessions
from qushi.forecasters.series import ExternalSeries, chosen_series

FORMS = ("level", "change", "return")


def closes(calendar, start="2024-01-02", end="2024-03-29", first=100.0):
    at = sessions(calendar, start, end)
    return pd.Series(first + np.arange(len(at), dtype=float), index=at)


def dated(days, values, zone="Asia/Shanghai", **more):
    return ExternalSeries("x", pd.Series(values, index=pd.DatetimeIndex(days, tz=zone)), **more)


def level(series, day, calendar="XSHG"):
    return series.at(pd.DatetimeIndex([day]), calendar)[0, 0]


def test_close_of_new_york_is_known_in_shanghai_the_session_after():
    held = closes("XNYS")
    series = ExternalSeries.of_closes("york", held, "XNYS")
    assert level(series, "2024-01-10") == held["2024-01-09"]  # and not that of the 10th
    assert level(series, "2024-01-15") == held["2024-01-12"]  # a Monday knows Friday
    assert level(series, "2024-01-16") == held["2024-01-12"]  # New York was closed on the 15th


def test_close_of_shanghai_is_known_in_new_york_on_its_own_day():
    held = closes("XSHG")
    series = ExternalSeries.of_closes("shanghai", held, "XSHG")
    assert level(series, "2024-01-10", "XNYS") == held["2024-01-10"]


def test_close_of_taipei_is_known_in_shanghai_on_its_own_day_and_not_the_other_way_round():
    taipei, shanghai = closes("XTAI"), closes("XSHG")
    east = ExternalSeries.of_closes("taipei", taipei, "XTAI")
    west = ExternalSeries.of_closes("shanghai", shanghai, "XSHG")
    assert level(east, "2024-01-10") == taipei["2024-01-10"]
    assert level(west, "2024-01-10", "XTAI") == shanghai["2024-01-09"]


def test_close_of_the_same_exchange_is_known_at_the_same_close():
    held = closes("XSHG")
    series = ExternalSeries.of_closes("own", held, "XSHG")
    found = series.at(pd.DatetimeIndex(held.index), "XSHG")
    np.testing.assert_array_equal(found[:, 0], held)


@pytest.mark.parametrize("other", ["XNYS", "XTAI", "XSHG"])
@pytest.mark.parametrize("calendar", ["XNYS", "XTAI", "XSHG"])
def test_value_known_is_the_last_one_whose_close_is_over(calendar, other):
    """The same, computed moment by moment in UTC."""
    held = closes(other)
    series = ExternalSeries.of_closes("x", held, other, max_age=60)
    ends = {d: pd.Timestamp(f"{d:%Y-%m-%d} {CLOSES[other]}", tz=ZONES[other]) for d in held.index}
    for day in sessions(calendar, "2024-01-08", "2024-03-29"):
        now = pd.Timestamp(f"{day:%Y-%m-%d} {CLOSES[calendar]}", tz=ZONES[calendar])
        expected = held[max(d for d, end in ends.items() if end <= now)]
        assert level(series, day, calendar) == expected


def test_lag_waits_sessions_of_the_bars():
    series = dated(["2024-02-06 12:00", "2024-02-07 12:00", "2024-02-08 12:00"], [1.0, 2.0, 3.0])
    waits = dataclasses.replace(series, lag=2)
    assert level(waits, "2024-02-08") == 1.0
    assert level(waits, "2024-02-19") == 2.0  # the session after the holiday, two after the 7th
    assert np.isnan(level(waits, "2024-02-07"))


def test_value_after_the_close_belongs_to_the_next_session():
    series = dated(["2024-01-10 15:00", "2024-01-11 15:00:01"], [1.0, 2.0])
    assert level(series, "2024-01-10") == 1.0
    assert level(series, "2024-01-11") == 1.0
    assert level(series, "2024-01-12") == 2.0


def test_stale_value_is_not_known():
    series = dated(["2024-01-10 12:00"], [1.0], max_age=2)
    at = pd.DatetimeIndex(["2024-01-09", "2024-01-10", "2024-01-11", "2024-01-12", "2024-01-15"])
    np.testing.assert_array_equal(series.at(at, "XSHG")[:, 1], [0, 1, 1, 1, 0])


def test_of_several_values_of_one_session_the_last_one_stands():
    series = dated(["2024-01-12 16:00", "2024-01-13 09:00", "2024-01-15 14:00"], [1.0, 2.0, 3.0])
    assert level(series, "2024-01-15") == 3.0


def test_missing_value_is_passed_over():
    series = dated(["2024-01-10 12:00", "2024-01-11 12:00"], [1.0, np.nan])
    assert level(series, "2024-01-11") == 1.0


def test_forms_are_differences_of_what_was_known_from_session_to_session():
    series = dated(["2024-01-09 12:00", "2024-01-10 12:00", "2024-01-12 12:00"], [2.0, 3.0, -1.0])
    series = dataclasses.replace(series, forms=FORMS)
    at = pd.DatetimeIndex(["2024-01-09", "2024-01-10", "2024-01-11", "2024-01-12"])
    assert series.columns[2:] == (
        *("series_x_change", "series_x_change_known"),
        *("series_x_return", "series_x_return_known"),
    )
    found = series.at(at, "XSHG")
    np.testing.assert_array_equal(found[:, 0], [2, 3, 3, -1])
    np.testing.assert_array_equal(found[:, 2], [np.nan, 1, 0, -4])
    np.testing.assert_allclose(found[:, 4], [np.nan, np.log(1.5), 0, np.nan])
    np.testing.assert_array_equal(found[:, 5], [0, 1, 1, 0])


def test_change_over_a_long_holiday_comes_at_once():
    held = closes("XNYS")
    series = ExternalSeries.of_closes("york", held, "XNYS", ("change",))
    # Shanghai was closed from the 9th to the 18th of February.
    expected = held["2024-02-16"] - held["2024-02-07"]
    assert level(series, "2024-02-19") == expected


@given(cut=st.integers(5, 55), seed=st.integers(0, 50))
def test_series_cut_short_is_bit_equal_up_to_the_cut(cut, seed):
    random = np.random.default_rng(seed)
    hours = np.unique(random.integers(0, 24 * 90, 60))
    moments = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(hours, unit="h")
    series = ExternalSeries("x", pd.Series(random.normal(size=len(hours)), index=moments), FORMS)
    at = sessions("XSHG", "2024-01-02", "2024-03-29")
    now = pd.Timestamp(f"{at[cut]:%Y-%m-%d} 15:00", tz=ZONES["XSHG"])
    part = dataclasses.replace(series, values=series.values[moments <= now])
    stained = dataclasses.replace(series, values=series.values.where(moments <= now, 9.0))
    whole = series.at(at, "XSHG")[: cut + 1]
    np.testing.assert_array_equal(part.at(at, "XSHG")[: cut + 1], whole)
    np.testing.assert_array_equal(stained.at(at, "XSHG")[: cut + 1], whole)


def test_planted_leak_of_the_same_date_is_caught():
    """New York's close joined by its date: what a plain merge on dates does."""
    held = closes("XNYS")
    leaking = held.set_axis(held.index.tz_localize(ZONES["XSHG"]))
    joined = ExternalSeries("york", leaking)
    with pytest.raises(AssertionError):
        assert level(joined, "2024-01-10") == held["2024-01-09"]


def test_series_without_values_is_never_known():
    series = dated([], np.array([], dtype=float), forms=FORMS)
    found = series.at(sessions("XSHG", "2024-01-02", "2024-01-05"), "XSHG")
    assert np.isnan(found[:, ::2]).all()
    assert (found[:, 1::2] == 0).all()


def test_value_after_the_last_session_of_the_calendar_is_left_out():
    last = sessions("XSHG")[-1]
    late = last.tz_localize("Asia/Shanghai") + pd.Timedelta(days=30)
    series = dated(["2024-01-10 12:00", late], [1.0, 2.0])
    assert level(series, "2024-01-10") == 1.0
    assert np.isnan(level(series, last))


@pytest.mark.parametrize(
    ("days", "values", "more", "said"),
    [
        (["2024-01-10", "2024-01-09"], [1.0, 2.0], {}, "ascending"),
        (["2024-01-10", "2024-01-10"], [1.0, 2.0], {}, "each of them once"),
        (["2024-01-10"], [np.inf], {}, "infinite"),
        (["2024-01-10"], [1.0], {"lag": -1}, "below 0"),
        (["2024-01-10"], [1.0], {"forms": ("levels",)}, "choose from level"),
        (["2024-01-10"], [1.0], {"forms": ()}, "choose from level"),
    ],
)
def test_series_that_cannot_be_raises(days, values, more, said):
    with pytest.raises(DataError, match=said):
        dated(days, values, **more)


def test_series_without_a_zone_raises():
    with pytest.raises(DataError, match="with a zone"):
        dated(["2024-01-10"], [1.0], zone=None)


def test_chosen_series_come_in_the_order_asked_and_unknown_ones_raise():
    held = [dataclasses.replace(dated(["2024-01-10"], [1.0]), name=name) for name in ("vix", "rate")]
    assert [one.name for one in chosen_series(("rate", "vix"), held)] == ["rate", "vix"]
    with pytest.raises(DataError, match="no external series 'vx': did you mean 'vix'"):
        chosen_series(("vx",), held)
    with pytest.raises(DataError, match="none is available"):
        chosen_series(("vix",), [])


def test_fingerprint_says_content_whatever_the_zone():
    one = dated(["2024-01-10 12:00"], [1.0])
    same = dataclasses.replace(one, values=one.values.tz_convert("UTC"))
    other = dated(["2024-01-10 12:01"], [1.0])
    assert one.fingerprint == same.fingerprint != other.fingerprint
