"""A clock that stands still."""

import pandas as pd
import pytest

from qushi.market import clock


@pytest.fixture
def at(monkeypatch):
    """Set the clock: `at("2024-01-05 20:00")` is that moment in UTC."""

    def stand(moment: str) -> None:
        monkeypatch.setattr(clock, "now", lambda: pd.Timestamp(moment, tz="UTC"))

    return stand
