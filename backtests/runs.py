"""The store of runs: one folder a run, whole or absent.

A run is written into a hidden folder beside its place and renamed when it is complete.  A run with the
same name and inputs replaces the old one, which stays in place until the new one is whole.

    runs/<name>-<hash8>/  manifest.json  config.toml  orders.parquet  fills.parquet  equity.parquet ...
"""

import json
import platform
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from ..core import BacktestResult, ConfigError, DataError
from ..core.errors import near_names
from ..core.hashing import hash_json
from ..core.result import EQUITY

MANIFEST = "manifest.json"
TABLES = ("orders", "fills", "positions", "equity", "actions")
_PACKAGES = (
    "qushi",
    "accelerate",
    "backtrader",
    "exchange-calendars",
    "lightgbm",
    "numpy",
    "pandas",
    "pyarrow",
    "quantstats",
    "scikit-learn",
    "scipy",
    "statsmodels",
    "ta",
    "torch",
    "transformers",
)
_LISTED = ("name", "hash", "created", "seconds", "results", "folder")


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def results(self) -> tuple[str, ...]:
        """Names of the backtest results that the run holds."""
        return tuple(self.manifest.get("results", ()))


@dataclass
class OpenRun:
    """A run being written; every file goes into its temporary `folder`."""

    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """Where a file of the run is to be written by somebody else."""
        return self.folder / name

    def write_frame(self, name: str, frame: pd.DataFrame) -> Path:
        """`name`.parquet, index included."""
        path = self.path(f"{name}.parquet")
        frame.to_parquet(path)
        return path

    def write_json(self, name: str, value: Any) -> Path:
        """`name`.json; NaN becomes null, because JSON has none."""
        return self.write_text(f"{name}.json", _json(value))

    def write_text(self, name: str, text: str) -> Path:
        """A text file in UTF-8, `name` with its suffix."""
        path = self.path(name)
        path.write_text(text, encoding="utf-8")
        return path

    def write_results(self, results: Sequence[BacktestResult]) -> None:
        """Orders, fills, positions and equity of all results, told apart by a `strategy` column."""
        names = [r.name for r in results]
        if len(set(names)) != len(names):
            raise DataError(f"two results of one run share a name: {sorted(names)}")
        for table in TABLES if results else ():
            parts = [_labelled(getattr(r, table), r.name, table) for r in results]
            self.write_frame(table, pd.concat(parts, ignore_index=True))
        about = {
            r.name: {"initial_cash": r.initial_cash, "conditions": dict(r.conditions)} for r in results
        }
        self.write_json("results", about)
        self.facts["results"] = names

    def record(self, **facts: Any) -> None:
        """Facts for the manifest: seeds, fit windows, fingerprints."""
        self.facts.update(facts)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note in the manifest how many seconds a step took."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.durations[step] = self.durations.get(step, 0.0) + time.perf_counter() - began


