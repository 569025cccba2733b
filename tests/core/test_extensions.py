import sys
import types

import pytest

from qushi.core import ConfigError
from qushi.core.extensions import build, find, kinds, outside
from qushi.strategies import Strategy


def test_kinds_lists_files_without_underscore():
    found = kinds("qushi.strategies")
    assert "trend_follow" in found
    assert all(not name.startswith("_") for name in found)


def test_find_unknown_kind_offers_near_name():
    with pytest.raises(ConfigError, match="did you mean 'trend_follow'"):
        find("qushi.strategies", "trend_folow", Strategy)


def test_find_every_kind_gives_one_class():
    for kind in kinds("qushi.strategies"):
        assert issubclass(find("qushi.strategies", kind, Strategy), Strategy)


def test_build_without_kind_says_so():
    with pytest.raises(ConfigError, match=r"\[\[strategies\]\] number 1: the key 'kind' is missing"):
        build("qushi.strategies", {}, Strategy, "[[strategies]] number 1")


def test_build_passes_settings_and_refuses_unknown_ones():
    with pytest.raises(ConfigError, match="unknown key 'entr': did you mean 'enter'"):
        build("qushi.strategies", {"kind": "trend_follow", "entr": 1}, Strategy, "here")


def test_find_outside_class_must_derive(monkeypatch):
    module = types.ModuleType("somewhere")
    module.Thing = type("Thing", (), {})
    monkeypatch.setitem(sys.modules, "somewhere", module)
    assert outside("somewhere:Thing") is module.Thing
    with pytest.raises(ConfigError, match="not a Strategy"):
        find("qushi.strategies", "somewhere:Thing", Strategy)
    with pytest.raises(ConfigError, match="no class 'Thin': did you mean 'Thing'"):
        outside("somewhere:Thin")


def test_outside_module_that_is_not_there_says_so():
    with pytest.raises(ConfigError, match="cannot import 'nowhere_at_all'"):
        outside("nowhere_at_all:Thing")
