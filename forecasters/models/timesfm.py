"""TimesFM 2.0 and 2.5 (Das, Kong, Sen & Zhou 2024), as the `transformers` library reads them.

A decoder over patches of 32 closes; each patch of the output answers for up to 128 steps at once, with a
point forecast and quantiles.  Nothing is drawn, so the seed does not matter.  The library's wish to
keep forecasts of positive series positive is switched off: it looks at the smallest number of the whole
batch, and log prices may be negative.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from ...core import ConfigError, DataError
from ..windows import Float64Array, Windows
from ._foundation import FoundationForecaster, Opened, between_levels
from ._weights import without_bars

_CLASSES = {"timesfm": "TimesFmModelForPrediction", "timesfm2_5": "TimesFm2_5ModelForPrediction"}


class TimesFM(FoundationForecaster):
    """Zero-shot forecasts of closes by a TimesFM model.

    model
        A folder with config.json and *.safetensors in the layout of `transformers`, or a hub id such as
        "google/timesfm-2.5-200m-transformers".
    knowledge_cutoff
        Last day that may be in the data the model was trained on.
    contaminated
        Whether sessions up to that day are forecast all the same, and marked.
    context
        Closes that the model is shown, rounded down to whole patches; its own limit holds where that is
        lower.
    quantiles
        Levels of the quantiles that are answered, ascending, between 0.1 and 0.9.
    batch
        Windows asked together.
    device, threads
        Where it computes, and CPU threads.

    >>> TimesFM(model="google/timesfm-2.0-500m-pytorch", knowledge_cutoff="2024-12-31").kind
    'timesfm'
    """

    batch: int = Field(default=32, ge=1)

    @classmethod
    def open(cls, folders: tuple[Path, ...]) -> Any:
        """The library's model; `DataError` where the folder holds another, or not all weights."""
        import transformers

        folder = folders[0]
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name = _CLASSES.get(str(config.get("model_type")))
        if name is None:
            raise DataError(
                f"the folder {str(folder)!r} holds a {config.get('model_type', 'model')!r}, "
                "not a TimesFM model of the transformers library"
            )
        with without_bars():
            network, loaded = getattr(transformers, name).from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
        if loaded["missing_keys"]:
            missing = sorted(loaded["missing_keys"])[0]
            raise DataError(f"the weights in {str(folder)!r} are not whole: {missing!r} is missing")
        return network.eval()

    def paths(self, opened: Opened, windows: Windows) -> tuple[Float64Array, Float64Array]:
        """The model's point forecasts and quantiles."""
        network = opened.network.to(opened.device)
        config = network.config
        if windows.horizon > config.horizon_length:
            raise ConfigError(
                f"this model answers for {config.horizon_length} steps, the horizon is "
                f"{windows.horizon}: lower it",
                key="horizon",
            )
        rows = min(self.context, config.context_length) // config.patch_length * config.patch_length
        if rows == 0:
            raise ConfigError(
                f"a context of {self.context} rows holds no patch of {config.patch_length}: raise it",
                key="context",
            )
        series = self.series(windows, rows).astype(np.float32)
        extra = {"freq": [0] * self.batch} if config.model_type == "timesfm" else {}
        points, quantiles = [], []
        for start in range(0, len(series), self.batch):
            known = [torch.from_numpy(one[~np.isnan(one)]) for one in series[start : start + self.batch]]
            found = network(
                past_values=[one.to(opened.device) for one in known],
                forecast_context_len=rows,
                truncate_negative=False,
                **{key: value[: len(known)] for key, value in extra.items()},
            )
            points.append(found.mean_predictions.double().cpu().numpy()[:, : windows.horizon])
            quantiles.append(found.full_predictions.double().cpu().numpy()[:, : windows.horizon, 1:])
        own = tuple(float(level) for level in config.quantiles)
        return np.concatenate(points), between_levels(np.concatenate(quantiles), own, self.quantiles)
