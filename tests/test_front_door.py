"""The names people import, and how long the command takes to answer."""

import ast
import subprocess
import sys
from pathlib import Path

import qushi

ROOT = Path(qushi.__file__).parent


def test_front_door_every_name_resolves_and_is_listed():
    for name in qushi.__all__:
        assert getattr(qushi, name).__name__ == name
    assert set(qushi.__all__) == set(qushi._HOMES)


def test_front_door_type_checkers_see_the_same_names():
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert seen == qushi._HOMES


def test_help_imports_nothing_heavy():
    heavy = (
        "torch",
        "pandas",
        "transformers",
        "backtrader",
        "quantstats",
        "akshare",
        "yfinance",
        "matplotlib",
    )
    code = (
        "import sys\n"
        "from qushi.app.cli import app\n"
        "try:\n"
        "    app(['--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        f"loaded = [m for m in {heavy!r} if m in sys.modules]\n"
        "sys.exit(repr(loaded) if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "backtest" in done.stdout
