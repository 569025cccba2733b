from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from example_forecasts import forecast_inputs, made_fits
from example_report import example_inputs
from qushi.core import Forecasts
from qushi.reports.quality_table import intervals, quality
from qushi.reports.words import COLUMNS


@pytest.fixture(scope="module")
def inputs():
    return forecast_inputs(n=200)


def rows_of(table) -> list[dict[str, object]]:
    """Rows by the key of their heading."""
    keys = {head: key for key, (head, _) in COLUMNS.items()}
    names = [keys[head] for head, _ in table.heads]
    return [dict(zip(names, row.cells, strict=True)) for row in table.rows]


def test_first_and_last_step_stand_in_the_table(inputs):
    rows = rows_of(quality(inputs))
    found = {(r["model"].value, r["seed"].value, r["horizon"].value) for r in rows}
    ends = {(m, s, h) for m in ("lstm",) for s in (0, 1) for h in (1, 5)}
    ends |= {(m, 0, h) for m in ("last_value", "kline_candles") for h in (1, 5)}
    assert found == ends | {("logistic", 0, 1), ("gru_close", 0, 1), ("volatility_net", 0, 5)}


def test_targets_are_named_in_both_languages(inputs):
    names = {row["model"].value: row["target"].text for row in rows_of(quality(inputs))}
    assert (names["gru_close"].en, names["gru_close"].zh) == ("close", "收盘价")
    assert names["logistic"].zh == "涨跌"


def test_training_seconds_are_counted_once_a_fit(inputs):
    # Six folds of 3.5, 4.5 ... seconds; every epoch of a fit tells the whole fit's seconds.
    rows = {(r["model"].value, r["seed"].value): r["train_seconds"] for r in rows_of(quality(inputs))}
    assert rows["lstm", 1].value == pytest.approx(sum(3.5 + fold for fold in range(6)))
    assert rows["last_value", 0].text == "n/a"


def test_coverage_stands_beside_what_it_promises(inputs):
    rows = {(r["model"].value, r["horizon"].value): r["coverage"] for r in rows_of(quality(inputs))}
    cell = rows["gru_close", 1]
    told = inputs.quality.set_index("model").loc["gru_close"]
    assert cell.value == pytest.approx(told["coverage"])
    assert cell.remark.en == "of 90\u00a0%"
    assert rows["logistic", 1].text == "n/a"


def test_columns_without_a_difference_are_left_out():
    rows = rows_of(quality(example_inputs(n=120)))
    assert not {"target", "seed", "horizon", "coverage", "train_seconds", "first"} & set(rows[0])
    without = rows_of(quality(replace(example_inputs(n=120), forecasts=None)))
    assert {"first", "last"} <= set(without[0])


def test_an_interval_is_judged_by_its_bounds(inputs):
    coverage = pd.DataFrame(
        {
            "model": ["a", "b", "c"],
            "seed": 0,
            "horizon": 1,
            "lower": 0.05,
            "upper": 0.95,
            "nominal": 0.9,
            "measured": [0.8, 0.89, 0.99],
            "n": 500,
            "low": [0.76, 0.86, 0.97],
            "high": [0.84, 0.92, 1.0],
        }
    )
    rows = rows_of(intervals(replace(inputs, coverage=coverage)))
    remarks = [row["measured"].remark.en if row["measured"].remark else "" for row in rows]
    assert remarks == ["too narrow", "", "too wide"]
    assert [row["measured"].tone for row in rows] == ["bad", "", "bad"]
    assert rows[0]["bounds"].text == "76.0\u00a0% – 84.0\u00a0%"
    assert "seed" not in rows[0]


def test_no_intervals_no_table(inputs):
    assert intervals(replace(inputs, coverage=pd.DataFrame())) is None
    assert "train_seconds" not in rows_of(quality(replace(inputs, fits=made_fits(folds=0))))[0]


def test_a_model_that_may_know_the_outcome_is_marked(inputs):
    frame = inputs.forecasts.frame
    stained = frame.assign(contaminated=np.where(frame["model"] == "lstm", True, None))
    table = quality(replace(inputs, forecasts=Forecasts(stained)))
    marks = {row.cells[0].value: row.mark for row in table.rows}
    assert "trained on these" in marks["lstm"].en
    assert {model for model, mark in marks.items() if mark is not None} == {"lstm"}
