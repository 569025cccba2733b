"""What is shipped is what is here."""

import re
import tomllib
from pathlib import Path

import qushi

ROOT = Path(qushi.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NAMED = {
    "backtrader",
    "torch",
    "pandas",
    "numpy",
    "ta",
    "akshare",
    "yfinance",
    "transformers",
    "quantstats",
}


def test_packages_every_folder_with_init_is_listed():
    skipped = {
        ".venv",
        ".typed",
        "build",
        "tests",
        "examples",
        "benchmarks",
        "tools",
        "docs",
        "runs",
        "store",
    }
    found = {"qushi"}
    for init in ROOT.rglob("__init__.py"):
        parts = init.parent.relative_to(ROOT).parts
        if parts and parts[0] not in skipped:
            found.add(".".join(("qushi", *parts)))
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found


def test_version_is_said_once():
    assert qushi.__version__ == PROJECT["project"]["version"]


def test_named_packages_are_dependencies_and_pinned():
    names = {re.split(r"[<>=\[ ]", d)[0].lower() for d in PROJECT["project"]["dependencies"]}
    assert names >= NAMED
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    assert {n.replace("_", "-") for n in names} <= pinned


def test_named_packages_are_imported_somewhere():
    sources = [
        p.read_text(encoding="utf-8")
        for folder in (
            "core",
            "market",
            "forecasters",
            "sentiment",
            "strategies",
            "backtests",
            "reports",
        )
        for p in (ROOT / folder).rglob("*.py")
    ]
    for name in NAMED:
        pattern = re.compile(rf"^\s*(import|from) {name}\b", re.MULTILINE)
        assert any(pattern.search(text) for text in sources), name
