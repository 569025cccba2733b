"""Stable content hashes: same content, same hash, on every machine and in every process.

Used to name runs, key caches and prove that two results stand on the same data and conditions.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted(str(v) for v in value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, date | Path):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"cannot hash a {type(value).__name__} stably: {value!r}")


def hash_json(value: Mapping[str, Any] | list[Any] | tuple[Any, ...]) -> str:
    """SHA-256 (hex, 64 characters) of a JSON-like value, whatever the order of its keys.

    >>> hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1})
    True
    """
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_frame(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of a frame's index, column names, types and values, in their order."""
    digest = hashlib.sha256()
    flat = frame.reset_index() if frame.index.names != [None] else frame
    for name in flat.columns:
        column = flat[name]
        digest.update(f"{name}:{column.dtype}:{len(column)};".encode())
        digest.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
