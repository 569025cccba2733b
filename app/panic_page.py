"""`qushi panic`: the index of an experiment's texts, and the page that draws it.

A run draws the same page beside its report: `panic_page_of` takes what either of them has computed.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from ..backtests.runs import versions
from ..core import QUIET, Bars, DataError, PanicIndex, Progress
from ..core.errors import near_names
from ..core.notes import Said
from ..core.panic import ALL, DIVERGENCE, INSTITUTION, MARKET, PUBLIC, VALUES
from ..reports.inputs import Language
from ..reports.panic_page import PanicPageInput
from ..sentiment.index.admission import weight_warnings
from ..sentiment.study.panic_study import PanicStudy
from .about import shown_facts
from .config import Experiment
from .inputs import Inputs
from .panic import PanicReading
from .panic_study import implied_fear, study_of
from .workspace import Workspace

READINGS = (ALL, PUBLIC, INSTITUTION, DIVERGENCE)

_NO_STUDY = Said("There is no study of this scope: {reason}.", "没有该范围的检验：{reason}。")


def panic_page_of(
    experiment: Experiment,
    reading: PanicReading,
    *,
    scope: str = MARKET,
    audience: str = ALL,
    language: Language | None = None,
    study: bool = True,
    progress: Progress = QUIET,
) -> PanicPageInput:
    """What the page shows; with `study` also what the first view is worth, or why that is not known."""
    inputs = reading.inputs
    settings, bars = experiment.settings, inputs.bars
    texts = reading.reading.texts
    warnings = [*reading.warnings, *weight_warnings(texts, settings.panic)]
    found: PanicStudy | None = None
    if study:
        found, why = _study(experiment, reading, scope, audience, progress)
        warnings += why
    return PanicPageInput(
        name=experiment.name,
        description=settings.description,
        panic=reading.panic,
        texts=texts,
        scores=reading.reading.scores,
        settings=settings.panic,
        sectors=inputs.tables.sectors,
        calendar=bars.calendar,
        bars=bars,
        benchmark=_benchmark(inputs),
        implied=implied_fear(experiment, bars, progress),
        classifier=shown_facts(reading.ready.classifier.facts),
        cleaning=reading.reading.cleaning,
        facts=_facts(experiment, reading),
        warnings=tuple(warnings),
        study=found,
        language=language or settings.language,
        scope=scope,
        audience=audience,
        extreme=settings.panic_study.extreme,
    )


def _study(
    experiment: Experiment, reading: PanicReading, scope: str, audience: str, progress: Progress
) -> tuple[PanicStudy | None, list[Said]]:
    """The study, or the sentence that says why there is none: a page can do without it."""
    try:
        bars = reading.inputs.bars
        return study_of(experiment, reading.panic, bars, scope, audience, progress), []
    except DataError as error:
        return None, [_NO_STUDY.fill(reason=str(error).rstrip("."))]


def check_asked(audience: str, page: Path | None) -> None:
    """Refuse an audience that nobody has and a page that cannot be written, before the work."""
    if audience not in READINGS:
        raise DataError(f"no audience {audience!r}: {near_names(audience, READINGS)}")
    if page is not None and page.is_dir():
        raise DataError(f"cannot write {str(page)!r}: it is a folder")
    if page is not None and page.suffix not in (".html", ".htm"):
        raise DataError(f"cannot write {str(page)!r}: end the name in .html")


def default_page(experiment: Experiment, place: Workspace) -> Path:
    """Where the page is written unless told otherwise: beside the runs."""
    return place.runs / f"{experiment.name}-panic.html"


def table_of(panic: PanicIndex, scope: str, audience: str) -> pd.DataFrame:
    """The sessions of one scope and audience; of a divergence, both sides and their difference."""
    if audience != DIVERGENCE:
        return panic.one(scope, audience)[list(VALUES)].reset_index()
    sides = {name: panic.one(scope, name)["panic"] for name in (PUBLIC, INSTITUTION)}
    table = pd.DataFrame(sides).assign(divergence=panic.divergence(scope))
    return table.rename_axis("session").reset_index()


def _benchmark(inputs: Inputs) -> pd.Series:
    """Closes of the benchmark; without one, the equal weight of the bars' symbols from 1 on."""
    if inputs.benchmark is not None:
        return inputs.benchmark
    return _equal_weight(inputs.bars)


def _equal_weight(bars: Bars) -> pd.Series:
    closes = bars.adjusted("close").ffill()
    level = (closes / closes.bfill().iloc[0]).fillna(1.0).mean(axis=1)
    return level.rename(closes.columns[0] if closes.shape[1] == 1 else "equal weight")


def _facts(experiment: Experiment, reading: PanicReading) -> dict[str, Any]:
    texts = reading.reading.texts
    return {
        "source of bars": type(experiment.source).__name__,
        "texts": f"{len(texts):,}",
        "hash of texts": texts.fingerprint[:16],
        "hash of classifier": reading.ready.classifier.fingerprint[:16],
        "hash of bars": reading.inputs.bars.fingerprint[:16],
        **versions(),
    }
