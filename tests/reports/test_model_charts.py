import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from example_forecasts import forecast_inputs, made_fits, made_importance
from qushi.reports.model_charts import (
    MOST_FITS,
    MOST_PLOTS,
    error_by_step,
    importance_plots,
    loss_plots,
    reliability_plots,
)
from qushi.reports.plot import Axes, around, curve, number, ticks

EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def inputs():
    return forecast_inputs(n=200)


def elements(svg, tag, css):
    """The elements of a picture with a tag, and a class among theirs."""
    root = ElementTree.fromstring(str(svg))
    return [e for e in root.iter(tag) if css in e.get("class", "").split()]


def title(element) -> str:
    return element.findtext("title") or ""


def linear(pixels, values) -> tuple[float, float]:
    """Slope and offset of pixels over values; asserts that they lie on one straight line."""
    slope, offset = np.polyfit(values, pixels, 1)
    assert slope * np.asarray(values) + offset == pytest.approx(np.asarray(pixels), abs=0.11)
    return float(slope), float(offset)


def test_error_by_step_draws_the_mean_of_the_seeds(inputs):
    chart = error_by_step(inputs.quality)
    assert chart.models == ("kline_candles", "lstm", "last_value")
    mean = inputs.quality.groupby(["model", "horizon"])["relative_mae"].mean()
    pixels, values = [], []
    for place, name in enumerate(chart.models):
        points = elements(chart.svg, "circle", f"c{place}")
        assert len(points) == 5
        for step, point in enumerate(points, start=1):
            assert title(point) == f"{name} · {step}: {number(mean[name, step], 4)}"
            pixels.append(float(point.get("cy")))
            values.append(mean[name, step])
    slope, offset = linear(pixels, values)
    assert slope < 0  # more error is higher up
    even = elements(chart.svg, "line", "even")[0]
    assert float(even.get("y1")) == pytest.approx(slope * 1.0 + offset, abs=0.2)


def test_one_step_makes_no_chart(inputs):
    one = inputs.quality[inputs.quality["horizon"] == 1]
    assert error_by_step(one) is None
    assert error_by_step(one.drop(columns="horizon")) is None
    assert error_by_step(pd.DataFrame()) is None


def test_reliability_draws_each_tenth_with_its_bounds_and_count(inputs):
    plots = reliability_plots(inputs.reliability)
    assert [plot.name for plot in plots.plots] == ["logistic", "lstm"]
    table = inputs.reliability
    own = table[(table["model"] == "lstm") & (table["seed"] == 0) & (table["horizon"] == 5)]
    svg = plots.plots[1].svg
    points, whiskers = elements(svg, "circle", "mark"), elements(svg, "line", "whisker")
    across = linear([float(p.get("cx")) for p in points], own["stated"])
    up = linear([float(p.get("cy")) for p in points], own["share"])
    assert across[0] > 0 > up[0]
    assert [float(w.get("y1")) for w in whiskers] == pytest.approx(
        (up[0] * own["low"] + up[1]).tolist(), abs=0.3
    )
    assert [float(w.get("y2")) for w in whiskers] == pytest.approx(
        (up[0] * own["high"] + up[1]).tolist(), abs=0.3
    )
    heights = np.array([float(bar.get("height")) for bar in elements(svg, "rect", "count")])
    assert heights / heights.max() == pytest.approx((own["n"] / own["n"].max()).tolist(), abs=5e-3)
    assert f"n = {int(own['n'].sum()):,}" in plots.plots[1].remark.en
    # the diagonal is where stated equals what came
    even = elements(svg, "line", "even")[0]
    x, y = float(even.get("x2")), float(even.get("y2"))
    assert (x - across[1]) / across[0] == pytest.approx((y - up[1]) / up[0], abs=0.01)
    assert len(elements(svg, "circle", "other")) == 10


def test_loss_draws_every_fit_and_marks_the_epoch_kept():
    fits = made_fits(folds=3)
    plots = loss_plots(fits)
    assert [plot.name for plot in plots.plots] == ["gru_close", "lstm"]  # no epochs, no chart
    svg = plots.plots[0].svg
    assert len(elements(svg, "path", "train")) == len(elements(svg, "path", "valid")) == 3
    best = fits[(fits["model"] == "gru_close") & fits["best"]]
    dots = elements(svg, "circle", "best")
    assert [title(d) for d in dots] == [
        f"epoch {row.epoch + 1}: {number(row.valid_loss, 5)}" for row in best.itertuples()
    ]
    first = fits[(fits["model"] == "gru_close") & (fits["fold"] == 0)]
    pairs = re.findall(r"[ML]([\d.]+) ([\d.]+)", elements(svg, "path", "train")[0].get("d"))
    linear([float(x) for x, _ in pairs], first["epoch"])
    assert linear([float(y) for _, y in pairs], first["train_loss"])[0] < 0