class RunStore:
    """Runs below one root folder, which is made with the first run."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    @contextmanager
    def create(
        self,
        name: str,
        config_toml: str,
        inputs_hash: str,
        *,
        data: Mapping[str, str] | None = None,
        seeds: Sequence[int] = (),
    ) -> Iterator[OpenRun]:
        """Write a run: its folder appears when the block ends, and not at all when it fails.

        `inputs_hash` is a hash of everything that decides the run's content; `data` holds
        fingerprints by name.  The manifest is written at the end.
        """
        _check_name(name)
        if len(inputs_hash) < 8:
            raise ConfigError(f"inputs_hash must be a hash of 8 characters or more: {inputs_hash!r}")
        target = self.root / f"{name}-{inputs_hash[:8]}"
        work = self.root / f".new-{target.name}-{uuid.uuid4().hex[:8]}"
        work.mkdir(parents=True)
        began = time.perf_counter()
        run = OpenRun(work)
        try:
            run.write_text("config.toml", config_toml)
            yield run
            manifest = {
                "name": name,
                "hash": inputs_hash,
                "config_hash": hash_json([config_toml]),
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": round(time.perf_counter() - began, 3),
                "durations": {k: round(v, 3) for k, v in run.durations.items()},
                "data": dict(data or {}),
                "seeds": list(seeds),
                "versions": versions(),
                "results": [],
                **run.facts,
            }
            run.write_text(MANIFEST, _json(manifest))
            _put(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def list(self) -> pd.DataFrame:
        """One row a run, newest first: name, hash, created, seconds, results, folder."""
        rows = [
            (
                r.manifest["name"],
                r.manifest["hash"][:8],
                pd.Timestamp(r.manifest["created"]),
                float(r.manifest["seconds"]),
                len(r.results),
                str(r.folder),
            )
            for r in self._runs()
        ]
        table = pd.DataFrame(rows, columns=list(_LISTED))
        return table.sort_values(["created", "name"], ascending=[False, True], ignore_index=True)

    def show(self, name_prefix: str) -> Run:
        """The run whose folder or name is `name_prefix`, or the only one that begins with it.

        Of several runs with exactly this name, the newest.  Raises `ConfigError` with near names.
        """
        runs = self._runs()
        named = [r for r in runs if name_prefix in (r.folder.name, r.manifest["name"])]
        if named:
            return max(named, key=lambda r: (r.manifest["created"], r.folder.stat().st_mtime_ns))
        begun = [r for r in runs if r.folder.name.startswith(name_prefix)]
        if len(begun) == 1:
            return begun[0]
        names = [r.folder.name for r in begun]
        if names:
            raise ConfigError(f"several runs begin with {name_prefix!r}: {', '.join(sorted(names))}")
        known = [r.manifest["name"] for r in runs]
        raise ConfigError(f"no run {name_prefix!r} in {self.root}: {near_names(name_prefix, known)}")

    def _runs(self) -> Sequence[Run]:
        found = []
        for path in sorted(self.root.glob(f"[!.]*/{MANIFEST}")):
            found.append(Run(path.parent, json.loads(path.read_text(encoding="utf-8"))))
        return found


def read_result(folder: Path | str, name: str) -> BacktestResult:
    """One result of a finished run, its ledger checked again; `DataError` with near names."""
    where = Path(folder)
    listing = where / "results.json"
    if not listing.is_file():
        raise DataError(f"{where} holds no backtest results: give the folder of a run")
    about = json.loads(listing.read_text(encoding="utf-8"))
    if name not in about:
        raise DataError(f"no result {name!r} in {where.name}: {near_names(name, about)}")
    tables = {}
    for table in TABLES:
        frame = pd.read_parquet(where / f"{table}.parquet", filters=[("strategy", "==", name)])
        tables[table] = frame.drop(columns="strategy").reset_index(drop=True)
    equity = tables.pop("equity").set_index("session")[list(EQUITY)]
    return BacktestResult(
        name=name,
        initial_cash=float(about[name]["initial_cash"]),
        equity=equity,
        conditions=about[name]["conditions"],
        **tables,
    )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a number; absent ones are left out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _labelled(frame: pd.DataFrame, name: str, table: str) -> pd.DataFrame:
    if table == "equity":
        frame = frame.rename_axis("session").reset_index()
    return frame.assign(strategy=name)


def _check_name(name: str) -> None:
    if not name or name.startswith(".") or any(c in name for c in '/\\:*?"<>|\0'):
        raise ConfigError(f"a run's name becomes a folder, so {name!r} cannot be one: use letters and -")


def _put(work: Path, target: Path) -> None:
    """Rename `work` to `target`; an older run there gives way only now, and returns on failure."""
    if not target.exists():
        work.rename(target)
        return
    aside = target.with_name(f".old-{target.name}-{uuid.uuid4().hex[:8]}")
    target.rename(aside)
    try:
        work.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, pd.Timestamp | datetime | Path):
        return str(value)
    return value
