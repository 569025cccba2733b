"""Labelled texts: what their labels mean, and which of them a classifier may learn from.

Hand-labelled sets are dirty: the same text twice, the same text with two labels, evaluation texts
that stand in training as well.  Each of these makes a classifier look better than it is, so they are
removed first and counted in the report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ...core import DataError
from ...core.calendar import ZONES
from ...core.errors import near_names
from .._sample import SAMPLE_FOLDER
from ..identity import normalised
from ..sources._times import DAY_END, read_times
from ._label_files import read_rows

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

CONFLICTS = ("text", "labels", "counts")


@dataclass(frozen=True)
class CleanReport:
    """Rows read and kept, and why the others went; `duplicates` counts repeats, `conflicting` texts.

    conflicts
        The texts that carry several labels, most rows first: `text`, `labels` and `counts`, with blanks
        between, in the same order.
    """

    rows: int
    empty: int
    duplicates: int
    conflicting: int
    held_out: int
    kept: int
    conflicts: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(CONFLICTS)), compare=False, repr=False
    )


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

    CSV, Parquet, JSON (a list of objects or, as FinFE ships, of `[text, label]` pairs) or JSON lines,
    by the file's name; the columns are `label` and `text` or those named here.  `labels` says what each
    of the file's labels means, beside `ALIASES` and in place of `NUMBERED`.  Nothing is removed; see
    `clean_labels`.  Raises `DataError` for a missing column and for a label that means nothing.
    """
    found = Path(path)
    raw = read_rows(found, encoding)
    pairs = {"label": "label", "text": "text"} if raw.attrs.get("pairs") else None
    wanted = pairs or {"label": label, "text": text} | ({"time": time} if time else {})
    for theirs in wanted.values():
        if theirs not in raw.columns:
            raise DataError(f"{found.name} has no column {theirs!r}: it has {list(raw.columns)}")
    table = pd.DataFrame({ours: raw[theirs] for ours, theirs in wanted.items()})
    table["label"] = _named(table["label"].astype(str), labels, found.name)
    table["text"] = table["text"].where(table["text"].notna(), "").astype(str)
    return table


def sample_labels() -> pd.DataFrame:
    """The embedded labelled texts: synthetic sentences, written for the demonstration."""
    return read_labels(SAMPLE_FOLDER / "labels.csv")


def clean_labels(table: pd.DataFrame, held_out: Sequence[str] = ()) -> tuple[pd.DataFrame, CleanReport]:
    """Each text once: no empty ones, no duplicates, none with two labels, none of `held_out`.

    Texts are compared without case, width and white space.  Of duplicates the first stays, the earliest
    where the table has `time`; where labels conflict none does.  `held_out` are texts of an evaluation
    that training may not see.
    """
    check_table(table)
    key = table["text"].map(normalised)
    full = table[key != ""].assign(key=key[key != ""])
    labels = full.groupby("key")["label"].nunique()
    conflict = full["key"].isin(labels.index[labels > 1])
    unique = _in_time(full[~conflict]).drop_duplicates("key").sort_index()
    reserved = unique["key"].isin({normalised(text) for text in held_out})
    kept = unique[~reserved].drop(columns="key").reset_index(drop=True)
    report = CleanReport(
        rows=len(table),
        empty=len(table) - len(full),
        duplicates=len(full) - len(labels),
        conflicting=int((labels > 1).sum()),
        held_out=int(reserved.sum()),
        kept=len(kept),
        conflicts=_conflicts(full[conflict]),
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


def label_times(table: pd.DataFrame) -> pd.Series:
    """UTC moments of the labelled texts, NaT where there is none.

    A time without a zone is Shanghai's; a date without a clock is the end of that date.
    """
    if "time" not in table.columns:
        return pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns, UTC]")
    given = table["time"]
    if not pd.api.types.is_datetime64_any_dtype(given):
        return read_times(given.where(given.notna(), "").astype(str), "", ZONES["XSHG"])
    if isinstance(given.dtype, pd.DatetimeTZDtype):
        return given.dt.tz_convert("UTC").astype("datetime64[ns, UTC]")
    # A file of dates alone arrives as midnights: each is the end of its date, never its beginning.
    bare = (given.dropna() == given.dropna().dt.normalize()).all()
    local = (given + DAY_END if bare else given).dt.tz_localize(ZONES["XSHG"])
    return local.dt.tz_convert("UTC").astype("datetime64[ns, UTC]")


def _in_time(table: pd.DataFrame) -> pd.DataFrame:
    if "time" not in table.columns:
        return table
    return table.loc[label_times(table).sort_values(kind="stable", na_position="last").index]


def _conflicts(rows: pd.DataFrame) -> pd.DataFrame:
    found = []
    for _, same in rows.groupby("key", sort=False):
        counts = same["label"].value_counts().reindex(list(LABELS)).dropna().astype(int)
        found.append(
            (same["text"].iloc[0], " ".join(counts.index), " ".join(map(str, counts)), len(same))
        )
    table = pd.DataFrame(found, columns=[*CONFLICTS, "rows"])
    return table.sort_values("rows", ascending=False, kind="stable")[list(CONFLICTS)].reset_index(
        drop=True
    )


def _named(values: pd.Series, labels: Mapping[str, str] | None, name: str) -> pd.Series:
    given = values.str.strip()
    told = {str(theirs).strip(): ours for theirs, ours in (labels or {}).items()}
    meaning = {theirs: ALIASES.get(ours.strip().lower(), "") for theirs, ours in told.items()}
    wrong = sorted(told[theirs] for theirs, ours in meaning.items() if not ours)
    if wrong:
        raise DataError(f"labels map to neg, neu or pos, received {wrong[0]!r}")
    usual = ALIASES if told else {**ALIASES, **NUMBERED}
    named = given.map(meaning)
    named = named.where(named.notna(), given.str.lower().map(usual))
    if named.isna().any():
        bad = given[named.isna()].iloc[0]
        raise DataError(
            f"{name}: the label {bad!r} means nothing here: {near_names(bad, {**usual, **meaning})}; "
            "say what the file's labels mean, as in 利好=pos"
        )
    return named
