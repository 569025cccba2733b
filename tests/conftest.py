"""What tests of several folders share."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def shared_data(monkeypatch) -> Path:
    """The folder of real data that the project may not ship; without it such tests are skipped."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("QUSHI_SHARED_DATA", beside))
    if not (folder / "README.md").is_file():
        pytest.skip("the real data is not here: set QUSHI_SHARED_DATA to its folder")
    monkeypatch.setenv("QUSHI_SHARED_DATA", str(folder))
    return folder
