"""What is shipped is what is here."""

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist and the wheel, built from a copy: nothing is left beside the sources."""
    here = tmp_path_factory.mktemp("built")
    left_out = shutil.ignore_patterns(
        ".*", "__pycache__", "build", "dist", "runs", "store", "*.egg-info"
    )
    shutil.copytree(ROOT, here / "source", ignore=left_out)
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        here / "dist",
        here / "source",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (here / "dist").glob("*.whl")
    (sdist,) = (here / "dist").glob("*.tar.gz")
    return wheel, sdist


def shipped():
    """What the wheel must hold of the package, as written in pyproject.toml."""
    setuptools = PROJECT["tool"]["setuptools"]
    found = set()
    for package in setuptools["packages"]:
        folder = ROOT.joinpath(*package.split(".")[1:])
        for pattern in ("*.py", *setuptools["package-data"].get(package, [])):
            found |= {f"qushi/{p.relative_to(ROOT).as_posix()}" for p in folder.glob(pattern)}
    return found


def test_wheel_holds_the_package_and_nothing_else(built):
    wheel, _ = built
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"qushi-{qushi.__version__}.dist-info"
    assert {n for n in names if not n.startswith(info)} == shipped()
    assert f"{info}/licenses/LICENSE" in names
    for needed in ("py.typed", "app/demo.toml", "market/sample/000300.SH.parquet"):
        assert f"qushi/{needed}" in names
    for folder in (
        "market/sample",
        "sentiment/sample",
        "sentiment/cleaning/tables",
        "sentiment/scorers/dictionaries",
        "reports/assets",
    ):
        there = {f"qushi/{folder}/{p.name}" for p in (ROOT / folder).iterdir() if p.is_file()}
        assert there <= names


def test_wheel_names_its_dependencies_and_its_command(built):
    wheel, _ = built
    with zipfile.ZipFile(wheel) as archive:
        info = f"qushi-{qushi.__version__}.dist-info"
        about = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        assert b"qushi = qushi.app.cli:main" in archive.read(f"{info}/entry_points.txt")
    asked = {r for r in about.get_all("Requires-Dist") if "extra ==" not in r}
    names = {re.split(r"[<>=\[ ;]", r)[0].lower() for r in asked}
    listed = PROJECT["project"]["dependencies"]
    assert names == {re.split(r"[<>=\[ ]", d)[0].lower() for d in listed}
    assert about["License-Expression"] == "GPL-3.0-or-later"


def test_wheel_unpacked_runs_from_another_folder(built, tmp_path):
    wheel, _ = built
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(code, *args):
        # What is on PYTHONPATH is found before an editable install.
        env = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", code, *args]
        done = subprocess.run(
            command, cwd=elsewhere, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    cli = "from qushi.app.cli import main; main()"
    where = Path(run("import qushi; print(qushi.__file__)"))
    assert where == tmp_path / "site" / "qushi" / "__init__.py"
    assert run(cli, "--version") == f"qushi {qushi.__version__}"
    assert run(cli, "data", "check", "000300.SH").startswith("1 symbol, ")
    assert list(elsewhere.iterdir()) == []


def test_sdist_holds_what_is_needed_to_build_again(built):
    _, sdist = built
    root = f"qushi-{qushi.__version__}"
    with tarfile.open(sdist) as archive:
        names = {m.name.removeprefix(f"{root}/") for m in archive.getmembers() if m.isfile()}
    assert {"LICENSE", "README.md", "pyproject.toml", "PKG-INFO"} <= names
    assert {n.removeprefix("qushi/") for n in shipped()} <= names
    assert not [n for n in names if n.startswith(("tests/", "tools/", "runs/", "store/", "."))]
