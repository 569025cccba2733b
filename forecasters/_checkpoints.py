"""Finished folds on disk, so that an interrupted walk-forward goes on where it stopped.

A fold is kept under a key that changes with everything it depends on: settings, data, seed, the source
code of the model and of the walk-forward itself, and the versions of the libraries that fit.  One
Parquet file a fold, whole or absent.
"""

import hashlib
import inspect
import io
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pandas as pd

from ..core import Bars, Features, Settings
from ..core.hashing import hash_frame, hash_json
from . import _folds, labels, scaling, windows
from .base import Forecaster, write_whole

_FORMAT = 1
_LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "statsmodels", "ta", "torch")
"""A newer release of these may fit the same data to other numbers."""


class FoldStore:
    """The folds of one model, seed and data set, in a folder below `root`."""

    def __init__(self, root: Path, name: str, key: str) -> None:
        plain = re.sub(r"[^\w.-]", "_", name)
        self.folder = root / f"{plain}-{key[:16]}"

    def read(self, fold: int) -> pd.DataFrame | None:
        """The rows of a finished fold, or None."""
        path = self._path(fold)
        return pd.read_parquet(path) if path.exists() else None

    def write(self, fold: int, rows: pd.DataFrame) -> None:
        """Keep a finished fold, and drop what its fit left behind."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        rows.to_parquet(content, index=False)
        write_whole(self._path(fold), content.getvalue())
        shutil.rmtree(self.scratch(fold), ignore_errors=True)

    def scratch(self, fold: int) -> Path:
        """The folder in which the fit of a fold may keep its own state."""
        return self.folder / f"fit-{fold:04d}"

    def _path(self, fold: int) -> Path:
        return self.folder / f"fold-{fold:04d}.parquet"


def fit_key(
    forecaster: Forecaster, settings: Settings, features: Features, bars: Bars, seed: int
) -> str:
    """Hash of everything that a fold's forecasts depend on, but its number."""
    return hash_json(
        {
            "format": _FORMAT,
            "kind": forecaster.kind,
            "forecaster": forecaster.model_dump(mode="json"),
            "code": _code(type(forecaster)),
            "libraries": [f"{name} {version(name)}" for name in _LIBRARIES],
            "runner": [_source(part) for part in (_folds, labels, scaling, windows, type(settings))],
            "walk_forward": settings.model_dump(mode="json"),
            "features": hash_frame(features.frame),
            "bars": bars.fingerprint,
            "calendar": bars.calendar,
            "seed": seed,
        }
    )


def _code(cls: type[Forecaster]) -> list[str]:
    """Hashes of the source files that define a model, its bases included."""
    return [_source(part) for part in cls.__mro__[: cls.__mro__.index(Forecaster)]]


def _source(part: type | ModuleType) -> str:
    """Hash of the source file of a class or module; a class made in a session has its name only."""
    try:
        source = inspect.getsource(inspect.getmodule(part) or part)
    except (OSError, TypeError):
        source = part.__name__
    return hashlib.sha256(source.encode()).hexdigest()
