"""The study's families of looks, and what they say in sentences, without more than they hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.notes import Said
from ._event_study import Zone
from ._lead_lag import Looks
from ._regressions import FloatArray
from ._shuffles import maxima, share_of_maxima, step_down

TESTS = ("family", "asks", "looks", "best", "statistic", "p_max", "p_joint")
LEVEL = 0.05
_FEW_EVENTS = 10


@dataclass(frozen=True, eq=False)
class Family:
    """Looks that belong together: where each was taken, its t, and the largest |t| of every shuffle."""

    name: str
    asks: str
    where: tuple[str, ...]
    t: FloatArray
    maxima: FloatArray

    @property
    def best(self) -> int:
        """The look of the largest |t|, -1 where none is known."""
        return int(np.nanargmax(np.abs(self.t))) if np.isfinite(self.t).any() else -1

    @property
    def statistic(self) -> float:
        """Its t."""
        return float(self.t[self.best]) if self.best >= 0 else float("nan")


def families(
    looks: Sequence[Looks],
    regressions: pd.DataFrame,
    regression_chance: FloatArray,
    zones: Sequence[Zone],
    sorts: Looks,
) -> list[Family]:
    """All looks of a study; lags of 0 and below ask about the past, all else about the future."""
    found = [family for one in looks for family in _of_lags(one)]
    alone = regressions[regressions["model"] == "panic"]
    found.append(_of_rows("regression", "future", "horizon", alone, regression_chance))
    for zone in zones:
        after = zone.table.loc[zone.table["offset"] > 0, "offset"]
        name = f"after {zone.table['zone'].iloc[0]}"
        where = tuple(f"offset {k}" for k in after)
        found.append(Family(name, "future", where, zone.z, zone.maxima))
    spread = sorts.table[sorts.table["quantile"] == 0]
    return [*found, _of_rows("quantiles", "future", "horizon", spread, sorts.by_chance)]


def tests_of(several: Sequence[Family]) -> pd.DataFrame:
    """One row a family: its best look and its p; of those about the future also the p of all of them."""
    rows = [
        (f.name, f.asks, len(f.t), f.where[f.best] if f.best >= 0 else "", f.statistic) for f in several
    ]
    table = pd.DataFrame(rows, columns=list(TESTS[:5]))
    table["p_max"] = [share_of_maxima(f.statistic, f.maxima) for f in several]
    future = [place for place, f in enumerate(several) if f.asks == "future"]
    by_chance = np.column_stack([several[place].maxima for place in future])
    joint = step_down(np.array([several[place].statistic for place in future]), by_chance)
    table["p_joint"] = np.nan
    table.loc[future, "p_joint"] = joint
    return table[list(TESTS)]


def _of_lags(one: Looks) -> list[Family]:
    name = f"{one.table['index'].iloc[0]} ~ {one.table['target'].iloc[0]}"
    kept = {"past": one.table["lag"] <= 0, "future": one.table["lag"] > 0}
    return [
        _of_rows(name, asks, "lag", one.table[rows], one.by_chance[:, rows.to_numpy()])
        for asks, rows in kept.items()
    ]


def _of_rows(name: str, asks: str, unit: str, rows: pd.DataFrame, chance: FloatArray) -> Family:
    where = tuple(f"{unit} {at}" for at in rows[unit])
    return Family(name, asks, where, rows["t"].to_numpy(dtype=float), maxima(chance))


_SAMPLE = Said(
    "{n} sessions with panic. {looks} looks in {families} families; each family's p is that of its "
    "largest t against {shuffles} shuffles of the dates, so its looks are paid for.",
    "有恐慌值的交易日 {n} 个。共看了 {looks} 个数字，分为 {families} 组；每组的 p 值是其最大 |t| "
    "与 {shuffles} 次打乱日期相比所得，已计入多次检验。",
)
_POWER = Said(
    "On so many sessions a true correlation below about {least:.2f} would be missed more often than "
    "found.",
    "在这样的样本量下，真实相关系数若低于约 {least:.2f}，多半检验不出来。",
)
_SAME = Said(
    "Same session, no prediction: the index and {target} correlate by {r:+.2f} (error {error:.2f}), "
    "changes by {change:+.2f} ({change_error:.2f}).",
    "同一交易日（并非预测）：指数与{target}的相关系数为 {r:+.2f}（标准误 {error:.2f}），"
    "两者变动的相关系数为 {change:+.2f}（{change_error:.2f}）。",
)
_NOTHING = Said(
    "Nothing found that predicts: of {families} families that ask about the future the smallest p is "
    "{p:.2f} ({family}, {best}), {joint:.2f} once all {families} are paid for. That is what an index "
    "without use looks like; one with a small use may look the same.",
    "没有发现预测力：{families} 组指向未来的检验中，最小的 p 值为 {p:.2f}（{family}，{best}），"
    "计入全部 {families} 组后为 {joint:.2f}。无用的指数正是如此；作用微弱的指数也可能如此。",
)
_FOUND = Said(
    "{family}, {best}: t or z = {statistic:+.1f}, p = {p:.3f} for its {looks} looks, {joint:.3f} for "
    "all {families} families. Unlikely to be chance in this sample; costs, other samples and other "
    "settings are not in it.",
    "{family}，{best}：t 或 z = {statistic:+.1f}，计入本组 {looks} 次检验后 p = {p:.3f}，"
    "计入全部 {families} 组后为 {joint:.3f}。在此样本中不像偶然；成本、其他样本与其他设置未计入。",
)
_BESIDE = Said(
    "Over {horizon} sessions panic explains {panic:.1%} of what could be earned, the past return alone "
    "{past:.1%}.",
    "未来 {horizon} 个交易日可得收益中，恐慌指数解释 {panic:.1%}，仅用过去收益解释 {past:.1%}。",
)
_EVENTS = Said(
    "{zone}: {events} events. Bought at the next open, {offset} sessions later {mean:+.2%} (error "
    "{error:.2%}), on shuffled dates {expected:+.2%} ({low:+.2%} to {high:+.2%}).{few}",
    "{zone}：{events} 次。次日开盘买入，{offset} 个交易日后平均 {mean:+.2%}（标准误 {error:.2%}），"
    "打乱日期为 {expected:+.2%}（{low:+.2%} 至 {high:+.2%}）。{few}",
)
_FEW = Said(" So few events prove nothing.", "次数太少，不能说明什么。")
_NO_EVENTS = Said("{zone}: no event.", "{zone}：没有事件。")
_ZONES = {
    "panic": Said("After extreme panic", "极度恐慌之后"),
    "calm": Said("After extreme calm", "极度平静之后"),
}
_RETURN = Said("the return", "当日收益")


def findings(
    tests: pd.DataFrame,
    lead_lags: pd.DataFrame,
    regressions: pd.DataFrame,
    events: pd.DataFrame,
    *,
    n: int,
    shuffles: int,
) -> tuple[Said, ...]:
    """The study in sentences: the sample, what describes, what predicts, and what was found of each."""
    looks = int(tests["looks"].sum())
    head = _SAMPLE.fill(n=n, looks=looks, families=len(tests), shuffles=shuffles)
    said = [head, _POWER.fill(least=1.96 / np.sqrt(n)), *_same_session(lead_lags)]
    said += _future(tests)
    said += _beside(regressions)
    return (*said, *_events(events))


def _same_session(lead_lags: pd.DataFrame) -> list[Said]:
    said = []
    for target, rows in lead_lags[lead_lags["lag"] == 0].groupby("target", sort=False):
        by_form = rows.set_index("index")
        level, change = by_form.loc["level"], by_form.loc["change"]
        if not np.isfinite(level["correlation"]):
            continue
        named = _RETURN if target == "return" else Said(str(target), f" {target} ")
        said.append(
            _SAME.fill(
                target=named,
                r=level["correlation"],
                error=level["error"],
                change=change["correlation"],
                change_error=change["error"],
            )
        )
    return said


def _future(tests: pd.DataFrame) -> list[Said]:
    future = tests[(tests["asks"] == "future") & tests["p_max"].notna()]
    if future.empty:
        return []

    def told(sentence: Said, row: pd.Series) -> Said:
        figures = {"statistic": row["statistic"], "p": row["p_max"], "joint": row["p_joint"]}
        names = {"family": row["family"], "best": row["best"], "looks": row["looks"]}
        return sentence.fill(families=len(future), **figures, **names)

    passed = future[future["p_joint"] < LEVEL]
    if passed.empty:
        return [told(_NOTHING, future.loc[future["p_max"].idxmin()])]
    return [told(_FOUND, row) for _, row in passed.iterrows()]


def _beside(regressions: pd.DataFrame) -> list[Said]:
    r2 = regressions.drop_duplicates(["horizon", "model"]).pivot(
        index="horizon", columns="model", values="r2"
    )
    known = r2.dropna(subset=["panic", "past_return"])
    return [
        _BESIDE.fill(horizon=horizon, panic=row["panic"], past=row["past_return"])
        for horizon, row in known.iterrows()
    ]


def _events(events: pd.DataFrame) -> list[Said]:
    said = []
    for zone, rows in events.groupby("zone", sort=False):
        last = rows.iloc[-1]
        if not last["events"]:
            said.append(_NO_EVENTS.fill(zone=_ZONES[str(zone)]))
            continue
        few = _FEW if last["events"] < _FEW_EVENTS else Said("", "")
        figures = {name: last[name] for name in ("mean", "error", "expected", "low", "high")}
        counted = {"events": int(last["events"]), "offset": int(last["offset"])}
        said.append(_EVENTS.fill(zone=_ZONES[str(zone)], few=few, **counted, **figures))
    return said
