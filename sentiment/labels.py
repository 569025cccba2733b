"""Labelled texts: reading, cleaning and splitting what a classifier learns from.

Hand-labelled sets are dirty: the same text twice, the same text with two labels, evaluation texts
that stand in training as well.  Each of these makes a classifier look better than it is, so they are
removed first and counted in the report.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..core import DataError
from ..core.errors import near_names
from ._sample import SAMPLE_FOLDER
from .identity import normalised

LABELS = ("neg", "neu", "pos")
"""The classes, in the order of every table of probabilities."""

NUMBERED = {"0": "neg", "1": "neu", "2": "pos"}
"""What labels are called in most files that number them."""

ALIASES: Mapping[str, str] = {
    **dict.fromkeys(
        ("neg", "negative", "bearish", "消极", "负面", "利空", "看空", "看跌", "悲观"), "neg"
    ),
    **dict.fromkeys(("neu", "neutral", "中性", "中立", "持平"), "neu"),
    **dict.fromkeys(
        ("pos", "positive", "bullish", "积极", "正面", "利好", "看多", "看涨", "乐观"), "pos"
    ),
}
"""What classes are called elsewhere, in lower case."""


@dataclass(frozen=True)
class CleanReport:
    """Rows read and kept, and why the others went; `duplicates` counts repeats, `conflicting` texts."""

    rows: int
    empty: int
    duplicates: int
    conflicting: int
    held_out: int
    kept: int


def read_labels(
    path: str | Path,
    *,
    label: str = "label",
    text: str = "text",
    time: str = "",
    labels: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
) -> pd.DataFrame:
    """A file of labelled texts as `label` (neg, neu, pos), `text` and, where `time` names it, `time`.

    A CSV with the columns `label` and `text` (or those named here), or a JSON list of
    `[text, label]` pairs, as FinFE ships.  `labels` says what each of the file's labels means, in
    place of `NUMBERED` and `ALIASES`.  Nothing is removed; see `clean_labels`.
    Raises `DataError` for a missing column and for a label that means nothing.
    """
    found = Path(path)
    if not found.is_file():
        raise DataError(f"there is no file {str(found)!r} of labelled texts")
    raw = _json(found, encoding) if found.suffix == ".json" else _csv(found, encoding)
    wanted = {"label": label, "text": text} | ({"time": time} if time else {})
    if found.suffix == ".json":
        wanted = {"label": "label", "text": "text"}
    for theirs in wanted.values():
        if theirs not in raw.columns:
            raise DataError(f"{found.name} has no column {theirs!r}: it has {list(raw.columns)}")
    table = pd.DataFrame({ours: raw[theirs] for ours, theirs in wanted.items()})
    table["label"] = _named(table["label"], labels, found.name)
    return table


def sample_labels() -> pd.DataFrame:
    """The embedded labelled texts: synthetic sentences, written for the demonstration."""
    return read_labels(SAMPLE_FOLDER / "labels.csv")


def clean_labels(table: pd.DataFrame, held_out: Sequence[str] = ()) -> tuple[pd.DataFrame, CleanReport]:
    """Each text once: no empty ones, no duplicates, none with two labels, none of `held_out`.

    Texts are compared without case, width and white space.  Of duplicates the first stays; where
    labels conflict none does.  `held_out` are texts of an evaluation that training may not see.
    """
    check_table(table)
    key = table["text"].map(normalised)
    full = table[key != ""].assign(key=key[key != ""])
    labels = full.groupby("key")["label"].nunique()
    conflict = full["key"].isin(labels.index[labels > 1])
    unique = full[~conflict].drop_duplicates("key")
    reserved = unique["key"].isin({normalised(text) for text in held_out})
    kept = unique[~reserved].drop(columns="key").reset_index(drop=True)
    conflicting = int((labels > 1).sum())
    report = CleanReport(
        rows=len(table),
        empty=len(table) - len(full),
        duplicates=len(full) - len(labels),
        conflicting=conflicting,
        held_out=int(reserved.sum()),
        kept=len(kept),
    )
    return kept, report


def check_table(table: pd.DataFrame) -> None:
    """`DataError` unless the table has `label` (neg, neu, pos) and `text`, without gaps."""
    for name in ("label", "text"):
        if name not in table.columns:
            raise DataError(f"labelled texts lack the column {name!r}; received {list(table.columns)}")
    unknown = set(table["label"].astype(str)) - set(LABELS)
    if unknown:
        raise DataError(f"labels are neg, neu and pos, received {sorted(unknown)[0]!r}: use read_labels")
    if not table["text"].map(lambda text: isinstance(text, str)).all():
        raise DataError("a labelled text is missing: every row needs one")


def stratified_split(labels: pd.Series, fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Positions for training and validation, each label in the same proportion, shuffled by `seed`.

    At least one row of every label goes to validation.
    """
    generator = np.random.default_rng(seed)
    train: list[int] = []
    valid: list[int] = []
    for label in LABELS:
        rows = generator.permutation(np.flatnonzero((labels == label).to_numpy()))
        if not len(rows):
            continue
        if len(rows) < 2:
            raise DataError(f"the label {label!r} has one text only: training needs at least two")
        size = min(max(1, round(len(rows) * fraction)), len(rows) - 1)
        valid += rows[:size].tolist()
        train += rows[size:].tolist()
    return generator.permutation(train).tolist(), sorted(valid)


def _csv(path: Path, encoding: str) -> pd.DataFrame:
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding=encoding)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, LookupError) as error:
        raise DataError(f"{path.name} is no CSV file that can be read: {error}") from error
    raw.columns = [str(c).removeprefix("\ufeff").strip() for c in raw.columns]
    return raw


def _json(path: Path, encoding: str) -> pd.DataFrame:
    try:
        rows = json.loads(path.read_text(encoding=encoding))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} is no JSON file that can be read: {error}") from error
    pairs = isinstance(rows, list) and all(isinstance(row, list) and len(row) == 2 for row in rows)
    if not pairs:
        raise DataError(f"{path.name} is no JSON list of [text, label] pairs")
    return pd.DataFrame([(str(t), str(c)) for t, c in rows], columns=["text", "label"], dtype=object)


def _named(values: pd.Series, labels: Mapping[str, str] | None, name: str) -> pd.Series:
    meaning = dict(labels) if labels is not None else {**ALIASES, **NUMBERED}
    wrong = sorted(set(meaning.values()) - set(LABELS))
    if wrong:
        raise DataError(f"labels map to neg, neu or pos, received {wrong[0]!r}")
    given = values.str.strip()
    named = given.map(meaning) if labels is not None else given.str.lower().map(meaning)
    if named.isna().any():
        bad = given[named.isna()].iloc[0]
        raise DataError(f"{name}: the label {bad!r} means nothing here: {near_names(bad, meaning)}")
    return named
