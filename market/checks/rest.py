"""How volume, flags, factors, actions and listings of two sources of one symbol relate."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ...core import Actions, Bars
from ...core.actions import AMOUNTS
from .prices import DifferenceKind, Mark

_UNITS = (10.0, 100.0, 1_000.0, 10_000.0, 1e6, 1e8)
_SAME_UNIT = 0.01
_SAME_TURNOVER = 0.005  # relative: trades after hours are counted or not, seven digits are printed
_LOT = 100.0  # shares: a volume in lots has lost what is below
_SAME_FACTOR = 1e-3  # relative: a factor is often a ratio of two rounded prices
_SAME_PRICE = 0.0005 + 1e-9
_SAME_AMOUNT = 1e-6


def compare_turnover(x: pd.DataFrame, y: pd.DataFrame, names: tuple[str, str]) -> Iterator[Mark]:
    """Volume and amount, first their units and then what differs beyond them."""
    units: tuple[tuple[str, DifferenceKind, float], ...] = (
        ("volume", "volume_unit", _LOT),
        ("amount", "amount_unit", 0.0),
    )
    for name, kind, dust in units:
        ours, theirs = x[name].to_numpy(), y[name].to_numpy()
        both = (ours > 0) & (theirs > 0)
        if not both.any():
            continue
        unit = _unit(float(np.median(theirs[both] / ours[both])))
        if unit != 1:
            said = f"{unit:g} times" if unit > 1 else f"1/{1 / unit:g} of"
            detail = f"{names[1]}'s {name} is {said} {names[0]}'s: another unit"
            yield Mark(kind, both, detail, disagrees=False)
        ours = ours * unit
        known = np.isfinite(ours) & np.isfinite(theirs)
        gap = np.abs(theirs - ours)
        larger = np.maximum(np.abs(ours), np.abs(theirs))
        differs = known & (gap > _SAME_TURNOVER * larger) & (gap > dust * max(unit, 1.0))
        if differs.any():
            worst = int(np.argmax(np.where(differs, gap / np.maximum(larger, 1e-12), -1.0)))
            yield Mark(
                "volume" if name == "volume" else "amount",
                differs,
                f"{name} differs, most on {x.index[worst]:%Y-%m-%d}: {x[name].iloc[worst]:.10g} and "
                f"{y[name].iloc[worst]:.10g}",
            )


def _unit(ratio: float) -> float:
    for unit in _UNITS:
        for candidate in (unit, 1 / unit):
            if abs(ratio / candidate - 1) < _SAME_UNIT:
                return candidate
    return 1.0


def compare_flags(x: pd.DataFrame, y: pd.DataFrame, names: tuple[str, str]) -> Iterator[Mark]:
    """Sessions that only one of them calls suspended, or special treatment."""
    flags: tuple[DifferenceKind, ...] = ("suspended", "st")
    for flag in flags:
        ours, theirs = x[flag].to_numpy(dtype=bool), y[flag].to_numpy(dtype=bool)
        for mine, other, name, against in ((ours, theirs, *names), (theirs, ours, *reversed(names))):
            only = mine & ~other
            if only.any():
                none = "" if other.any() else f" ({against} never does)"
                word = "suspended" if flag == "suspended" else "under special treatment (ST)"
                yield Mark(flag, only, f"only {name} calls the symbol {word}{none}")


def compare_references(
    x: pd.DataFrame, y: pd.DataFrame, bars: tuple[Bars, Bars], names: tuple[str, str]
) -> Iterator[Mark]:
    """Reference prices and factors, where both have raw prices."""
    if {b.adjustment for b in bars} != {"raw"}:
        return
    gap = (x["pre_close"] - y["pre_close"]).abs().to_numpy()
    differs = gap > _SAME_PRICE
    if differs.any():
        first = int(np.flatnonzero(differs)[0])
        yield Mark(
            "reference",
            differs,
            f"the reference price is {x['pre_close'].iloc[first]:g} in {names[0]} and "
            f"{y['pre_close'].iloc[first]:g} in {names[1]}",
        )
    steps = [(f["factor"] / f["factor"].shift(1)).to_numpy() for f in (x, y)]
    with np.errstate(invalid="ignore"):
        changed = np.abs(steps[0] / steps[1] - 1) > _SAME_FACTOR
    for place in np.flatnonzero(changed):
        here = np.zeros(len(x), dtype=bool)
        here[place] = True
        yield Mark(
            "factor",
            here,
            f"the factor changes by {steps[0][place] - 1:+.3%} in {names[0]} and by "
            f"{steps[1][place] - 1:+.3%} in {names[1]}",
        )


def compare_actions(
    a: Actions, b: Actions, symbol: str, names: tuple[str, str]
) -> Iterator[tuple[pd.Timestamp, str]]:
    """The ex sessions whose actions are not the same, where both know them."""
    if symbol not in a.known or symbol not in b.known:
        return
    ours, theirs = a.one(symbol), b.one(symbol)
    for session in ours.index.union(theirs.index):
        if session not in theirs.index:
            yield session, f"only {names[0]} has an action: {_said(ours.loc[session])}"
        elif session not in ours.index:
            yield session, f"only {names[1]} has an action: {_said(theirs.loc[session])}"
        else:
            mine, other = ours.loc[session], theirs.loc[session]
            amounts = [n for n in AMOUNTS if abs(mine[n] - other[n]) > _SAME_AMOUNT]
            if amounts or str(mine["pay_session"]) != str(other["pay_session"]):
                yield session, f"{names[0]}: {_said(mine)}; {names[1]}: {_said(other)}"


def _said(action: pd.Series) -> str:
    parts = [f"{name} {action[name]:g}" for name in AMOUNTS if action[name]]
    if not pd.isna(action["pay_session"]):
        parts.append(f"paid on {action['pay_session']:%Y-%m-%d}")
    return ", ".join(parts) or "nothing"
