from pathlib import Path

import pytest

from qushi.core import ConfigError
from qushi.core.places import expand


def test_expand_fills_in_home_and_variables(monkeypatch):
    monkeypatch.setenv("DATA_HERE", "/data")
    assert expand("${DATA_HERE}/a") == Path("/data/a")
    assert expand("~/a") == Path.home() / "a"


def test_expand_unset_variable_is_named(monkeypatch):
    monkeypatch.delenv("DATA_HERE", raising=False)
    with pytest.raises(ConfigError, match="DATA_HERE, which is not set"):
        expand("${DATA_HERE}/a")


def test_expand_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("DATA_HERE", "")
    with pytest.raises(ConfigError, match="DATA_HERE, which is not set"):
        expand("${DATA_HERE}/a")
