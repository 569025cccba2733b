"""What the page draws of the models themselves: error by step, calibration, loss, importance.

Small multiples, one a model, each a static SVG (`plot.py`).  Most models are drawn, never all: a zoo of
forty would make the page slow, so each function states what it left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from ..core.notes import Said
from .plot import Axes, Plot, around, bar, curve, dot, grid, number, rule, segment, text, ticks
from .words import both

MOST_PLOTS = 24
MOST_LINES = 10
MOST_FITS = 16
MOST_FEATURES = 12
_MOST_EPOCHS = 80


@dataclass(frozen=True)
class Plots:
    """Charts side by side, and what was left out of them, in words (may be None)."""

    plots: tuple[Plot, ...]
    left_out: Said | None = None


@dataclass(frozen=True)
class StepChart:
    """Error by step: the picture, and the models of its colours in their order."""

    svg: Markup
    models: tuple[str, ...]
    left_out: Said | None = None


def error_by_step(quality: pd.DataFrame) -> StepChart | None:
    """Error relative to last value by horizon, a line a model, seeds averaged; None for one horizon."""
    if quality.empty or "horizon" not in quality.columns:
        return None
    table = quality.dropna(subset=["relative_mae"])
    table = table.pivot_table(index="horizon", columns="model", values="relative_mae", aggfunc="mean")
    table = table.loc[:, table.notna().sum() > 1]
    if table.empty:
        return None
    order = table.mean().sort_values(kind="stable").index
    shown = [str(name) for name in order[:MOST_LINES]]
    steps = table.index.to_numpy(dtype=float)
    low, high = around([1.0, *table[shown].to_numpy().ravel()])
    axes = Axes((steps.min(), steps.max()), (low, high), 420, 240, left=52, right=14, bottom=40)
    # Whole numbers only: there is no half step.
    across = [t for t in ticks(steps.min(), steps.max(), 10) if float(t).is_integer()]
    parts = [
        grid(axes, _labels(across), _labels(ticks(low, high, 6))),
        segment(axes, (steps.min(), 1.0), (steps.max(), 1.0), "even"),
    ]
    for place, name in enumerate(shown):
        values = table[name].to_numpy(dtype=float)
        parts.append(curve(axes, steps, values, f"c{place}", name))
        for step, value in zip(steps, values, strict=True):
            tip = f"{name} · {step:.0f}: {number(value, 4)}"
            parts.append(dot(axes, step, value, f"c{place} point", tip, 2.4))
    parts.append(text((axes.left + axes.width) / 2, axes.height - 6, both("axis_step")))
    picture = axes.svg(*parts, label="error by step")
    return StepChart(picture, tuple(shown), _left_out(len(shown), len(order)))


def reliability_plots(reliability: pd.DataFrame) -> Plots | None:
    """Stated probability against the share that came true, one chart a model at its longest horizon.

    The first seed is drawn with its intervals and counts, further seeds as faint points.
    """
    if reliability.empty:
        return None
    found = []
    for model, every in reliability.groupby("model", sort=True):
        part = every[every["horizon"] == every["horizon"].max()]
        found.append(_reliability(str(model), part))
    return Plots(tuple(found[:MOST_PLOTS]), _left_out(min(len(found), MOST_PLOTS), len(found)))


def _reliability(model: str, part: pd.DataFrame) -> Plot:
    seeds = sorted(part["seed"].unique())
    first = part[part["seed"] == seeds[0]]
    spans = np.concatenate([part["stated"], part["share"], first["low"], first["high"]])
    low, high = (float(np.clip(v, 0, 1)) for v in around(spans, 0.04))
    axes = Axes((low, high), (low, high), 320, 250, bottom=40)
    labels = _labels(ticks(low, high))
    foot, tall = axes.height - axes.bottom, 26.0
    parts = [grid(axes, labels, labels), segment(axes, (low, low), (high, high), "even")]
    for row in first.itertuples():
        height = tall * float(row.n) / float(first["n"].max())
        x = axes.across(float(row.stated)) - 3
        parts.append(bar(x, foot - height, 6, height, "count", f"n = {row.n:,}"))
    for seed in seeds[1:]:
        own = part[part["seed"] == seed]
        parts += [
            dot(axes, x, y, "other", f"#{seed} {number(x, 3)} → {number(y, 3)}", 2)
            for x, y in zip(own["stated"], own["share"], strict=True)
        ]
    for row in first.itertuples():
        stated, share = float(row.stated), float(row.share)
        bounds = f"{number(float(row.low), 3)} … {number(float(row.high), 3)}"
        tip = f"{number(stated, 3)} → {number(share, 3)} ({bounds}), n = {row.n:,}"
        parts.append(segment(axes, (stated, float(row.low)), (stated, float(row.high)), "whisker"))
        parts.append(dot(axes, stated, share, "point mark", tip))
    parts.append(text((axes.left + axes.width) / 2, axes.height - 6, both("axis_stated")))
    remark = both("reliability_n", n=f"{int(first['n'].sum()):,}")
    return Plot(model, axes.svg(*parts, label=f"reliability of {model}"), remark)


def loss_plots(fits: pd.DataFrame) -> Plots | None:
    """Loss by epoch, one chart a model: a pair of lines a fit, the epoch kept as a dot.

    Models without epochs have none; None where no model has.
    """
    if fits.empty:
        return None
    known = fits[fits["train_loss"].notna()]
    found = [_loss(str(model), part) for model, part in known.groupby("model", sort=True)]
    if not found:
        return None
    return Plots(tuple(found[:MOST_PLOTS]), _left_out(min(len(found), MOST_PLOTS), len(found)))


def _loss(model: str, part: pd.DataFrame) -> Plot:
    keys = [c for c in ("seed", "fold", "symbol", "step") if c in part.columns]
    every = [(key, own) for key, own in part.groupby(keys, sort=True)]
    # Spread over the walk, the first and the last among them.
    chosen = np.unique(np.linspace(0, len(every) - 1, min(len(every), MOST_FITS)).round().astype(int))
    drawn = [every[i] for i in chosen]
    rows = pd.concat([own for _, own in drawn])
    last = int(rows["epoch"].max()) + 1
    low, high = around(np.concatenate([rows["train_loss"], rows["valid_loss"]]))
    axes = Axes((1, max(last, 2)), (low, high), bottom=40)
    across = [1.0, *(t for t in ticks(1, max(last, 2)) if float(t).is_integer() and t > 1)]
    parts = [grid(axes, _labels(across), _labels(ticks(low, high)))]
    for key, own in drawn:
        kept = own.iloc[:: max(1, -(-len(own) // _MOST_EPOCHS))]
        name = " · ".join(f"{k} {v}" for k, v in zip(keys, key, strict=True) if v != "")
        epochs = kept["epoch"].to_numpy(dtype=float) + 1
        parts.append(curve(axes, epochs, kept["train_loss"].tolist(), "train", f"{name} (train)"))
        parts.append(curve(axes, epochs, kept["valid_loss"].tolist(), "valid", f"{name} (valid)"))
    for _, own in drawn:
        for row in own[own["best"].astype(bool)].itertuples():
            loss = float(row.valid_loss) if np.isfinite(row.valid_loss) else float(row.train_loss)
            tip = f"epoch {row.epoch + 1}: {number(loss, 5)}"
            parts.append(dot(axes, float(row.epoch) + 1, loss, "best", tip, 2.4))
    parts.append(text((axes.left + axes.width) / 2, axes.height - 6, both("axis_epoch")))
    remark = both("loss_fits", drawn=len(drawn), all=len(every)) if len(drawn) < len(every) else None
    return Plot(model, axes.svg(*parts, label=f"loss of {model}"), remark)


def importance_plots(importance: pd.DataFrame) -> Plots | None:
    """Loss gained when a feature is permuted, in percent of the loss, one chart a model.

    Seeds are averaged; the whisker is the mean spread over the repeats.  A model that looks at no
    feature (a rule on prices) has no chart; None where no model has one.
    """
    if importance.empty:
        return None
    parts = importance.groupby("model", sort=True)
    found = [_importance(str(model), part) for model, part in parts if part["loss_increase"].any()]
    if not found:
        return None
    return Plots(tuple(found[:MOST_PLOTS]), _left_out(min(len(found), MOST_PLOTS), len(found)))


def _importance(model: str, part: pd.DataFrame) -> Plot:
    share = part.assign(
        gain=part["loss_increase"] / part["base"] * 100, spread=part["spread"] / part["base"] * 100
    )
    means = share.groupby("feature")[["gain", "spread"]].mean()
    means = means.sort_values("gain", ascending=False, kind="stable")
    top = means.head(MOST_FEATURES)
    low = float(min(0.0, (top["gain"] - top["spread"]).min()))
    high = float(max(0.0, (top["gain"] + top["spread"]).max()))
    room = (high - low) * 0.04 or 1.0
    row = 20.0
    axes = Axes(
        (low - (room if low < 0 else 0), high + room), (0, 1), 320, 34 + row * len(top), left=116
    )
    foot = axes.height - axes.bottom
    parts = [grid(axes, [(t, number(t, 3)) for t in ticks(*axes.x)], [])]
    for place, (feature, values) in enumerate(top.iterrows()):
        name, gain, spread = str(feature), float(values["gain"]), float(values["spread"])
        y = axes.top + row * place
        start, end = sorted((axes.across(0.0), axes.across(gain)))
        tip = f"{name}: {number(gain, 3)} % ± {number(spread, 3)} %"
        parts.append(text(axes.left - 6, y + 13, _short(name), "name", "end"))
        parts.append(
            bar(start, y + 4, max(end - start, 1), row - 8, "gain" if gain > 0 else "loss", tip)
        )
        ends = axes.across(gain - spread), axes.across(gain + spread)
        parts.append(rule(ends[0], y + 10, ends[1], y + 10, "whisker"))
    zero = axes.across(0.0)
    parts.append(rule(zero, axes.top, zero, foot, "axis"))
    measured = both("loss_mae" if part["loss"].iloc[0] == "mae" else "loss_log")
    windows = f"{int(part['windows'].max()):,}"
    base = number(float(part["base"].mean()), 5)
    remark = both("importance_base", loss=measured, base=base, n=windows)
    if len(means) > len(top):
        left = both("importance_more", n=len(means) - len(top))
        remark = Said(f"{remark.en}{left.en}", f"{remark.zh}{left.zh}")
    return Plot(model, axes.svg(*parts, label=f"importance for {model}"), remark)


def _labels(values: Sequence[float]) -> list[tuple[float, str]]:
    return [(value, number(value)) for value in values]


def _left_out(drawn: int, all_: int) -> Said | None:
    return both("plots_left", drawn=drawn, all=all_) if drawn < all_ else None


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
