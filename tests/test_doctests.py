"""Every example in a docstring runs.

Found by walking the package: `--doctest-modules` by path would import each file a second time under
another name.
"""

import doctest
import importlib
import pkgutil

import pytest

import qushi

SHIPPED = ("core", "market", "forecasters", "sentiment", "strategies", "backtests", "reports", "app")
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(qushi.__path__, "qushi.") if m.name.split(".")[1] in SHIPPED
)


@pytest.mark.parametrize("name", MODULES)
def test_doctest(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert failed == 0


def test_doctests_walk_finds_the_whole_package():
    assert len(MODULES) > 50
