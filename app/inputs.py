"""What an experiment stands on: bars, benchmark, series, texts, and the classifier that reads them."""

from dataclasses import dataclass, replace

import pandas as pd

from ..core import QUIET, Bars, DataError, Progress, Texts
from ..forecasters.series import ExternalSeries
from ..market import load_bars
from ..sentiment import Scorer
from .classify import Ready, prepare_classifier
from .config import Experiment
from .reading import TextTables
from .series import load_series
from .user_code import somebodys
from .workspace import Workspace


@dataclass(frozen=True, eq=False)
class Inputs:
    """What an experiment stands on.

    `benchmark` holds closes by session (back-adjusted), named like its symbol; None means the equal
    weight of the experiment's symbols.
    """

    bars: Bars
    benchmark: pd.Series | None = None
    texts: Texts | None = None
    classifier: Scorer | None = None
    series: tuple[ExternalSeries, ...] = ()
    tables: TextTables = TextTables()  # noqa: RUF009  frozen

    def with_classifier(self, classifier: Scorer) -> "Inputs":
        """The same inputs, ready to be scored."""
        return replace(self, classifier=classifier)


def load_inputs(experiment: Experiment, progress: Progress = QUIET, *, texts: bool = True) -> Inputs:
    """Bars, benchmark, series and texts of an experiment; the classifier is got ready elsewhere.

    Without `texts` they are left to whoever reads them in batches.
    """
    with somebodys(type(experiment.source).__qualname__, type(experiment.source)):
        bars = load_bars(experiment.source, experiment.symbols, *experiment.window, progress=progress)
    benchmark = None
    chosen = experiment.settings.benchmark
    if chosen is not None:
        held = experiment.benchmark_source.fetch(chosen.symbol, *experiment.window)
        benchmark = held.adjusted("close")[chosen.symbol]
    series = load_series(experiment, bars, progress)
    tables = TextTables() if experiment.text_source is None else TextTables.load(experiment.settings)
    read = _texts(experiment, progress) if texts else None
    return Inputs(bars, benchmark, read, series=series, tables=tables)


def _texts(experiment: Experiment, progress: Progress) -> Texts | None:
    source = experiment.text_source
    if source is None:
        return None
    with somebodys(type(source).__qualname__, type(source)):
        texts = source.fetch(*experiment.text_window)
    if source.counts.left_out:
        progress.note(source.counts.left_out)
    if not len(texts):
        start, end = experiment.text_window
        raise DataError(f"no texts from {start or 'the first'} to {end or 'the last'}: check [texts]")
    return texts


def ready_inputs(
    experiment: Experiment, place: Workspace, progress: Progress
) -> tuple[Inputs, Ready | None]:
    """The inputs of an experiment, its classifier trained or loaded; None where it reads no texts."""
    inputs = load_inputs(experiment, progress)
    settings = experiment.settings.classifier
    if settings is None or inputs.texts is None:
        return inputs, None
    ready = prepare_classifier(settings, place, inputs.texts, progress, inputs.bars.calendar)
    return inputs.with_classifier(ready.classifier), ready
