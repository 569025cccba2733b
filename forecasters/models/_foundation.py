"""The base of pre-trained models that forecast a price series they were never fitted on (zero-shot).

What they are shown is the log price of the symbol's own closes up to the decision row, counted from
the last one, and what they answer for step h is read as the target "close":

    x[i] = ln(C[i] / C[t]), i <= t,    answer[h] = forecast of x[t+h] = ln(C[t+h] / C[t])

A series that ends at 0 keeps the models' own scaling exact whatever the price level, and a forecast can
never be a negative price.

Such a model has read the past: a backtest over years that were in its training data only measures
memory.  Which years those are is not in the weights, so the user declares it, and no forecast is given
for a session up to that day unless it is declared contaminated.

Only safetensors are read, never pickles.  A saved forecaster holds the hash of the weights, not the
weights; other weights in the same place are refused.
"""

import zlib
from abc import abstractmethod
from contextlib import AbstractContextManager
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import Field, PrivateAttr, field_validator

from ...core import QUIET, ConfigError, DataError, FitError, Progress, QushiError
from ...core.compute import Device, choose_device, torch_threads
from ...core.hashing import hash_file, hash_json
from ..base import Arrays, Forecaster, Prediction
from ..labels import TargetName
from ..training import seeded
from ..windows import Float64Array, Windows
from ._weights import files_of, local_folder, stamp_of


class Opened(NamedTuple):
    """A model that is ready to answer."""

    network: Any
    """What the kind's `open` gave."""
    device: torch.device
    weights: str
    """Hash of the files that it was read from."""


class FoundationForecaster(Forecaster):
    """Settings that all pre-trained models share.

    model
        A folder with config.json and *.safetensors, or a hub id such as "owner/name", which is
        downloaded once.
    knowledge_cutoff
        Last day that may be in the data the model was trained on.  There is no default: look it up in
        the model's paper or card.
    contaminated
        Whether sessions up to that day are forecast all the same; such rows are marked in every table.
    context
        Closes that the model is shown, fewer where the symbol has fewer.
    quantiles
        Levels of the quantiles that are answered, ascending.
    device, threads
        Where it computes, and CPU threads.
    """

    multi_output: ClassVar[bool] = True

    model: str = Field(min_length=1)
    knowledge_cutoff: date
    contaminated: bool = False
    context: int = Field(default=512, ge=16)
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.1, 0.5, 0.9)
    device: Device = "auto"
    threads: int = Field(default=1, ge=1)
    _seed: int = PrivateAttr(0)
    _weights: str = PrivateAttr("")

    @field_validator("quantiles")
    @classmethod
    def _ascending(cls, quantiles: tuple[float, ...]) -> tuple[float, ...]:
        if not quantiles or any(b <= a for a, b in pairwise(quantiles)):
            raise ValueError("name the levels in ascending order, each once, and at least one")
        return quantiles

    @classmethod
    @abstractmethod
    def open(cls, folders: tuple[Path, ...]) -> Any:
        """The model in these folders, as its library reads it, on the CPU, in evaluation mode."""

    @abstractmethod
    def paths(self, opened: Opened, windows: Windows) -> tuple[Float64Array, Float64Array]:
        """Log returns from the last close: [n, horizon], and their quantiles [n, horizon, levels]."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Folders or hub ids that the model is read from."""
        return (self.model,)

    @property
    def targets(self) -> tuple[TargetName, ...]:
        """The close."""
        return ("close",)

    @property
    def knows_until(self) -> date | None:
        """The declared day."""
        return self.knowledge_cutoff

    @property
    def rests_on(self) -> str:
        """Hash of the weights."""
        return self._opened().weights

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """Read the weights and take note of the seed: nothing is trained."""
        self._weights = self._opened().weights
        self._seed = seed

    def predict(self, windows: Windows) -> Prediction:
        """Zero-shot forecasts of the steps that are asked for, and their quantiles.

        Raises `FitError` for a session up to the knowledge cut-off.
        """
        if not self._weights:
            raise DataError(f"{self.kind} predicts after fit only: call fit or load first")
        self.refuse_the_known(windows)
        opened = self._opened()
        if opened.weights != self._weights:
            raise DataError(
                f"{self.kind} was saved with other weights than lie in {self.model!r} now: "
                "put those back, or fit again"
            )
        steps = [step - 1 for step in windows.steps]
        if len(windows) == 0:
            nothing = np.empty((0, len(steps), 1)), np.empty((0, len(steps), len(self.quantiles)))
            return Prediction(value=nothing[0], quantiles=nothing[1], levels=self.quantiles)
        # The library of Chronos-2 draws from torch's global randomness, without using what it drew.
        with torch.inference_mode(), torch_threads(self.threads), torch.random.fork_rng(devices=[]):
            value, quantiles = self.paths(opened, windows)
        if not (np.isfinite(value).all() and np.isfinite(quantiles).all()):
            raise FitError(f"{self.kind} answered with something that is not a number")
        # Heads that answer quantiles may cross; sorting them only brings them closer to the truth
        # (Chernozhukov, Fernandez-Val & Galichon 2010).
        return Prediction(
            value=value[:, steps, None],
            quantiles=np.sort(quantiles[:, steps], axis=2),
            levels=self.quantiles,
        )

    def state(self) -> Arrays:
        """The seed and the hash of the weights; empty before fit."""
        if not self._weights:
            return {}
        digest = np.frombuffer(self._weights.encode(), dtype=np.uint8)
        return {"seed": np.array([self._seed]), "weights": digest}

    def restore(self, state: Arrays) -> None:
        """Take over the seed, and insist on the same weights."""
        if state:
            self._seed = int(state["seed"][0])
            self._weights = np.asarray(state["weights"], dtype=np.uint8).tobytes().decode()

    def refuse_the_known(self, windows: Windows) -> None:
        """Raise `FitError` where a session may be in what the model was trained on."""
        if self.contaminated or len(windows) == 0:
            return
        earliest = windows.sessions.min().astype("datetime64[D]").astype(date)
        if earliest <= self.knowledge_cutoff:
            raise FitError(
                f"{self.kind} may have been trained on data up to {self.knowledge_cutoff}, and "
                f"{earliest} is asked for: start the walk-forward later, or set contaminated = true "
                "and read its results as contaminated"
            )

    def randomness(self, opened: Opened, windows: Windows, which: int) -> AbstractContextManager[None]:
        """Seed torch from the seed, the symbol and the session alone: no window changes another."""
        symbol = zlib.crc32(str(windows.symbols[which]).encode())
        day = int(windows.sessions[which].astype("datetime64[D]").astype(np.int64))
        entropy = np.random.SeedSequence([self._seed, symbol, day % 2**32]).generate_state(1, np.uint64)
        return seeded(int(entropy[0] >> np.uint64(1)), opened.device)

    def series(self, windows: Windows, rows: int) -> Float64Array:
        """ln(C[i] / C[t]) of each window, [n, rows], oldest first, NaN before the first trade."""
        closes = np.log(windows.closes(rows))
        return np.asarray(closes - closes[:, -1:], dtype=np.float64)

    def _opened(self) -> Opened:
        folders = tuple(local_folder(source, self.kind) for source in self.sources)
        return _open(type(self), folders, stamp_of(folders), choose_device(self.device))


