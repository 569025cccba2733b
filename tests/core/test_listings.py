"""Since when, until when; half of it may be unknown."""

import pandas as pd
import pytest

from qushi.core import DataError, Listing

DAY, LATER = pd.Timestamp("2019-07-22"), pd.Timestamp("2024-06-03")


def test_listing_may_know_either_end_or_none():
    assert Listing() == Listing(None, None, "")
    assert Listing(DAY).delisted is None
    assert Listing(None, LATER).listed is None
    assert Listing(DAY, LATER, "name").name == "name"


@pytest.mark.parametrize("end", [DAY, DAY - pd.Timedelta(days=1)])
def test_listing_that_ends_before_it_begins_is_refused(end):
    with pytest.raises(DataError, match="listed on 2019-07-22 and gone on"):
        Listing(DAY, end)


@pytest.mark.parametrize("day", [pd.NaT, DAY.tz_localize("UTC"), DAY + pd.Timedelta(hours=9)])
def test_listing_with_a_clock_a_zone_or_no_day_is_refused(day):
    with pytest.raises(DataError, match=r"without zone or clock, received"):
        Listing(day)
    with pytest.raises(DataError, match=r"without zone or clock, received"):
        Listing(None, day)
