"""A report's inputs with every kind of forecast: returns, probabilities, prices, candles, intervals.

The forecasts are the outcome drowned in noise, so charts have something to show; nothing is fitted.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from example_report import example_inputs
from qushi.core import Bars, Forecasts
from qushi.forecasters import forecast_quality
from qushi.forecasters.calibration import coverage, reliability
from qushi.forecasters.labels import make_targets
from qushi.reports import ReportInput

STEPS = (1, 2, 3, 4, 5)
LEVELS = {0.05: -1.645, 0.25: -0.674, 0.5: 0.0, 0.75: 0.674, 0.95: 1.645}
PRICES = ("open", "high", "low", "close")


def many_forecasts(bars: Bars, first: int, steps: tuple[int, ...] = STEPS) -> Forecasts:
    """Six models, one of them with two seeds, over two folds from position `first` on."""
    makers = [
        _stated(bars, "last_value", 0, "return", steps, value=0.0),
        _stated(bars, "logistic", 0, "trend", steps[:1], p_up=True),
        _stated(bars, "lstm", 0, "return", steps, noise=6.0, p_up=True, spread=0.012),
        _stated(bars, "lstm", 1, "return", steps, noise=7.0, p_up=True, spread=0.012),
        _stated(bars, "gru_close", 0, "close", steps[:1], noise=2.0, spread=0.02),
        _stated(bars, "kline_candles", 0, "close", steps, noise=2.0, candles=True),
        _stated(bars, "volatility_net", 0, "volatility", steps[-1:], noise=0.3),
    ]
    frame = pd.concat(makers, ignore_index=True)
    days = bars.sessions
    middle = first + (len(days) - first) // 2
    frame = frame[frame["session"] >= days[first]]
    late = frame["session"] >= days[middle]
    ends = np.where(late, days[middle - 1], days[first - 1])
    frame = frame.assign(fold=late.astype(int), fit_start=days[0], fit_end=ends)
    return Forecasts.concat([Forecasts(frame.reset_index(drop=True))])


def _stated(
    bars: Bars,
    model: str,
    seed: int,
    target: str,
    steps: tuple[int, ...],
    *,
    value: float | None = None,
    noise: float = 1.0,
    p_up: bool = False,
    spread: float = 0.0,
    candles: bool = False,
) -> pd.DataFrame:
    rng = np.random.default_rng(sum(model.encode()) + seed)
    keys = bars.frame.index.to_frame(index=False)
    close = bars.frame["close"].to_numpy()
    parts = []
    for step in steps:
        truth = make_targets(bars, (target,), (step,))[:, 0, 0]
        deviation = np.nanstd(truth)
        truth = np.where(np.isnan(truth), 0.0, truth)
        said = (truth + noise * deviation * rng.normal(size=len(truth))) / (1 + noise**2)
        said = said if value is None else np.full(len(truth), value)
        part = keys.assign(model=model, seed=seed, horizon=step, target=target)
        part["expected_return"] = np.nan if target in ("trend", "volatility") else said
        part["p_up"] = 1 / (1 + np.exp(-said / deviation * 4)) if p_up else np.nan
        if target == "volatility":
            part["volatility"] = np.abs(truth + noise * deviation * rng.normal(size=len(truth)))
        if target == "close":
            part["price_close"] = close * np.exp(said)
        if candles:
            before = close * np.exp(said * 0.6)
            part["price_open"] = before
            part["price_high"] = np.maximum(before, part["price_close"]) * 1.006
            part["price_low"] = np.minimum(before, part["price_close"]) * 0.995
        for level, z in LEVELS.items():
            part[f"q{level:g}"] = said + z * spread * step**0.5 if spread else np.nan
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def made_fits(folds: int = 6, epochs: int = 14) -> pd.DataFrame:
    """Loss curves of two nets that overfit slowly, one with two seeds, and a model without any."""
    rng = np.random.default_rng(9)
    rows: list[dict[str, Any]] = []
    for model, seed in (("lstm", 0), ("lstm", 1), ("gru_close", 0), ("logistic", 0)):
        for fold in range(folds):
            fit = {"model": model, "seed": seed, "fold": fold, "session": pd.Timestamp("2012-09-03")}
            fit |= {"symbol": "", "step": 5, "seconds": 3.5 + fold, "windows": 900 + 100 * fold}
            if model == "logistic":
                rows.append(
                    {**fit, "epoch": 0, "train_loss": np.nan, "valid_loss": np.nan, "best": True}
                )
                continue
            at = np.arange(epochs)
            train = 0.68 + 0.05 * np.exp(-at / 4) - 0.002 * at + rng.normal(0, 0.001, epochs)
            valid = 0.69 + 0.03 * np.exp(-at / 3) + 0.0008 * at + rng.normal(0, 0.002, epochs)
            best = int(np.argmin(valid))
            rows += [
                {**fit, "epoch": i, "train_loss": a, "valid_loss": b, "best": i == best}
                for i, (a, b) in enumerate(zip(train, valid, strict=True))
            ]
    return pd.DataFrame(rows)


def made_importance() -> pd.DataFrame:
    """Importance of fifteen features for two models, one planted far above the rest."""
    rng = np.random.default_rng(4)
    names = [
        "panic_public_all",
        "return_1",
        "macd_histogram_12_26_9",
        *(f"return_{k}" for k in range(2, 14)),
    ]
    parts = []
    for model, base, loss in (("lstm", 0.0104, "mae"), ("logistic", 0.6921, "log_loss")):
        gain = np.abs(rng.normal(0, 0.001, len(names))) * rng.choice([1, 1, -0.4], len(names))
        gain[0] = 0.02
        table = pd.DataFrame({"model": model, "seed": 0, "feature": names, "loss": loss, "base": base})
        table = table.assign(loss_increase=gain * base, spread=0.0008 * base, repeats=5, windows=240)
        parts.append(table.sort_values("loss_increase", ascending=False))
    return pd.concat(parts, ignore_index=True)


def forecast_inputs(n: int = 500, steps: tuple[int, ...] = STEPS, **changes: Any) -> ReportInput:
    """Inputs of a whole report with all that the forecast charts can show."""
    symbols = changes.pop("symbols", ("600519.SH", "300333.SZ"))
    plain = example_inputs(symbols, n)
    forecasts = many_forecasts(plain.bars, n // 3, steps)
    inputs = replace(
        plain,
        forecasts=forecasts,
        quality=forecast_quality(forecasts, plain.bars),
        reliability=reliability(forecasts, plain.bars),
        coverage=coverage(forecasts, plain.bars),
        fits=made_fits(),
        importance=made_importance(),
    )
    return replace(inputs, **changes)