class Sampling(FoundationForecaster):
    """A pre-trained model that draws paths.

    samples
        Paths that are drawn for each window.
    """

    stochastic: ClassVar[bool] = True

    samples: int = Field(default=20, ge=1)


def between_levels(
    found: Float64Array, own: tuple[float, ...], wanted: tuple[float, ...]
) -> Float64Array:
    """Quantiles [..., wanted] from those at the model's own levels [..., own], linear between them.

    Raises `ConfigError` for a level outside the model's own.
    """
    if wanted[0] < min(own) or wanted[-1] > max(own):
        raise ConfigError(
            f"the model knows quantiles from {min(own):g} to {max(own):g}, asked for are "
            f"{wanted[0]:g} to {wanted[-1]:g}: ask for levels between",
            key="quantiles",
        )
    right = np.clip(np.searchsorted(own, wanted), 1, len(own) - 1)
    low, high = np.array(own)[right - 1], np.array(own)[right]
    share = (np.array(wanted) - low) / (high - low)
    return np.asarray(found[..., right - 1] * (1 - share) + found[..., right] * share)


@lru_cache(maxsize=2)
def _open(
    cls: type[FoundationForecaster],
    folders: tuple[Path, ...],
    stamp: tuple[tuple[str, int, int], ...],
    device: torch.device,
) -> Opened:
    """Folds and seeds share one reading: hundreds of megabytes that nobody changes."""
    from safetensors import SafetensorError

    weights = hash_json([[hash_file(path) for path in files_of(folder)] for folder in folders])
    try:
        with torch.random.fork_rng(devices=[]):
            network = cls.open(folders)
    except QushiError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        where = " and ".join(repr(str(folder)) for folder in folders)
        raise DataError(f"{where} cannot be read: {reason}") from error
    return Opened(network, device, weights)
