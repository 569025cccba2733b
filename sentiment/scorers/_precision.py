"""How a classifier computes: torch in float32, bfloat16 or int8, or ONNX Runtime in float32 or int8."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core import ConfigError
from ...core.compute import Device, choose_device
from ._batches import TOKENS, TOKENS_GPU, Inputs
from .scoring import Precision

Run = Callable[[Inputs], npt.NDArray[np.float64]]
"""Logits of a batch, texts x outputs."""

ONE_BY_ONE: tuple[Precision, ...] = ("onnx_int8",)
"""Kinds with one scale for a whole batch: each text goes alone, else neighbours change its score."""

SATURATES = (
    "this processor's products of 8-bit integers overflow (it has no VNNI): use precision 'float32' or "
    "'onnx'"
)
_SLOW = (
    "precision bfloat16: torch finds no bfloat16 arithmetic in this processor, float32 and int8 are "
    "several times faster on it"
)


@dataclass(frozen=True)
class Runner:
    """A model as a function of a batch, the tokens that such a batch should hold for each unit of
    `batch_size`, and what a person should know.
    """

    run: Run
    tokens: int = TOKENS
    notes: tuple[str, ...] = ()


def make_runner(
    model: Any, precision: Precision, device: Device, threads: int, exported: Callable[[bool], Path]
) -> Runner:
    """The model ready to compute.

    `exported(quantised)` gives the model's ONNX file and is asked for only where it is needed.  The
    model is changed and not to be used for anything else.  Raises `ConfigError` for a device that the
    precision does not take.
    """
    where = _device(precision, device)
    if precision in ("onnx", "onnx_int8"):
        from ._onnx import onnx_runner

        return Runner(onnx_runner(exported(precision == "onnx_int8"), threads))
    notes = (_SLOW,) if precision == "bfloat16" and not _has_bfloat16(where) else ()
    tokens = TOKENS if where.type == "cpu" else TOKENS_GPU
    return Runner(_torch_runner(model, precision, where), tokens, notes)


def _device(precision: Precision, device: Device) -> Any:
    if precision in ("float32", "bfloat16"):
        return choose_device(device)
    if device not in ("auto", "cpu"):
        raise ConfigError(f"precision {precision!r} computes on the CPU, received the device {device!r}")
    return choose_device("cpu")


def _torch_runner(model: Any, precision: Precision, device: Any) -> Run:
    import torch

    if precision == "bfloat16":
        model = model.to(torch.bfloat16)
    elif precision == "int8":
        from ._int8 import quantise

        quantise(model)
    model = model.to(device).eval()

    def run(inputs: Inputs) -> npt.NDArray[np.float64]:
        tensors = {name: torch.from_numpy(table).to(device) for name, table in inputs.items()}
        with torch.inference_mode():
            logits = model(**tensors).logits
        return np.asarray(logits.double().cpu().numpy())

    return run


def _has_bfloat16(device: Any) -> bool:
    import torch

    return device.type != "cpu" or bool(torch.cpu._is_avx512_bf16_supported())
