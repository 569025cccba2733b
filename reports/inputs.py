"""What a report is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from ..core import BacktestResult, Bars, DataError, Forecasts, PanicIndex
from ..core.notes import Said

Language = Literal["en", "zh"]


@dataclass(frozen=True, eq=False)
class ReportInput:
    """Everything `report.html` shows; the page computes no result of its own.

    name, description
        Of the experiment.
    config_toml
        The resolved experiment file, shown as it is.
    bars
        The whole history; the price chart shows the tested window with a little before it.
    benchmark
        Simple returns by session, `.name` its symbol.
    forecasts, quality
        Out-of-sample forecasts (or None) and the table of `forecast_quality` (may be empty).
    results, performance
        Backtests, and their figures: index = `result.name`, columns as `performance()` gives them.
    panic, classifier
        The index (or None) and plain facts about the classifier behind it (may be empty).
    failures, warnings
        (what, why) of everything that was asked for and could not be done; plain sentences in both
        languages, shown first.
    alignment
        `scope, audience, n, same_session, last_three, next_session`: correlations of the panic index
        with returns (may be empty).
    classifier_check
        `symbol, texts, accuracy, majority, balanced_accuracy`: the classifier on texts labelled by hand
        (may be empty).
    facts
        Provenance: versions, seeds, durations, hashes, fit windows.
    refusals, largest_refusals
        Orders not, or not wholly, filled, as `refusals_by_reason` and `largest_refusals` give them;
        `refusals` must count those of the results.
    tear_sheets
        Result name -> file name relative to the report.
    panic_page
        File name of the panic page beside the report, "" where there is none.
    language
        The language shown first; the reader may switch.
    fits
        One row a fit and epoch, as `Walk.fits` (may be empty).
    reliability, coverage
        Calibration, as `forecasters.calibration` gives it (may be empty).
    importance
        `permutation_importance` of each model and seed, with those two columns (may be empty).

    Raises `DataError` where names are not unique, a result has no figures or `refusals` are others'.
    """

    name: str
    description: str
    config_toml: str
    bars: Bars
    benchmark: pd.Series
    forecasts: Forecasts | None
    quality: pd.DataFrame
    results: tuple[BacktestResult, ...]
    performance: pd.DataFrame
    panic: PanicIndex | None
    classifier: Mapping[str, Any]
    failures: tuple[tuple[str, str], ...]
    warnings: tuple[Said, ...]
    facts: Mapping[str, str]
    tear_sheets: Mapping[str, str]
    panic_page: str = ""
    language: Language = "en"
    alignment: pd.DataFrame = field(default_factory=pd.DataFrame)
    classifier_check: pd.DataFrame = field(default_factory=pd.DataFrame)
    refusals: pd.DataFrame = field(default_factory=pd.DataFrame)
    largest_refusals: pd.DataFrame = field(default_factory=pd.DataFrame)
    fits: pd.DataFrame = field(default_factory=pd.DataFrame)
    reliability: pd.DataFrame = field(default_factory=pd.DataFrame)
    coverage: pd.DataFrame = field(default_factory=pd.DataFrame)
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        names = [result.name for result in self.results]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"two results are called {twice[0]!r}: names tell the rows apart")
        missing = [name for name in names if name not in self.performance.index]
        if missing:
            raise DataError(f"the table of performance has no row for {missing[0]!r}")
        self._check_refusals()
        if self.language not in ("en", "zh"):
            raise DataError(f"language is 'en' or 'zh', received {self.language!r}")

    def _check_refusals(self) -> None:
        """A page must not say that all orders filled because nobody counted those that did not."""
        counted = {}
        if len(self.refusals):
            counted = self.refusals.groupby("strategy")["orders"].sum().astype(int).to_dict()
        refused = {result.name: len(result.refused) for result in self.results if len(result.refused)}
        for name in (*refused, *counted):
            told, found = counted.get(name, 0), refused.get(name, 0)
            if told != found:
                raise DataError(
                    f"{name}: {found} orders were not wholly filled, the table of refusals counts "
                    f"{told}: give refusals_by_reason of the same results"
                )

    @property
    def window(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last session of the backtests; of the bars where there is no backtest."""
        if not self.results:
            return self.bars.sessions[0], self.bars.sessions[-1]
        indexes = [result.equity.index for result in self.results]
        return min(i[0] for i in indexes), max(i[-1] for i in indexes)
