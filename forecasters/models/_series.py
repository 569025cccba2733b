"""What the models of closing prices share: the closes that training covers, and parameters by symbol."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from ...core import FitError
from ..base import Arrays
from ..windows import Float64Array, Panel, Windows

Parameters = Mapping[str, Float64Array]
ALL = ""
"""Stands for all symbols together among the keys of `Parameters`."""


def training_closes(train: Windows) -> Iterator[tuple[str, Float64Array]]:
    """Symbol and log closes, from the first row of its first training window to the end of its last."""
    order = np.argsort(train.ends, kind="stable")
    ends, begins = train.ends[order], train.starts[order]
    for start, stop in train.panel.spans():
        own = ends[np.searchsorted(ends, start) : np.searchsorted(ends, stop)]
        if len(own):
            rows = slice(begins[np.searchsorted(ends, start)], own[-1] + 1)
            yield str(train.panel.symbols[start]), np.log(train.panel.close[rows])


def history(panel: Panel) -> Iterator[tuple[str, slice, Float64Array]]:
    """Symbol, its rows and all its log closes in the panel."""
    for start, stop in panel.spans():
        yield str(panel.symbols[start]), slice(start, stop), np.log(panel.close[start:stop])


def spread_of(steps: Float64Array, model: str) -> float:
    """Root mean square of some log returns; `FitError` where the price never moved."""
    spread = float(np.sqrt(np.mean(steps**2)))
    if spread == 0:
        raise FitError(f"{model}: the closes never move in training: use a longer training window")
    return spread


def pack(parameters: Parameters) -> Arrays:
    """Parameters by symbol as named arrays: their values, and their keys as text."""
    names = np.frombuffer("\n".join(parameters).encode(), dtype=np.uint8)
    return {"names": names, "values": np.stack(list(parameters.values()))} if parameters else {}


def unpack(state: Arrays) -> dict[str, Float64Array]:
    """The inverse of `pack`."""
    if not state:
        return {}
    names: npt.NDArray[np.uint8] = np.asarray(state["names"], dtype=np.uint8)
    values = np.asarray(state["values"], dtype=np.float64)
    return dict(zip(names.tobytes().decode().split("\n"), values, strict=True))
