"""Which labelled texts train, which choose, and which only judge.

Three parts.  The first fits the weights; the second picks the epoch (or the penalty) and fits the
temperature; the third has had no part in either, so that what is reported on it is out of sample.

- "stratified": every label in the same proportion in each part, shuffled by the seed.
- "time": the earliest texts train, the next choose, the latest judge.  Texts of one moment stay
  together.  Forum language moves with the market, so this is the harder and the truer question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from ...core import DataError, Settings
from ...core.hashing import hash_frame
from .labels import LABELS, CleanReport, clean_labels, label_times

ClassWeights = Literal["none", "balanced"]


class SplitSettings(Settings):
    """What every classifier's training has in common.

    valid, test
        Shares of the texts that choose and that judge.
    """

    split: Literal["stratified", "time"] = "stratified"
    valid: float = Field(default=0.1, gt=0, lt=1)
    test: float = Field(default=0.1, ge=0, lt=1)
    seed: int = 0

    @model_validator(mode="after")
    def _some_left(self) -> "SplitSettings":
        if self.valid + self.test >= 1:
            raise ValueError(f"valid {self.valid} and test {self.test} leave no text to train on")
        return self


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Cleaned texts and their parts, as positions in `frame`.

    frame
        `label`, `text` and, where they are dated, `time`: the texts kept, then those of a test set that
        was brought along.
    classes
        ("neg", "neu", "pos"), or ("neg", "pos") where no text is neutral.
    knowledge_cutoff
        The last moment that the texts kept (and the base) can have seen; None where undated.
    """

    frame: pd.DataFrame
    train: list[int]
    valid: list[int]
    test: list[int]
    clean: CleanReport
    classes: tuple[str, ...]
    knowledge_cutoff: pd.Timestamp | None
    data_hash: str
    window: tuple[str, str] | None
    untimed: int = 0

    @property
    def cutoff(self) -> str | None:
        """`knowledge_cutoff`, ISO."""
        return None if self.knowledge_cutoff is None else str(self.knowledge_cutoff.isoformat())

    @property
    def judged(self) -> list[int]:
        """The rows that figures are reported on: the test's, where there is one."""
        return self.test or self.valid

    def part(self, rows: Sequence[int]) -> pd.DataFrame:
        """Some rows of `frame`, numbered anew."""
        return self.frame.iloc[list(rows)].reset_index(drop=True)


def split_labels(
    table: pd.DataFrame,
    settings: SplitSettings,
    held_out: Sequence[str] = (),
    test: pd.DataFrame | None = None,
    base_cutoff: str | None = "",
) -> LabelledRows:
    """Clean a table of labelled texts and part it.

    `held_out` are texts that training may not see; `test` is a labelled test set, cleaned as well, whose
    texts training may not see either and which takes the place of the third part.  `base_cutoff` is the
    last date that a base model can have seen: "" without a base, None where that is not known.
    Raises `DataError` for a table that cannot be learned from.
    """
    judged = None if test is None else _judged(test)
    reserved = [*held_out, *([] if test is None else test["text"])]
    kept, clean = clean_labels(table, reserved)
    untimed = 0
    if settings.split == "time":
        dated = label_times(kept).notna()
        if not dated.any():
            raise DataError(
                "a split by time needs the times of the labelled texts: name their column, or split "
                "stratified"
            )
        untimed = int((~dated).sum())
        kept = kept[dated].reset_index(drop=True)
    classes = _classes(kept)
    share = 0.0 if judged is not None else settings.test
    if settings.split == "time":
        train, valid, last = time_split(label_times(kept), settings.valid, share)
        _check_known(kept, train, classes)
    else:
        train, valid, last = stratified_split(kept["label"], settings.valid, settings.seed, share)
    frame = kept
    if judged is not None:
        _check_asked(judged, classes)
        last = list(range(len(kept), len(kept) + len(judged)))
        frame = pd.concat([kept, judged.reindex(columns=kept.columns)], ignore_index=True)
    return LabelledRows(
        frame=frame,
        train=train,
        valid=valid,
        test=last,
        clean=clean,
        classes=classes,
        knowledge_cutoff=knowledge_cutoff(kept, base_cutoff),
        data_hash=hash_frame(kept),
        window=(str(kept["time"].min()), str(kept["time"].max())) if "time" in kept else None,
        untimed=untimed,
    )


