"""The plain facts of the page, named in both languages, in an order that a reader can follow.

Two lists: what is known of the text classifier (the training card of `qushi.sentiment` and what loading
added to it) and where the run comes from.  A key that is not known here is shown last, under its own
name: a fact is never dropped.  Hashes are cut for the eye; the whole one stands in the title.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.notes import Said
from .cells import percent


@dataclass(frozen=True)
class Fact:
    """One fact: its name, its value, and the whole value where the shown one is cut."""

    label: Said
    value: Said
    whole: str = ""


_WORDS = {
    "unknown": Said("unknown", "未知"),
    "True": Said("yes", "是"),
    "False": Said("no", "否"),
}
_HASH = re.compile(r"[0-9a-f]{17,}")


def _share(value: float) -> str:
    return percent(value)


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _seconds(value: float) -> str:
    return f"{value:,.1f} s"


_CLASSIFIER: dict[str, tuple[Said, Callable[[float], str] | None]] = {
    "name": (Said("Model", "模型"), None),
    "model": (Said("Model", "模型"), None),
    "kind": (Said("Kind", "类别"), None),
    "parameters": (Said("Parameters", "参数量"), _whole),
    "knowledge_cutoff": (Said("Has seen texts up to", "训练文本截止"), None),
    "dated": (Said("Training texts are dated", "训练文本有日期"), None),
    "window": (Said("Training texts from, to", "训练文本起止"), None),
    "accuracy": (Said("Accuracy on texts held back", "留出文本上的准确率"), _share),
    "majority": (Said("Always the most frequent label", "始终取最常见标签"), _share),
    "balanced_accuracy": (Said("Mean over the labels", "各标签准确率均值"), _share),
    "macro_f1": (Said("Macro F1", "宏平均 F1"), None),
    "log_loss": (Said("Log loss", "对数损失"), None),
    "brier": (Said("Brier score", "Brier 得分"), None),
    "ece": (Said("Calibration error (ECE)", "校准误差（ECE）"), None),
    "temperature": (Said("Temperature", "温度"), None),
    "refits": (Said("Trained so many times", "训练次数"), _whole),
    "refit_every": (Said("Trained again every (sessions)", "再训练间隔（交易日）"), _whole),
    "label_delay": (Said("Labels usable after (days)", "标签延迟（天）"), None),
    "first_model": (Said("First model of", "首个模型时刻"), None),
    "base_undated": (Said("Base may know the future", "基座模型可能含未来信息"), None),
    "rows": (Said("Labelled texts", "标注文本"), _whole),
    "duplicates": (Said("Duplicates taken out", "剔除的重复文本"), _whole),
    "conflicting": (Said("Conflicting labels taken out", "剔除的标签矛盾文本"), _whole),
    "held_out": (Said("Held out for the check", "为核对而留出"), _whole),
    "kept": (Said("Texts kept", "保留文本"), _whole),
    "untimed": (Said("Without a time, left out", "无时间而未用"), _whole),
    "train_rows": (Said("Trained on", "用于训练"), _whole),
    "valid_rows": (Said("Used to choose", "用于选择"), _whole),
    "test_rows": (Said("Held back to test", "留出测试"), _whole),
    "c": (Said("Inverse penalty C", "正则倒数 C"), None),
    "best_epoch": (Said("Epoch kept", "采用的轮次"), _whole),
    "seed": (Said("Seed", "随机种子"), None),
    "max_length": (Said("Cut after (tokens)", "截断长度（词元）"), _whole),
    "seconds": (Said("Training took", "训练用时"), _seconds),
    "device": (Said("Device", "设备"), None),
    "fingerprint": (Said("Hash of the model", "模型哈希"), None),
    "data_hash": (Said("Hash of the training texts", "训练文本哈希"), None),
    "vocabulary_hash": (Said("Hash of the vocabulary", "词表哈希"), None),
    "torch": (Said("Trained with torch", "训练所用 torch"), None),
    "transformers": (Said("Trained with transformers", "训练所用 transformers"), None),
}
_PROVENANCE: dict[str, tuple[Said, Callable[[float], str] | None]] = {
    "source of bars": (Said("Source of the bars", "行情来源"), None),
    "texts": (Said("Texts read", "文本条数"), None),
    "seeds": (Said("Seeds", "随机种子"), None),
    "seconds": (Said("The run took", "运行用时"), _seconds),
    "hash of bars": (Said("Hash of the bars", "行情哈希"), None),
    "hash of benchmark": (Said("Hash of the benchmark", "基准哈希"), None),
    "hash of texts": (Said("Hash of the texts", "文本哈希"), None),
    "hash of classifier": (Said("Hash of the classifier", "分类器哈希"), None),
    "qushi": (Said("qushi", "qushi"), None),
    "python": (Said("Python", "Python"), None),
}


def classifier_facts(facts: Mapping[str, Any]) -> tuple[Fact, ...]:
    """What is known of the classifier, most telling first."""
    return _listed(facts, _CLASSIFIER)


def provenance(facts: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Where the run comes from: data, then hashes, then versions."""
    return _listed(facts, _PROVENANCE)


def _listed(
    facts: Mapping[str, Any], known: Mapping[str, tuple[Said, Callable[[float], str] | None]]
) -> tuple[Fact, ...]:
    ordered = [*(key for key in known if key in facts), *(key for key in facts if key not in known)]
    found = []
    for key in ordered:
        plain = key.replace("_", " ")
        label, form = known.get(key, (Said(plain, plain), None))
        found.append(_fact(label, str(facts[key]), form))
    return tuple(found)


def _fact(label: Said, value: str, form: Callable[[float], str] | None) -> Fact:
    if value in _WORDS:
        return Fact(label, _WORDS[value])
    if _HASH.fullmatch(value):
        short = f"{value[:12]}…"
        return Fact(label, Said(short, short), value)
    # A value that somebody has already put into words stays as it is.
    if form is not None and re.fullmatch(r"-?\d+(\.\d+)?", value):
        value = form(float(value))
    return Fact(label, Said(value, value))
