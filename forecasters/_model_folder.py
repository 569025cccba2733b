"""A trained model on disk: JSON and safetensors only, whole or absent, and reading it never runs code.

fitted.json                     name, protocol, features, fit window, versions, losses
part-0000/forecaster.json       the model's kind and settings
part-0000/state.safetensors     what it learned
part-0000/scaler.safetensors    what the features are scaled with
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core import DataError
from ._parts import Part
from .base import Forecaster, write_whole
from .scaling import Scaler

_FORMAT = 1
FACTS = "fitted.json"
_SCALER = "scaler.safetensors"


def write_folder(folder: Path, parts: Sequence[Part], facts: Mapping[str, Any]) -> None:
    """Write beside the folder and rename; a trained model that is there already is replaced.

    Raises `DataError` where something else is in the way.
    """
    if not (folder / FACTS).is_file() and (
        folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    ):
        raise DataError(f"{folder} holds something else than a trained model: choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.unfinished")
    before = folder.with_name(f".{folder.name}.{os.getpid()}.before")
    try:
        _write(unfinished, parts, facts)
        if folder.exists():
            os.replace(folder, before)
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def _write(folder: Path, parts: Sequence[Part], facts: Mapping[str, Any]) -> None:
    from safetensors.numpy import save

    for number, part in enumerate(parts):
        own = folder / f"part-{number:04d}"
        part.forecaster.save(own)
        state = {k: np.array(v, order="C") for k, v in part.scaler.state().items()}
        write_whole(own / _SCALER, save(state))
    whole = {
        "format": _FORMAT,
        "columns": list(parts[0].scaler.names),
        "parts": [{"symbol": p.symbol, "first": p.first, "stop": p.stop} for p in parts],
        **facts,
    }
    text = json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False)
    write_whole(folder / FACTS, text.encode())


def read_folder(folder: Path) -> tuple[tuple[Part, ...], dict[str, Any]]:
    """Parts and facts; `DataError` where the folder holds no trained model that can be read."""
    from safetensors.numpy import load

    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"{folder} holds no trained model: {FACTS} is missing; `qushi train` writes one"
        ) from None
    except ValueError as error:
        raise DataError(f"{folder / FACTS} cannot be read: {error}; train the model again") from None
    if facts.get("format") != _FORMAT:
        raise DataError(
            f"{folder} has the format {facts.get('format')!r}, this version reads {_FORMAT}: train the "
            "model again"
        )
    names, parts = tuple(facts["columns"]), []
    for number, part in enumerate(facts["parts"]):
        own = folder / f"part-{number:04d}"
        model = Forecaster.load(own)
        try:
            scaler = Scaler.restore(load((own / _SCALER).read_bytes()), names)
        except FileNotFoundError:
            raise DataError(f"{own} lacks {_SCALER}: train the model again") from None
        parts.append(Part(model, scaler, part["symbol"], part["first"], part["stop"]))
    return tuple(parts), facts