def stratified_split(
    labels: pd.Series, valid: float, seed: int, test: float = 0.0
) -> tuple[list[int], list[int], list[int]]:
    """Positions that train, choose and judge, each label in the same proportion, shuffled by `seed`.

    At least one row of every label trains and one chooses; one judges, where `test` is above 0.
    """
    generator = np.random.default_rng(seed)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for label in LABELS:
        rows = generator.permutation(np.flatnonzero((labels == label).to_numpy()))
        if not len(rows):
            continue
        needed = 3 if test else 2
        if len(rows) < needed:
            raise DataError(
                f"the label {label!r} has {len(rows)} of the {needed} texts that training needs at least"
            )
        last = max(1, round(len(rows) * test)) if test else 0
        last = min(last, len(rows) - 2)
        choose = min(max(1, round(len(rows) * valid)), len(rows) - last - 1)
        parts[1].extend(rows[:choose].tolist())
        parts[2].extend(rows[choose : choose + last].tolist())
        parts[0].extend(rows[choose + last :].tolist())
    return generator.permutation(parts[0]).tolist(), sorted(parts[1]), sorted(parts[2])


def time_split(
    times: pd.Series, valid: float, test: float = 0.0
) -> tuple[list[int], list[int], list[int]]:
    """Positions that train, choose and judge, in this order of time; no moment is in two parts."""
    ordered = times.sort_values(kind="stable")
    first_test = _from_share(ordered, test)
    first_valid = _from_share(ordered, valid + test)
    moments = times.to_numpy()
    train = np.flatnonzero(moments < first_valid)
    choose = np.flatnonzero((moments >= first_valid) & (moments < first_test))
    judge = np.flatnonzero(moments >= first_test)
    if not len(train) or not len(choose) or (test and not len(judge)):
        raise DataError(
            f"{times.nunique()} different times cannot be split into an earlier and a later part: "
            "split stratified"
        )
    return train.tolist(), choose.tolist(), judge.tolist()


def knowledge_cutoff(kept: pd.DataFrame, base: str | None = "") -> pd.Timestamp | None:
    """The last moment that texts and base can have seen; None where either is undated."""
    moments = label_times(kept)
    if moments.isna().any() or not len(moments) or base is None:
        return None
    last = moments.max().tz_convert("Asia/Shanghai")
    if not base:
        return last
    known = label_times(pd.DataFrame({"time": [base]})).iloc[0]
    if pd.isna(known):
        raise DataError(f"the knowledge cut-off of the base is {base!r}: write a date, YYYY-MM-DD")
    return max(last, known.tz_convert("Asia/Shanghai"))


def label_weights(labels: pd.Series, weights: ClassWeights) -> dict[str, float]:
    """By label: 1, or `texts / (labels x texts of the label)`, so that every label weighs the same."""
    counts = labels.value_counts()
    if weights == "none":
        return dict.fromkeys(counts.index, 1.0)
    return {name: len(labels) / (len(counts) * count) for name, count in counts.items()}


def _from_share(ordered: pd.Series, share: float) -> np.datetime64 | pd.Timestamp:
    """The moment from which on the latest `share` of the texts lie; past the last one for none."""
    rows = round(len(ordered) * share)
    if not share:
        return ordered.iloc[-1] + pd.Timedelta(1, "ns")
    return ordered.iloc[max(len(ordered) - max(rows, 1), 0)]


def _judged(test: pd.DataFrame) -> pd.DataFrame:
    kept, _ = clean_labels(test)
    if kept.empty:
        raise DataError("no text of the test set is left after cleaning: it needs labelled texts")
    return kept


def _classes(kept: pd.DataFrame) -> tuple[str, ...]:
    counts = kept["label"].value_counts().reindex(list(LABELS), fill_value=0)
    few = counts[["neg", "pos"]].min() < 2 or counts["neu"] == 1
    if few:
        raise DataError(
            "neg and pos need two texts each after cleaning, neu two or none, received "
            f"{counts.to_dict()}"
        )
    return LABELS if counts["neu"] else ("neg", "pos")


def _check_asked(judged: pd.DataFrame, classes: Sequence[str]) -> None:
    strange = sorted(set(judged["label"]) - set(classes))
    if strange:
        raise DataError(
            f"the test set has the label {strange[0]!r}, which no training text has: take it out, or "
            "train on it"
        )


def _check_known(kept: pd.DataFrame, train: Sequence[int], classes: Sequence[str]) -> None:
    counts = kept["label"].iloc[list(train)].value_counts().reindex(list(classes), fill_value=0)
    if (counts < 1).any():
        raise DataError(
            f"the earlier part, which trains, has {counts.to_dict()}: every label must occur in it; "
            "split stratified"
        )
