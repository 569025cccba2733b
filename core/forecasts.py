"""Forecasts of all models, in one long table."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import pandas as pd

from .errors import DataError, LookAheadError, near_names
from .hashing import hash_frame

KEY = ("model", "seed", "symbol", "session", "horizon")
COLUMNS = (*KEY, "fold", "expected_return", "p_up", "fit_start", "fit_end")
STATED = (
    "p_down",
    "volatility",
    "price_open",
    "price_high",
    "price_low",
    "price_close",
    "price_mid",
    "volume",
    "amount",
)
"""Columns that are there where some model gives them."""
QUANTILE = "q"
"""Prefix of the quantile columns: `q0.05`."""
_QUANTILE = re.compile(QUANTILE + r"0?\.\d+")


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Out-of-sample forecasts, one row a (model, seed, symbol, session, horizon).

    frame
        Sorted by the key, columns:

        - `session`: the forecast is known at this session's close and trades at the next open;
        - `expected_return`: log return from the open of t+1 to the open of t+1+horizon, NaN where the
          model gives none;
        - `p_up`: probability that this return is above 0, NaN where the model gives none;
        - `fold`: number of the refit, from 0;
        - where some model gives them: `p_down` (else it is 1 - p_up), `volatility` of daily log returns
          over the horizon, `price_*`, `volume` and `amount` after `horizon` sessions (raw, as of t),
          quantiles `q0.05` ... of the log return that `target` names, and `contaminated`, True where a
          pre-trained model may have seen the session in its training;
        - `fit_start`, `fit_end`: first session seen and last session whose prices the fit used, label
          ends included.  `fit_end <= session` of every row (the close of the decision session is
          known when deciding), asserted here.

    Raises `LookAheadError` when a fit reaches past its forecast, `DataError` otherwise.
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        frame = self.frame
        missing = [c for c in COLUMNS if c not in frame.columns]
        if missing:
            raise DataError(f"forecasts lack the column {missing[0]!r}")
        if frame.empty:
            raise DataError("no forecasts: the table has no rows")
        if frame.duplicated(list(KEY)).any():
            row = frame[frame.duplicated(list(KEY))].iloc[0]
            raise DataError(
                f"two forecasts of {row['model']} for {row['symbol']} on {row['session']:%Y-%m-%d}"
            )
        late = frame["fit_end"] > frame["session"]
        if late.any():
            row = frame[late].iloc[0]
            raise LookAheadError(
                f"{row['model']} forecast {row['symbol']} on {row['session']:%Y-%m-%d} "
                f"with a fit that saw {row['fit_end']:%Y-%m-%d}"
            )
        stated = [c for c in ("expected_return", "p_up", *STATED) if c in frame.columns]
        if frame[stated].isna().all(axis=None):
            raise DataError("forecasts need an expected return or a probability")
        for name in ("p_up", "p_down"):
            p = frame[name].dropna() if name in frame.columns else pd.Series(dtype=float)
            if ((p < 0) | (p > 1)).any():
                raise DataError(f"{name} must be within 0 and 1, received {p.min()} to {p.max()}")

    @classmethod
    def concat(cls, parts: Iterable[Self]) -> Self:
        """Forecasts of several models together."""
        frames = [p.frame for p in parts]
        if not frames:
            raise DataError("no forecasts to put together")
        joined = pd.concat(frames, ignore_index=True)
        return cls(joined.sort_values(list(KEY), ignore_index=True))

    @property
    def models(self) -> tuple[str, ...]:
        """Model names, sorted."""
        return tuple(sorted(self.frame["model"].unique()))

    def of(self, model: str, seed: int | None = None) -> Self:
        """The rows of one model (and one seed)."""
        if model not in self.models:
            raise DataError(f"no forecasts of {model!r}: {near_names(model, self.models)}")
        keep = self.frame["model"] == model
        if seed is not None:
            keep &= self.frame["seed"] == seed
        if not keep.any():
            raise DataError(f"no forecasts of {model!r} with seed {seed}")
        return type(self)(self.frame[keep].reset_index(drop=True))

    def seeds(self, model: str) -> tuple[int, ...]:
        """The seeds of a model, ascending."""
        return tuple(sorted(int(s) for s in self.of(model).frame["seed"].unique()))

    @property
    def horizons(self) -> tuple[int, ...]:
        """Horizons that are forecast, ascending."""
        return tuple(sorted(int(h) for h in self.frame["horizon"].unique()))

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels of the quantile columns, ascending; empty where no model gives quantiles."""
        names = [str(c) for c in self.frame.columns if _QUANTILE.fullmatch(str(c))]
        return tuple(sorted(float(name.removeprefix(QUANTILE)) for name in names))

    def longest(self) -> Self:
        """Each model's forecasts at its longest horizon: what is traded on."""
        horizon = self.frame["horizon"]
        longest = horizon.groupby(self.frame["model"], sort=False).transform("max")
        return type(self)(self.frame[horizon == longest].reset_index(drop=True))

    def wide(self, column: str) -> pd.DataFrame:
        """`expected_return` or `p_up` as sessions x symbols, for the rows of one model and seed."""
        if self.frame.duplicated(["session", "symbol"]).any():
            raise DataError("several models, seeds or horizons: choose one with .of(model, seed)")
        return self.frame.pivot(index="session", columns="symbol", values=column)

    @property
    def fingerprint(self) -> str:
        """Content hash: equal forecasts, equal hash."""
        return hash_frame(self.frame)
