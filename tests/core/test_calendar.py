"""Sessions and the session a moment belongs to."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import ConfigError, DataError
from qushi.core.calendar import CLOSES, PER_YEAR, ZONES, calendar_of, session_of, sessions


@pytest.mark.parametrize(
    ("symbol", "calendar"),
    [
        ("600519.SH", "XSHG"), ("000001.SZ", "XSHG"), ("920002.BJ", "XSHG"), ("000300.sh", "XSHG"),
        ("0050.TW", "XTAI"), ("6488.TWO", "XTAI"), ("AAPL", "XNYS"), ("BRK.B", "XNYS"), ("SH", "XNYS"),
    ],
)  # fmt: skip
def test_calendar_of_reads_the_suffix(symbol, calendar):
    assert calendar_of(symbol) == calendar


@pytest.mark.parametrize(
    ("calendar", "day", "is_open"),
    [
        ("XSHG", "2024-02-08", True),
        ("XSHG", "2024-02-09", False),  # closed although a working day
        ("XSHG", "2024-02-04", False),  # a make-up Sunday
        ("XSHG", "2020-01-31", False),  # the holiday prolonged
        ("XNYS", "2012-10-29", False),  # the storm
        ("XNYS", "2024-11-29", True),  # half a day
        ("XTAI", "2024-07-24", False),  # the typhoon
    ],
)
def test_sessions_know_the_awkward_days(calendar, day, is_open):
    assert (len(sessions(calendar, day, day)) == 1) == is_open


@pytest.mark.parametrize("calendar", ZONES)
def test_sessions_are_sorted_unique_naive_midnights_on_weekdays(calendar):
    found = sessions(calendar)
    assert found.is_monotonic_increasing
    assert found.is_unique
    assert found.tz is None
    assert (found == found.normalize()).all()
    # Taiwan worked on some Saturdays until the nineties.
    recent = found[found >= "2018-01-01"]
    assert (recent.dayofweek < 5).all() or calendar == "XTAI"


@pytest.mark.parametrize("calendar", ZONES)
def test_sessions_a_year_are_what_is_stated(calendar):
    assert abs(len(sessions(calendar, "2006-01-01", "2025-12-31")) / 20 - PER_YEAR[calendar]) < 2.5


def test_sessions_of_the_us_reach_back_to_the_first_vendors_bars():
    assert sessions("XNYS")[0] == pd.Timestamp("1962-01-02")


def test_sessions_unknown_calendar_names_the_nearest():
    with pytest.raises(ConfigError, match="'XSHE': did you mean 'XSHG'"):
        sessions("XSHE")


def moment(text, zone="Asia/Shanghai"):
    return pd.DatetimeIndex([text], tz=zone)


@pytest.mark.parametrize(
    ("at", "cutoff", "expected"),
    [
        ("2024-02-08 09:00", "", "2024-02-08"),
        ("2024-02-08 15:00", "", "2024-02-08"),  # inclusive
        ("2024-02-08 15:00:01", "", "2024-02-19"),  # after the close, before the New Year
        ("2024-02-04 10:00", "", "2024-02-05"),  # a make-up Sunday
        ("2024-02-05 09:15:01", "09:15", "2024-02-06"),
        ("2024-02-05 09:15:00", "09:15:00", "2024-02-05"),
    ],
)
def test_session_of_is_the_first_whose_cutoff_is_not_past(at, cutoff, expected):
    assert str(session_of(moment(at), "XSHG", cutoff)[0].date()) == expected


def test_session_of_compares_in_the_exchanges_zone():
    same = pd.DatetimeIndex(["2024-02-08 07:00", "2024-02-08 07:00:01"], tz="UTC")
    local = same.tz_convert("America/New_York")
    assert session_of(same, "XSHG").tolist() == session_of(local, "XSHG").tolist()
    assert session_of(same, "XSHG")[0] < session_of(same, "XSHG")[1]


def test_session_of_new_york_follows_summer_time():
    at = pd.DatetimeIndex(["2024-07-01 20:00", "2024-01-02 20:30"], tz="UTC")
    assert [str(s.date()) for s in session_of(at, "XNYS")] == ["2024-07-01", "2024-01-02"]


def test_session_of_without_zone_is_refused():
    with pytest.raises(DataError, match="without a zone"):
        session_of(pd.DatetimeIndex(["2024-02-08 15:00"]), "XSHG")


def test_session_of_beyond_the_known_sessions_is_nat():
    assert session_of(moment("2199-01-01 10:00"), "XSHG").isna().all()


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 20 * 365 * 86_400), min_size=1, max_size=5),
    calendar=st.sampled_from(sorted(ZONES)),
)
def test_session_of_agrees_with_a_search_one_by_one(seconds, calendar):
    at = pd.DatetimeIndex(pd.Timestamp("2005-01-03", tz="UTC") + pd.to_timedelta(seconds, unit="s"))
    known = sessions(calendar, "2005-01-01", "2026-01-31")
    closes = (known + pd.Timedelta(f"{CLOSES[calendar]}:00")).tz_localize(ZONES[calendar])
    by_hand = [known[int(np.argmax(closes >= moment))] for moment in at]
    assert session_of(at, calendar).tolist() == by_hand