def test_of_many_fits_a_spread_is_drawn_and_said():
    plot = loss_plots(made_fits(folds=40)).plots[0]
    drawn = elements(plot.svg, "path", "train")
    assert len(drawn) == MOST_FITS
    assert "fold 0 ·" in title(drawn[0])
    assert "fold 39 ·" in title(drawn[-1])
    assert plot.remark.en == f"{MOST_FITS} of 40 fits"


def test_loss_without_validation_marks_the_training_loss():
    fits = made_fits(folds=1).assign(valid_loss=np.nan)
    svg = loss_plots(fits).plots[0].svg
    kept = fits[(fits["model"] == "gru_close") & fits["best"]].iloc[0]
    assert title(elements(svg, "circle", "best")[0]).endswith(number(kept["train_loss"], 5))
    assert elements(svg, "path", "valid") == []


def test_importance_bars_are_as_long_as_the_gain():
    table = made_importance()
    plots = importance_plots(table)
    own = table[table["model"] == "lstm"].nlargest(12, "loss_increase")
    plot = next(p for p in plots.plots if p.name == "lstm")
    bars = elements(plot.svg, "rect", "gain") + elements(plot.svg, "rect", "loss")
    gains = {title(bar).split(":")[0]: float(bar.get("width")) for bar in bars}
    assert set(gains) == set(own["feature"])
    tall = own[own["loss_increase"] > 0.01 * own["loss_increase"].max()]
    slope, offset = linear([gains[f] for f in tall["feature"]], tall["loss_increase"])
    assert slope > 0
    assert offset == pytest.approx(0, abs=0.3)
    percent = own["loss_increase"].iloc[0] / own["base"].iloc[0] * 100
    assert title(bars[0]).startswith(f"panic_public_all: {number(percent, 3)} %")
    assert "3 more features" in plot.remark.en


def test_a_model_that_looks_at_nothing_has_no_chart():
    table = made_importance().assign(loss_increase=0.0)
    assert importance_plots(table) is None


def test_no_data_no_charts():
    empty = pd.DataFrame()
    assert [f(empty) for f in (reliability_plots, loss_plots, importance_plots)] == [None] * 3
    assert loss_plots(made_fits().query("model == 'logistic'")) is None


def test_of_a_large_zoo_some_models_are_drawn_and_it_says_so():
    zoo = pd.concat([made_importance().assign(model=f"m{i:02}") for i in range(MOST_PLOTS + 3)])
    plots = importance_plots(zoo)
    assert len(plots.plots) == MOST_PLOTS
    assert f"{MOST_PLOTS} of {MOST_PLOTS + 3} models" in plots.left_out.en


def test_names_are_escaped_in_pictures(inputs):
    quality = inputs.quality.replace("lstm", EVIL)
    pictures = [
        error_by_step(quality).svg,
        *(plot.svg for plot in reliability_plots(inputs.reliability.replace("lstm", EVIL)).plots),
        *(plot.svg for plot in loss_plots(made_fits().replace("lstm", EVIL)).plots),
        *(plot.svg for plot in importance_plots(made_importance().replace("return_1", EVIL)).plots),
    ]
    assert "<script" not in "".join(pictures)
    assert any("&lt;script" in picture for picture in pictures)
    for picture in pictures:
        ElementTree.fromstring(str(picture))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-3.2, 8.7), (0.4201, 0.4209), (1e-7, 3e-7), (0, 12345)]
)
def test_ticks_are_even_inside_and_few(low, high):
    found = ticks(low, high, 5)
    assert 2 <= len(found) <= 6
    assert low - 1e-12 <= found[0]
    assert found[-1] <= high + 1e-12
    assert np.diff(found) == pytest.approx(np.full(len(found) - 1, found[1] - found[0]))


def test_a_curve_breaks_at_a_gap():
    axes = Axes((0, 4), (0, 1))
    drawn = curve(axes, [0, 1, 2, 3, 4], [0.1, 0.2, np.nan, 0.3, 0.4], "c0")
    assert drawn.count("M") == 2
    assert drawn.count("L") == 2
    assert curve(axes, [0.0], [np.nan], "c0") == ""


def test_range_holds_the_values_and_leaves_nan_out():
    low, high = around([1.0, 3.0, np.nan])
    assert low < 1 < 3 < high
    assert around([np.nan]) == (0.0, 1.0)
    flat = around([2.0, 2.0])
    assert flat[0] < 2 < flat[1]
