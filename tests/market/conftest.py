"""Where the real data lies, and a clock that stands still."""

import os
from pathlib import Path

import pandas as pd
import pytest

from qushi.market import clock


@pytest.fixture(scope="session")
def shared_data() -> Path:
    fallback = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("QUSHI_SHARED_DATA", fallback))
    if not (folder / "README.md").is_file():
        pytest.skip("the real data is not here: set QUSHI_SHARED_DATA to its folder")
    os.environ["QUSHI_SHARED_DATA"] = str(folder)
    return folder


@pytest.fixture
def at(monkeypatch):
    """Set the clock: `at("2024-01-05 20:00")` is that moment in UTC."""

    def stand(moment: str) -> None:
        monkeypatch.setattr(clock, "now", lambda: pd.Timestamp(moment, tz="UTC"))

    return stand
