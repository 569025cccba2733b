"""Getting an experiment's scorer ready: load it, or train it once and find it again.

A classifier trained from labels is kept under the hash of its cleaned labels and settings, so the same
experiment never trains twice and a changed label always does.  A training that was interrupted goes on
after its last whole epoch.

What may have learned from the texts that it reads is refused, unless the experiment says
`contaminated = true`: see docs/adr/0009-classifiers-in-the-walk-forward.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ..core import QUIET, ConfigError, DataError, Progress, Texts
from ..core.hashing import hash_frame, hash_json
from ..core.places import expand
from ..sentiment import (
    LinearSettings,
    Scorer,
    TrainingSettings,
    clean_labels,
    load_scorer,
    read_labels,
    sample_labels,
    train_classifier,
    train_linear,
)
from ..sentiment.scorers.refitting import Refit, RefittedScorer, block_starts, known_labels
from ..sentiment.training.labels import label_times
from ..sentiment.training.splitting import knowledge_cutoff
from .classifier_check import check_by_symbol, read_check
from .experiment_file import ClassifierSettings
from .workspace import Workspace


@dataclass(frozen=True, eq=False)
class Ready:
    """A scorer and what is known of it.

    texts
        The texts that it can read: all of them, but for those before the first of several models.
    check
        One row a symbol and one for all.
    refits
        As `RefittedScorer.table`; empty for a single model.
    """

    classifier: Scorer
    texts: Texts | None = None
    check: pd.DataFrame = field(default_factory=pd.DataFrame)
    refits: pd.DataFrame = field(default_factory=pd.DataFrame)


def prepare_classifier(
    settings: ClassifierSettings,
    workspace: Workspace,
    texts: Texts | None = None,
    progress: Progress = QUIET,
    calendar: str = "XSHG",
) -> Ready:
    """The scorer of an experiment, trained where it must be, measured where labels allow it.

    `calendar` is the exchange whose sessions `refit_every` counts.  Raises `ConfigError` for a scorer
    that may have learned from `texts`, unless that is said, `DataError` where none can be trained.
    """
    held_out = None if settings.check is None else read_check(settings.check)
    source = settings.source
    readable, refits = texts, pd.DataFrame()
    scorer: Scorer
    if source is not None:
        scorer = _loaded(settings, source)
        _refuse_contaminated(settings, scorer.warnings, texts)
    elif settings.refit_every is not None:
        refitted = _refitted(settings, workspace, held_out, texts, progress, calendar)
        readable = refitted.readable(texts) if texts is not None else None
        scorer, refits = refitted, refitted.table()
        _tell_left_out(texts, readable, refitted, progress)
    else:
        scorer = _trained(settings, workspace, held_out, texts, progress)
    check = pd.DataFrame()
    if held_out is not None:
        check = check_by_symbol(scorer, held_out, texts, progress)
    return Ready(scorer, readable, check, refits)


def _loaded(settings: ClassifierSettings, source: str) -> Scorer:
    return load_scorer(
        _model(source),
        kind=settings.kind,
        labels=settings.output_names,
        precision=settings.precision,
        threads=settings.training.threads,
    )


def _trained(
    settings: ClassifierSettings,
    workspace: Workspace,
    held_out: pd.DataFrame | None,
    texts: Texts | None,
    progress: Progress,
) -> Scorer:
    table, reserved = _labels(settings), _reserved(held_out)
    kept, _ = clean_labels(table, reserved)
    cutoff = knowledge_cutoff(kept, _base_cutoff(settings))
    # Asked before the training, which may take an hour.
    untimed = int(label_times(kept).isna().sum()) if settings.time else 0
    _refuse_contaminated(settings, lambda some: _known_of(cutoff, some, untimed), texts)
    folder = _fit(settings, workspace, table, reserved, progress)
    return _open(settings, folder)


def _refitted(
    settings: ClassifierSettings,
    workspace: Workspace,
    held_out: pd.DataFrame | None,
    texts: Texts | None,
    progress: Progress,
    calendar: str,
) -> RefittedScorer:
    if texts is None or settings.refit_every is None:
        raise ConfigError("a classifier that is trained again as time goes on needs texts with times")
    table, reserved = _labels(settings), _reserved(held_out)
    base = _base_cutoff(settings)
    _refuse_contaminated(settings, lambda some: _known_of_base(base, some), texts)
    moments = texts.available_at
    if held_out is not None and "time" in held_out:
        moments = pd.concat([moments, label_times(held_out).dropna()])
    refits: list[Refit] = []
    starts = block_starts(moments, calendar, settings.refit_every)
    for number, since in enumerate(starts, start=1):
        known = known_labels(table, since, settings.label_delay)
        if not _enough(known, reserved, settings.min_labels):
            continue
        progress.note(f"classifier {number} of {len(starts)}: labels known at {since:%Y-%m-%d}")
        folder = _fit(settings, workspace, known, reserved, progress)
        if refits and folder == refits[-1].folder:
            continue
        model = _open(settings, folder)
        cutoff = knowledge_cutoff(clean_labels(known, reserved)[0])
        if cutoff is None:  # every known label has a time
            raise DataError("a label without a time cannot be used in a walk-forward")
        labels = int(model.facts["kept"])
        refits.append(Refit(since, folder, model.fingerprint, cutoff, labels, model.facts))
    more = {
        "refit_every": settings.refit_every,
        "label_delay": settings.label_delay,
        "base_undated": bool(_known_of_base(base, texts)),
    }
    if not refits:
        raise DataError(
            f"no block of {settings.refit_every} sessions has {settings.min_labels} labelled texts "
            "before it: lower min_labels, or give earlier labels"
        )
    return RefittedScorer.of(refits, lambda folder: _open(settings, folder), more)


def _fit(
    settings: ClassifierSettings,
    workspace: Workspace,
    table: pd.DataFrame,
    reserved: list[str],
    progress: Progress,
) -> Path:
    """The folder of the model of these labels, trained where it is not there yet."""
    chosen: TrainingSettings | LinearSettings
    chosen = settings.linear if settings.kind == "linear" else settings.training
    kept, _ = clean_labels(table, reserved)
    key = hash_json([settings.kind, hash_frame(kept), chosen.model_dump(mode="json")])[:16]
    folder = workspace.classifiers / key
    if folder.is_dir():
        return folder
    if isinstance(chosen, LinearSettings):
        train_linear(table, chosen, folder, progress, reserved)
        return folder
    training = chosen.model_copy(update={"base": _model(chosen.base)})
    unfinished = workspace.checkpoints / "classifier"
    alone = settings.refit_every is None  # of many models nobody reads each one's table
    train_classifier(table, training, folder, progress, unfinished, reserved, compare=alone)
    return folder


def _open(settings: ClassifierSettings, folder: Path) -> Scorer:
    return load_scorer(folder, precision=settings.precision, threads=settings.training.threads)


def _labels(settings: ClassifierSettings) -> pd.DataFrame:
    if settings.labels is None:
        raise ConfigError("[classifier] needs 'labels' to train from")
    if settings.labels == "sample":
        return sample_labels()
    return read_labels(
        expand(settings.labels),
        label=settings.label,
        text=settings.text,
        time=settings.time,
        labels=settings.label_names or None,
    )


def _reserved(held_out: pd.DataFrame | None) -> list[str]:
    return [] if held_out is None else held_out["text"].tolist()


def _enough(known: pd.DataFrame, reserved: list[str], least: int) -> bool:
    if len(known) < least:
        return False
    kept, _ = clean_labels(known, reserved)
    counts = kept["label"].value_counts()
    return len(kept) >= least and {"neg", "pos"} <= set(counts.index) and counts.min() >= 3


def _refuse_contaminated(
    settings: ClassifierSettings, warnings: Callable[[Texts], tuple[str, ...]], texts: Texts | None
) -> None:
    """`ConfigError` where a scorer may know the texts' future and the experiment does not say so."""
    if texts is None or settings.contaminated:
        return
    for sentence in warnings(texts):
        raise ConfigError(
            f"[classifier] {sentence}; give dated labels and refit_every, or say contaminated = true to "
            "run all the same, with a warning in the report",
            key="classifier",
        )


