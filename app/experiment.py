"""The pipeline: an experiment and its inputs in, everything that can be reported out.

    load_inputs   reads bars, benchmark and texts
    compute       bars, texts -> panic -> features -> forecasts -> weights -> backtests -> figures

`compute` is a pure function of the experiment and its inputs (the checkpoint folder only saves time),
which is what lets the invariants be tested on the whole of it: cut or poison the inputs after t, and
nothing at or before t may change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..backtests import backtest, backtest_class, load_bt_strategy, performance
from ..backtests.refusals import refusals_of_all
from ..core import (
    QUIET,
    BacktestResult,
    Bars,
    ConfigError,
    DataError,
    Forecasts,
    InputError,
    PanicIndex,
    Progress,
    UserCodeError,
    Weights,
)
from ..core.calendar import PER_YEAR
from ..forecasters import LastFold, forecast_quality
from ..sentiment.study.alignment import panic_alignment
from ..strategies import Signals, Strategy
from .config import Experiment, UserStrategy
from .fitting import fit_models, no_fits
from .inputs import Inputs
from .reading import Reading, read_texts
from .user_code import somebodys


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an experiment found.

    refusals
        Rows of all results, with their `strategy`.
    fits
        As in `Walk.fits`.
    last_folds
        By (model, seed), where feature importance is asked for.
    reading
        What became of the texts; None without.
    """

    bars: Bars
    benchmark: pd.Series
    panic: PanicIndex | None
    alignment: pd.DataFrame
    forecasts: Forecasts | None
    quality: pd.DataFrame
    weights: Mapping[str, Weights]
    results: tuple[BacktestResult, ...]
    performance: pd.DataFrame
    refusals: pd.DataFrame
    failures: tuple[tuple[str, str], ...]
    fits: pd.DataFrame = field(default_factory=no_fits)
    last_folds: Mapping[tuple[str, int], LastFold] = field(default_factory=dict)
    reading: Reading | None = None


def compute(
    experiment: Experiment,
    inputs: Inputs,
    checkpoint: Path | None = None,
    progress: Progress = QUIET,
    archive: Any = None,
    jobs: int = 1,
) -> Outcome:
    """Run the whole pipeline; a model or strategy that fails becomes a row in `failures`.

    `jobs` models and seeds are fitted at once, each in a process of its own.
    """
    reading, panic, alignment = None, None, pd.DataFrame()
    if inputs.texts is not None:
        reading = reading_of(experiment, inputs, archive, progress)
        panic = reading.panic
        alignment = panic_alignment(panic, inputs.bars)
    made = fit_models(experiment, inputs.bars, panic, checkpoint, progress, jobs, inputs.series)
    forecasts, failures = made.forecasts, made.failures
    window = _window(experiment, inputs.bars, forecasts)
    ran, more = _backtests(experiment, inputs.bars, forecasts, panic, window, progress)
    results = tuple(result for result, _ in ran)
    weights = {result.name: decided for result, decided in ran if decided is not None}
    benchmark = _benchmark(inputs, window)
    figures = {r.name: performance(r, benchmark, PER_YEAR[inputs.bars.calendar]) for r in results}
    return Outcome(
        bars=inputs.bars,
        benchmark=benchmark,
        panic=panic,
        alignment=alignment,
        forecasts=forecasts,
        quality=pd.DataFrame() if forecasts is None else forecast_quality(forecasts, inputs.bars),
        weights=weights,
        results=results,
        performance=pd.DataFrame.from_dict(figures, orient="index"),
        refusals=refusals_of_all(results, inputs.bars, weights),
        failures=(*failures, *more),
        fits=made.fits,
        last_folds=made.last_folds,
        reading=reading,
    )


def reading_of(
    experiment: Experiment, inputs: Inputs, archive: Any = None, progress: Progress = QUIET
) -> Reading:
    """The panic index of an experiment's texts over the sessions of its bars, and what it is made of."""
    if inputs.texts is None or inputs.classifier is None:
        raise ConfigError("texts without a classifier cannot be scored: give [classifier]")
    bars = inputs.bars
    return read_texts(
        experiment.settings,
        inputs.tables,
        inputs.texts,
        inputs.classifier,
        bars.calendar,
        bars.sessions,
        archive,
        progress,
    )


def _window(experiment: Experiment, bars: Bars, forecasts: Forecasts | None) -> pd.DatetimeIndex:
    """Sessions of the backtest, the same for every strategy: from the first one all models forecast."""
    asked = experiment.settings.backtest
    sessions = bars.sessions
    low = pd.Timestamp(asked.start) if asked.start else sessions[0]
    if forecasts is not None:
        firsts = forecasts.frame.groupby(["model", "seed"])["session"].min()
        low = max(low, firsts.max())
    high = pd.Timestamp(asked.end) if asked.end else sessions[-1]
    window = sessions[(sessions >= low) & (sessions <= high)]
    if len(window) < 2:
        raise DataError(
            f"the backtest window from {low:%Y-%m-%d} to {high:%Y-%m-%d} holds {len(window)} sessions, "
            f"at least 2 are needed: bars run from {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}"
        )
    return window


