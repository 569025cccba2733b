"""The warnings that stand at the top of a report: what a reader must know before the numbers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..backtests import suspicions
from ..core import Forecasts, Texts
from ..core.notes import Said
from ..forecasters.quality import longest_steps
from ..forecasters.recursion import WARNING as RECURSION
from ..sentiment import Scorer
from .config import Experiment
from .experiment import Outcome
from .market_notes import market_notes
from .reading import Reading

_TOO_GOOD = 0.60  # direction accuracy of daily prices that deserves disbelief
_ENOUGH = 100  # forecasts below which an accuracy is noise anyway
_LEVEL = 0.05
_NAMED = 6  # results up to which a remark names each of them

_SYNTHETIC = Said(
    "The texts are synthetic, written for the demonstration: the panic index below shows how the "
    "pipeline works and says nothing about real investors.",
    "文本为演示而编写的合成文本：下面的恐慌指数只展示流程，不反映真实投资者。",
)
_UNDATED = Said(
    "The classifier learned from undated texts: some of them may be younger than the texts it reads.",
    "分类器的训练文本没有日期：其中一些可能晚于它所判读的文本。",
)
_CONTAMINATED = Said(
    "{n} of {all} texts are not later than {cutoff}, the end of the classifier's training texts: their "
    "scores are not out of sample.",
    "{all} 条文本中有 {n} 条不晚于分类器训练文本的截止时间 {cutoff}：这些打分并非样本外。",
)
_REFITTED = Said(
    "The classifier was trained {n} times, every {every} sessions at most, each time on labels older "
    "than the texts that it read; texts before {first} have no score and stand in no index.",
    "分类器共训练 {n} 次，至多每 {every} 个交易日一次，每次只用早于所读文本的标签；"
    "{first} 之前的文本没有打分，不计入指数。",
)
_CLEANED = Said(
    "{n} of {all} texts are left out of the panic index as copies, advertising or the like: see "
    "[text_cleaning].",
    "{all} 条文本中有 {n} 条因重复、广告等原因不计入恐慌指数：见 [text_cleaning]。",
)
_FOREIGN_FORECASTS = Said(
    "The forecasts come from a file: how they were fitted, and whether they know the future, cannot be "
    "checked here.",
    "预测来自外部文件：其训练方式以及是否含有未来信息，此处无法核查。",
)
_SEEN_BEFORE = Said(
    "{names}: pre-trained, and {n} of its {all} forecasts are of sessions that it may have been trained "
    "on (up to {last}). They measure memory, not foresight: its rows are contaminated.",
    "{names}：预训练模型，{all} 条预测中有 {n} 条落在它可能训练过的时段（截至 {last}）。"
    "这些只反映记忆，而非预见：该模型的结果已受污染。",
)
_ONE_SEED = Said(
    "{names}: one seed only. Another seed may tell another story; set seeds = [0, 1, 2].",
    "{names}：只用了一个随机种子，换种子结果可能不同；可设 seeds = [0, 1, 2]。",
)
_TOO_GOOD_DIRECTION = Said(
    "{model} is right on {accuracy:.1%} of directions: too good for daily prices. Look for look-ahead "
    "before believing it.",
    "{model} 方向准确率 {accuracy:.1%}，对日线而言好得可疑：请先排查未来函数。",
)
_NONE_BETTER = Said(
    "No model predicts direction better than its base rate, {n} of them tried (smallest p-value "
    "{least:.3f}, {needed:.3f} needed).",
    "共试了 {n} 个模型，没有一个的方向预测显著好于基准率"
    "（最小 p 值 {least:.3f}，需小于 {needed:.3f}）。",
)


def notes_of(
    experiment: Experiment, outcome: Outcome, texts: Texts | None, classifier: Scorer | None
) -> tuple[Said, ...]:
    """Every warning of a run, what concerns all numbers first."""
    notes = [
        *about_texts(texts, classifier),
        *about_cleaning(outcome.reading),
        *market_notes(experiment.settings.backtest, experiment.rules, outcome.bars, outcome.results),
    ]
    if experiment.settings.forecasts is not None:
        notes.append(_FOREIGN_FORECASTS)
    if experiment.settings.walk_forward.steps == "recursive":
        notes.append(RECURSION)
    notes += _about_memory(outcome.forecasts)
    notes += _about_quality(longest_steps(outcome.quality))
    stochastic = [name for name, forecaster in experiment.forecasters if forecaster.stochastic]
    if stochastic and len(experiment.settings.seeds) == 1:
        notes.append(_ONE_SEED.fill(names=", ".join(stochastic)))
    return (*notes, *_about_results(outcome))


def _about_results(outcome: Outcome) -> list[Said]:
    """Each remark once, with the results it is about; what concerns most results comes first."""
    about: dict[Said, list[str]] = {}
    for result in outcome.results:
        for remark in suspicions(result, outcome.performance.loc[result.name].to_dict()):
            about.setdefault(remark, []).append(result.name)
    ordered = sorted(about.items(), key=lambda item: -len(item[1]))
    notes = []
    for remark, names in ordered:
        if len(names) > 2 and len(names) == len(outcome.results):
            notes.append(Said(f"All results: {remark.en}.", f"所有结果：{remark.zh}。"))
        elif len(names) > _NAMED:
            some, count = names[:3], f"{len(names)} of {len(outcome.results)} results"
            counted = f"{len(outcome.results)} 个结果中的 {len(names)} 个"
            notes.append(
                Said(
                    f"{count} ({', '.join(some)} …): {remark.en}.",
                    f"{counted}（{'、'.join(some)} …）：{remark.zh}。",
                )
            )
        else:
            notes.append(Said(f"{', '.join(names)}: {remark.en}.", f"{'、'.join(names)}：{remark.zh}。"))
    return notes


def about_texts(texts: Texts | None, classifier: Scorer | None) -> list[Said]:
    """What must be known of the texts and of what reads them."""
    if texts is None or classifier is None:
        return []
    notes = [_SYNTHETIC] if texts.synthetic else []
    facts = classifier.facts
    if "refits" in facts:
        return [*notes, *_about_refits(facts)]
    cutoff = facts["knowledge_cutoff"]
    if cutoff is None:
        return [*notes, _UNDATED]
    inside = int((texts.available_at <= pd.Timestamp(cutoff)).sum())
    if inside:
        notes.append(_CONTAMINATED.fill(n=inside, all=len(texts), cutoff=cutoff))
    return notes


def about_cleaning(reading: Reading | None) -> list[Said]:
    """What was left out of the texts before they were counted, and what their names rest on."""
    if reading is None or reading.cleaning is None:
        return []
    report = reading.cleaning
    if not report.dropped:
        return list(report.remarks)
    return [_CLEANED.fill(n=f"{report.dropped:,}", all=f"{report.texts:,}"), *report.remarks]


def _about_refits(facts: Mapping[str, Any]) -> list[Said]:
    first = f"{pd.Timestamp(facts['first_model']):%Y-%m-%d}"
    notes = [_REFITTED.fill(n=facts["refits"], every=facts["refit_every"], first=first)]
    return [*notes, _UNDATED] if facts["base_undated"] else notes


def _about_memory(forecasts: Forecasts | None) -> list[Said]:
    """One note for each pre-trained model that was scored on what it may have seen."""
    if forecasts is None or "contaminated" not in forecasts.frame.columns:
        return []
    notes = []
    for model, rows in forecasts.frame.groupby("model", sort=True):
        seen = rows[rows["contaminated"].fillna(False).astype(bool)]
        if len(seen):
            last = f"{seen['session'].max():%Y-%m-%d}"
            notes.append(_SEEN_BEFORE.fill(names=model, n=len(seen), all=len(rows), last=last))
    return notes


def _about_quality(quality: pd.DataFrame) -> list[Said]:
    if quality.empty:
        return []
    good = quality[(quality["accuracy"] > _TOO_GOOD) & (quality["n"] >= _ENOUGH)]
    notes = [_TOO_GOOD_DIRECTION.fill(model=r.model, accuracy=r.accuracy) for r in good.itertuples()]
    tested = quality["p_value"].dropna()
    # Bonferroni: of twenty coin flips one is "significant" at 5 %.
    if len(tested) and not (tested < _LEVEL / len(tested)).any():
        notes.append(_NONE_BETTER.fill(n=len(tested), least=tested.min(), needed=_LEVEL / len(tested)))
    return notes