def _known_of(cutoff: pd.Timestamp | None, texts: Texts, untimed: int = 0) -> tuple[str, ...]:
    """What a model that has learned up to `cutoff` may know of the texts, as `Scorer.warnings`."""
    if cutoff is None and untimed:
        return (f"{untimed} of its labels have no time: they may be of the time that it reads",)
    if cutoff is None:
        return ("its labels (or its base) are undated: it may have learned from the time that it reads",)
    inside = int((texts.available_at <= cutoff).sum())
    if not inside:
        return ()
    return (f"{inside} of {len(texts)} texts are not later than {cutoff}, the last of its labels",)


def _known_of_base(base: str | None, texts: Texts) -> tuple[str, ...]:
    if base == "":
        return ()
    cutoff = None if base is None else label_times(pd.DataFrame({"time": [base]})).iloc[0]
    return _known_of(cutoff, texts)


def _base_cutoff(settings: ClassifierSettings) -> str | None:
    """The last date that a base can have seen: "" without a base, None where that is not known."""
    if settings.kind == "linear" or not settings.training.base:
        return ""
    return settings.training.base_knowledge_cutoff or None


def _tell_left_out(
    texts: Texts | None, readable: Texts | None, scorer: RefittedScorer, progress: Progress
) -> None:
    if texts is None or readable is None:
        return
    if not len(readable):
        raise DataError(
            f"every text is older than the first classifier, of {scorer.refits[0].since:%Y-%m-%d}: give "
            "earlier labels"
        )
    gone = len(texts) - len(readable)
    if gone:
        progress.note(
            f"{gone} of {len(texts)} texts are older than the first classifier, of "
            f"{scorer.refits[0].since:%Y-%m-%d}: they have no score and are left out"
        )


def _model(name: str) -> str:
    """A hub id stays as it is; a folder gets its home and variables filled in."""
    return str(expand(name)) if name.startswith(("~", "$")) else name