def _benchmark(inputs: Inputs, window: pd.DatetimeIndex) -> pd.Series:
    """Simple returns from the close of the window's first session on (0 there), session by session."""
    if inputs.benchmark is None:
        closes = inputs.bars.adjusted("close").ffill().loc[window]
        start = closes.bfill().iloc[0]  # a symbol listed later joins at its first close, flat before
        level = (closes / start).fillna(1.0).mean(axis=1)
        name = closes.columns[0] if closes.shape[1] == 1 else "equal weight"
    else:
        missing = window.difference(inputs.benchmark.index)
        if len(missing):
            raise DataError(
                f"the benchmark {inputs.benchmark.name} has no close on {missing[0]:%Y-%m-%d} and "
                f"{len(missing) - 1} more sessions of the window: choose another or shorten the window"
            )
        level, name = inputs.benchmark.loc[window], str(inputs.benchmark.name)
    return level.pct_change().fillna(0.0).rename(name)


def _backtests(
    experiment: Experiment,
    bars: Bars,
    forecasts: Forecasts | None,
    panic: PanicIndex | None,
    window: pd.DatetimeIndex,
    progress: Progress,
) -> tuple[list[tuple[BacktestResult, Weights | None]], list[tuple[str, str]]]:
    jobs = _jobs(experiment, forecasts)
    results: list[tuple[BacktestResult, Weights | None]] = []
    failures: list[tuple[str, str]] = []
    progress.begin("backtests", len(jobs))
    for name, strategy, chosen in jobs:
        try:
            results.append(_backtest(experiment, name, strategy, bars, chosen, panic, window))
        except (InputError, UserCodeError) as error:
            failures.append((name, str(error)))
            progress.note(f"{name} failed: {error}")
        progress.advance("backtests")
    if jobs and not results:
        raise ConfigError(f"no strategy could run: {failures[0][0]}: {failures[0][1]}")
    return results, failures


def _jobs(
    experiment: Experiment, forecasts: Forecasts | None
) -> list[tuple[str, Strategy | UserStrategy, Forecasts | None]]:
    """(result name, strategy, forecasts): once a model and seed where a strategy trades on forecasts."""
    jobs: list[tuple[str, Strategy | UserStrategy, Forecasts | None]] = []
    for name, strategy in experiment.strategies:
        wants = isinstance(strategy, UserStrategy) or "forecast" in strategy.requirements()
        if not wants or (forecasts is None and isinstance(strategy, UserStrategy)):
            jobs.append((name, strategy, None))
            continue
        if forecasts is None:
            raise ConfigError(f"the strategy {name!r} trades on forecasts: add a [[forecasters]] table")
        for model in forecasts.models:
            seeds = forecasts.seeds(model)
            for seed in seeds:
                label = result_name(name, model, seed, len(seeds))
                jobs.append((label, strategy, forecasts.of(model, seed).longest()))
    return jobs


def result_name(strategy: str, model: str, seed: int, seeds: int) -> str:
    """What a strategy's result on one model and seed is called.

    >>> result_name("trend_follow", "lstm", 1, seeds=3), result_name("trend_follow", "drift", 0, seeds=1)
    ('trend_follow[lstm#1]', 'trend_follow[drift]')
    """
    return f"{strategy}[{model}]" if seeds == 1 else f"{strategy}[{model}#{seed}]"


def _backtest(
    experiment: Experiment,
    name: str,
    strategy: Strategy | UserStrategy,
    bars: Bars,
    forecasts: Forecasts | None,
    panic: PanicIndex | None,
    window: pd.DatetimeIndex,
) -> tuple[BacktestResult, Weights | None]:
    asked = experiment.settings.backtest
    rules = experiment.rules
    start, end = window[0], window[-1]
    if isinstance(strategy, UserStrategy):
        given = load_bt_strategy(strategy.path)
        window_ = {"broker": asked, "rules": rules, "start": start, "end": end}
        with somebodys(strategy.path, given):
            result = backtest_class(
                bars, given, strategy.params, name=name, forecasts=forecasts, panic=panic, **window_
            )
        return result, None
    signals = Signals.build(bars, forecasts, panic, start=start, end=end)
    with somebodys(f"{type(strategy).__module__}:{type(strategy).__name__}", type(strategy)):
        weights = replace(strategy.weights(signals), name=name)
    return backtest(bars, weights, broker=asked, rules=rules, start=start, end=end), weights
