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
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pandas as pd

from ..core import Bars, Features, Settings
from ..core.hashing import hash_frame, hash_json
from . import _folds, _stated, labels, scaling, windows
from .base import Forecaster, write_whole

_FORMAT = 2
_LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "statsmodels", "ta", "torch")
"""A newer release of these may fit the same data to other numbers."""
_RUNNER = (_folds, _stated, labels, scaling, windows)


class FoldStore:
    """The folds of one model, seed and data set, in a folder below `root`."""

    def __init__(self, root: Path, name: str, key: str) -> None:
        plain = re.sub(r"[^\w.-]", "_", name)
        self.folder = root / f"{plain}-{key[:16]}"

    def read(self, fold: int) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        """Forecasts and fits of a finished fold, or None."""
        rows, fits = self._path("fold", fold), self._path("losses", fold)
        if not rows.exists():
            return None
        return pd.read_parquet(rows), pd.read_parquet(fits)

    def write(
        self, fold: int, rows: pd.DataFrame, fits: pd.DataFrame, models: Mapping[str, Forecaster]
    ) -> None:
        """Keep a finished fold and its models, and drop what the fits before it left behind.

        The forecasts come last: where they are, everything else is.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, model in models.items():
            model.save(self._models(fold) / name)
        for what, table in (("losses", fits), ("fold", rows)):
            content = io.BytesIO()
            table.to_parquet(content, index=False)
            write_whole(self._path(what, fold), content.getvalue())
        shutil.rmtree(self.folder / f"fit-{fold:04d}", ignore_errors=True)
        if fold:
            shutil.rmtree(self._models(fold - 1), ignore_errors=True)

    def models(self, fold: int) -> dict[str, Forecaster]:
        """The models of the latest finished fold, as they were after its fit."""
        folders = sorted(self._models(fold).iterdir())
        return {folder.name: Forecaster.load(folder) for folder in folders}

    def has_models(self, fold: int) -> bool:
        """Whether the models of a finished fold were kept."""
        return self._models(fold).is_dir()

    def scratch(self, fold: int, name: str) -> Path:
        """The folder in which the fit of a fold's model may keep its own state."""
        return self.folder / f"fit-{fold:04d}" / name

    def _models(self, fold: int) -> Path:
        return self.folder / f"models-{fold:04d}"

    def _path(self, what: str, fold: int) -> Path:
        return self.folder / f"{what}-{fold:04d}.parquet"


def fit_key(
    forecaster: Forecaster, settings: Settings, features: Features, bars: Bars, seed: int
) -> str:
    """Hash of everything that a fold's forecasts depend on, but its number."""
    from . import _walker  # it imports this module

    return hash_json(
        {
            "format": _FORMAT,
            "kind": forecaster.kind,
            "forecaster": forecaster.model_dump(mode="json"),
            "code": _code(forecaster),
            "libraries": [f"{name} {version(name)}" for name in _LIBRARIES],
            "runner": [_source(part) for part in (*_RUNNER, _walker, type(settings))],
            "walk_forward": settings.model_dump(mode="json"),
            "features": hash_frame(features.frame),
            "bars": bars.fingerprint,
            "calendar": bars.calendar,
            "seed": seed,
        }
    )


def _code(forecaster: Forecaster) -> list[str]:
    """What defines a model beside its settings: pre-trained weights, its source, that of its members."""
    cls = type(forecaster)
    found = [forecaster.rests_on]
    found += [_source(part) for part in cls.__mro__[: cls.__mro__.index(Forecaster)]]
    for member in getattr(forecaster, "parts", ()):
        found += _code(member)
    if cls.__module__.startswith(f"{__package__}."):
        here = Path(__file__).parent
        shared = sorted([*here.glob("*.py"), *here.glob("models/_*.py")])
        found += [hashlib.sha256(path.read_bytes()).hexdigest() for path in shared]
    return found


def _source(part: type | ModuleType) -> str:
    """Hash of the source file of a class or module; a class made in a session has its name only."""
    try:
        source = inspect.getsource(inspect.getmodule(part) or part)
    except (OSError, TypeError):
        source = part.__name__
    return hashlib.sha256(source.encode()).hexdigest()
