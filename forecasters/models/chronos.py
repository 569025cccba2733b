"""Chronos (Ansari et al. 2024; Bolt and Chronos-2: 2024 and 2025), through the library of its authors.

Three generations, told apart by the model's own config.json, all asked through `chronos-forecasting`:

    chronos-t5-*     prices scaled by their mean size become tokens of a language model; paths are drawn
    chronos-bolt-*   patches in, quantiles of all steps out, nothing is drawn
    chronos-2        as Bolt, after an arcsinh; each series is asked alone, without its neighbours

The first answers with the mean of its paths, the others with their median.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from ...core import DataError, MissingExtraError
from ..windows import Float64Array, Windows
from ._foundation import Opened, Sampling, between_levels
from ._weights import refuse_missing, without_bars


class Chronos(Sampling):
    """Zero-shot forecasts of closes by a Chronos model.

    Needs `pip install 'qushi[foundation]'`.  A model that draws paths is asked one window at a time, so
    that no window's draws depend on another's; the others take `batch` windows together.

    model
        A folder with config.json and *.safetensors, or a hub id such as "amazon/chronos-bolt-small".
    knowledge_cutoff
        Last day that may be in the data the model was trained on.
    contaminated
        Whether sessions up to that day are forecast all the same, and marked.
    context
        Closes that the model is shown; its own limit holds where that is lower.
    quantiles
        Levels of the quantiles that are answered, ascending; Bolt knows 0.1 to 0.9.
    samples
        Paths that are drawn for each window, by models that draw.
    batch
        Windows asked together, of models that do not draw.
    device, threads
        Where it computes, and CPU threads.

    >>> Chronos(model="amazon/chronos-bolt-small", knowledge_cutoff="2024-11-01").kind
    'chronos'
    """

    batch: int = Field(default=32, ge=1)

    @classmethod
    def open(cls, folders: tuple[Path, ...]) -> Any:
        """The library's pipeline; `MissingExtraError` without the library."""
        try:
            from chronos import BaseChronosPipeline
        except ModuleNotFoundError as error:
            if error.name not in ("chronos", "einops"):
                raise
            raise MissingExtraError(
                "chronos-forecasting", "foundation", "the forecaster 'chronos'"
            ) from None
        folder = folders[0]
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if "chronos_config" not in config:
            raise DataError(
                f"the folder {str(folder)!r} holds a {config.get('model_type', 'model')!r}, "
                "not a Chronos model"
            )
        # Without the last argument a folder without safetensors would be read as a pickle.
        with without_bars():
            pipeline: Any = BaseChronosPipeline.from_pretrained(
                folder, dtype="float32", use_safetensors=True
            )
        refuse_missing(pipeline.inner_model, folder)
        pipeline.inner_model.eval()
        return pipeline

    def paths(self, opened: Opened, windows: Windows) -> tuple[Float64Array, Float64Array]:
        """The pipeline's point forecasts and quantiles."""
        pipeline = opened.network
        pipeline.inner_model.to(opened.device)
        rows = min(self.context, pipeline.model_context_length)
        series = torch.from_numpy(self.series(windows, rows).astype(np.float32))
        if pipeline.forecast_type.value == "samples":
            return self._drawn(opened, windows, series)
        own = tuple(float(level) for level in pipeline.quantiles)
        points, quantiles = [], []
        for start in range(0, len(series), self.batch):
            found, point = pipeline.predict_quantiles(
                list(series[start : start + self.batch]), windows.horizon, quantile_levels=list(own)
            )
            points.append(_plain(point, windows.horizon))
            quantiles.append(_plain(found, windows.horizon, len(own)))
        return np.concatenate(points), between_levels(np.concatenate(quantiles), own, self.quantiles)

    def _drawn(
        self, opened: Opened, windows: Windows, series: torch.Tensor
    ) -> tuple[Float64Array, Float64Array]:
        found = np.empty((len(windows), self.samples, windows.horizon))
        for which, one in enumerate(series):
            with self.randomness(opened, windows, which):
                drawn = opened.network.predict(one, windows.horizon, num_samples=self.samples)
            found[which] = drawn[0].double().numpy()
        return found.mean(axis=1), np.moveaxis(np.quantile(found, self.quantiles, axis=1), 0, -1)


def _plain(answers: Any, *shape: int) -> Float64Array:
    """[B, *shape]: Bolt answers with one tensor, Chronos-2 with a list of [1, *shape]."""
    stacked = answers if isinstance(answers, torch.Tensor) else torch.stack(list(answers))
    return np.asarray(stacked.double().cpu().numpy().reshape(len(stacked), *shape), dtype=np.float64)
