"""The benchmark's row stands beside the strategies': the same returns must give the same figures."""

import numpy as np
import pytest

from example_forecasts import forecast_inputs
from example_report import example_inputs
from qushi.backtests import performance
from qushi.core.calendar import PER_YEAR
from qushi.reports.summary import benchmark_figures, in_short


def test_benchmark_figures_equal_those_of_a_strategy_with_the_same_returns():
    inputs = example_inputs()
    per_year = PER_YEAR[inputs.bars.calendar]
    traded = [r for r in inputs.results if r.returns.std() > 0]
    assert traded
    for result in traded:
        mine = benchmark_figures(result.returns, per_year)
        theirs = performance(result, None, per_year)
        for name, value in mine.items():
            assert value == pytest.approx(theirs[name], nan_ok=True), name


def test_benchmark_figures_of_flat_returns_are_unknown_not_infinite():
    inputs = example_inputs()
    flat = inputs.results[0].returns * 0.0
    found = benchmark_figures(flat, 243)
    assert found["total_return"] == 0
    assert np.isnan(found["sharpe"])
    assert np.isnan(found["calmar"])


def test_several_steps_of_a_model_are_one_model():
    inputs = forecast_inputs(n=200)
    longest = inputs.quality.groupby("model")["horizon"].transform("max") == inputs.quality["horizon"]
    models = int((longest & inputs.quality["p_value"].notna()).sum())
    said = next(line.en for line in in_short(inputs) if "called the direction" in line.en)
    assert f" of {models} models" in said
    assert models < inputs.quality["p_value"].notna().sum()
