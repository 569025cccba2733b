"""Which session is over, by the exchange's own clock."""

import pytest

from qushi.market import clock


@pytest.mark.parametrize(
    ("calendar", "moment", "expected"),
    [
        ("XSHG", "2024-01-05 07:29", "2024-01-04"),  # 15:29 in Shanghai
        ("XSHG", "2024-01-05 07:30", "2024-01-05"),
        ("XSHG", "2024-01-07 12:00", "2024-01-05"),  # a Sunday
        ("XSHG", "2024-02-12 12:00", "2024-02-08"),  # New Year's week
        ("XNYS", "2024-01-05 21:29", "2024-01-04"),  # 16:29 in New York
        ("XNYS", "2024-01-05 21:30", "2024-01-05"),
        ("XNYS", "2024-07-05 20:30", "2024-07-05"),  # summer time
        ("XTAI", "2024-01-05 06:00", "2024-01-05"),
    ],
)
def test_last_finished_waits_for_the_close_to_settle(at, calendar, moment, expected):
    at(moment)
    assert str(clock.last_finished(calendar).date()) == expected
