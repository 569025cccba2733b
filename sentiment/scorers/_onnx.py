"""Classifiers for ONNX Runtime: exported once, kept in the store, checked against torch.

The exported graph takes any number of texts of any length.  What is kept is named by the model's
content and by the releases that made it, and is written whole or not at all; a graph whose answers are
not those of torch is refused.  int8: weights in 8 bits with a scale a column, activations in 8 bits with
one scale a call.

Needs the extra `onnx`.
"""

import importlib.util
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core import ConfigError, MissingExtraError
from ...core.hashing import hash_json
from ...core.places import store_folder
from ._batches import Inputs
from ._precision import SATURATES, Run

_TOLERANCE = 1e-3
_PACKAGES = ("onnxruntime", "onnx", "onnxscript")


def exported(model: Any, names: list[str], content: list[str], quantised: bool) -> Path:
    """The ONNX file of a torch model, made where the store has none; `names` are its inputs.

    Raises `MissingExtraError` without the extra, `ConfigError` for a model that cannot be exported.
    """
    _check_installed()
    made_by = [version(name) for name in ("torch", "transformers", *_PACKAGES)]
    mark = hash_json([content, names, made_by])[:16]
    folder = store_folder() / "classifiers" / "onnx" / mark
    plain = folder / "model.onnx"
    if not plain.is_file():
        with _whole(folder) as unfinished:
            _export(model, names, unfinished / "model.onnx")
    if not quantised:
        return plain
    if _largest_product() != 255 * 127 * 256:
        raise ConfigError(SATURATES)
    small = folder / "int8" / "model.onnx"
    if not small.is_file():
        with _whole(small.parent) as unfinished:
            _quantise(plain, unfinished / "model.onnx")
    return small


def onnx_runner(graph: Path | bytes, threads: int) -> Run:
    """An ONNX file as a function of a batch, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(graph) if isinstance(graph, Path) else graph, options, providers=["CPUExecutionProvider"]
    )
    wanted = {one.name for one in session.get_inputs()}

    def run(inputs: Inputs) -> npt.NDArray[np.float64]:
        given = {name: table for name, table in inputs.items() if name in wanted}
        return np.asarray(session.run(None, given)[0], dtype=np.float64)

    return run


def _check_installed() -> None:
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "onnx", "an ONNX precision")


def _export(model: Any, names: list[str], path: Path) -> None:
    import torch

    model = model.float().cpu().eval()
    inputs = _example(names, rows=3, length=16)
    given = {name: torch.from_numpy(table) for name, table in inputs.items()}
    axes = {name: {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC} for name in names}
    try:
        with _quiet():
            torch.onnx.export(
                _logits_of(model, names),
                tuple(given.values()),
                path,
                input_names=names,
                output_names=["logits"],
                dynamic_shapes=(tuple(axes.values()),),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter raises whatever the model's own code meets
        raise _cannot(f"this {type(model).__name__} cannot be exported to ONNX", error) from error
    _check_answers(model, names, path)


def _logits_of(model: Any, names: list[str]) -> Any:
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tables: Any) -> Any:
            return self.model(**dict(zip(names, tables, strict=True))).logits

    return Logits()


def _check_answers(model: Any, names: list[str], path: Path) -> None:
    """The file answers as the model does, for a number and a length of texts it was not made with."""
    import torch

    run = onnx_runner(path, threads=1)
    for rows, length in ((1, 5), (4, 24)):
        inputs = _example(names, rows, length)
        given = {name: torch.from_numpy(table) for name, table in inputs.items()}
        with torch.inference_mode():
            truth = model(**given).logits.numpy()
        gap = float(np.abs(run(inputs) - truth).max())
        if not gap < _TOLERANCE:
            raise ConfigError(
                f"the ONNX export of this {type(model).__name__} is off by {gap:.2g} in a logit: use "
                "precision 'float32' or 'int8'"
            )


def _example(names: list[str], rows: int, length: int) -> Inputs:
    """Inputs of a shape; the last text is padded by a third."""
    ids = np.arange(rows * length, dtype=np.int64).reshape(rows, length) % 50 + 5
    mask = np.ones_like(ids)
    mask[-1, length - length // 3 :] = 0
    known = {"input_ids": ids, "attention_mask": mask}
    return {name: known.get(name, np.zeros_like(ids)) for name in names}


def _largest_product() -> int:
    """What ONNX Runtime makes of 256 times 255 * 127, the largest an 8-bit layer can meet."""
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("MatMulInteger", ["left", "right"], ["product"])
    left = helper.make_tensor_value_info("left", TensorProto.UINT8, [16, 256])
    right = helper.make_tensor_value_info("right", TensorProto.INT8, [256, 16])
    product = helper.make_tensor_value_info("product", TensorProto.INT32, [16, 16])
    graph = helper.make_graph([node], "largest", [left, right], [product])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    inputs: Any = {
        "left": np.full((16, 256), 255, dtype=np.uint8),
        "right": np.full((256, 16), 127, dtype=np.int8),
    }
    return int(onnx_runner(model.SerializeToString(), threads=1)(inputs).min())


def _quantise(plain: Path, target: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = onnx.load(plain)
    del graph.graph.value_info[:]  # the exporter's shapes contradict those that the quantiser infers
    try:
        with _quiet():
            quantize_dynamic(
                graph,
                target,
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                weight_type=QuantType.QInt8,
            )
    except Exception as error:  # as above; a graph of more than 2 GiB among others
        raise _cannot("this model's ONNX graph cannot be put in 8 bits", error) from error


def _cannot(what: str, error: Exception) -> ConfigError:
    reason = " ".join(str(error).split())[:200]
    return ConfigError(f"{what} ({reason}): use precision 'float32' or 'int8'")


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder to fill that takes its name when it is full; another process may have been faster."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unfinished-") as name:
        inner = Path(name) / "whole"
        inner.mkdir()
        yield inner
        try:
            os.rename(inner, folder)
        except OSError:
            if not folder.is_dir():
                raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks, on other packages above all, off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
