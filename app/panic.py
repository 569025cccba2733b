"""The panic index of an experiment's texts, for the commands that need it without a run.

`read_panic` reads all texts of the window, as a run does.  `published_panic` is what `qushi panic` shows
of an archive: the index on disk, grown by the sessions that have closed since.
"""

from contextlib import closing
from dataclasses import dataclass

from ..core import QUIET, ConfigError, DataError, PanicIndex, Progress, Texts
from ..core.notes import Said
from ..sentiment.sources.archive import ArchivedTexts
from .classify import Ready, prepare_classifier
from .config import Experiment
from .experiment import reading_of
from .inputs import Inputs, load_inputs, ready_inputs
from .notes import about_cleaning, about_texts
from .reading import Reading, read_archive
from .workspace import Workspace


@dataclass(frozen=True, eq=False)
class PanicReading:
    """A reading with the inputs it was made from; `warnings` is what must be known of its texts."""

    reading: Reading
    inputs: Inputs
    ready: Ready
    warnings: tuple[Said, ...] = ()

    @property
    def panic(self) -> PanicIndex:
        """The index."""
        return self.reading.panic


def read_panic(
    experiment: Experiment, workspace: Workspace | None = None, progress: Progress = QUIET
) -> PanicReading:
    """Read the texts of an experiment and make their index, over the sessions of its bars."""
    place = workspace or Workspace.default()
    _need_texts(experiment)
    inputs, ready = ready_inputs(experiment, place, progress)
    if ready is None:
        raise ConfigError("[texts] needs a [classifier]")
    reading = reading_of(experiment, inputs, place.archive, progress)
    warnings = (*about_texts(inputs.texts, ready.classifier), *about_cleaning(reading))
    return PanicReading(reading, inputs, ready, warnings)


def published_panic(
    experiment: Experiment,
    workspace: Workspace | None = None,
    progress: Progress = QUIET,
    *,
    rebuild: bool = False,
) -> PanicReading:
    """As `read_panic`; of an archive the published index, grown by the sessions that are new.

    `rebuild` makes it anew, with the texts that came late; `ConfigError` where nothing is published: for
    texts that are no archive, and for a classifier that is trained again as time goes on.
    """
    place = workspace or Workspace.default()
    settings, source = experiment.settings.classifier, experiment.text_source
    _need_texts(experiment)
    if not isinstance(source, ArchivedTexts) or settings is None or settings.refit_every is not None:
        if rebuild:
            raise ConfigError(
                "there is no published index to make again: only an archive read by one classifier "
                "has one"
            )
        return read_panic(experiment, place, progress)
    inputs = load_inputs(experiment, progress, texts=False)
    first = _first_texts(experiment, source)
    ready = prepare_classifier(settings, place, first, progress, inputs.bars.calendar)
    reading = read_archive(
        experiment,
        source,
        inputs.tables,
        ready.classifier,
        inputs.bars.calendar,
        inputs.bars.sessions,
        place,
        progress,
        rebuild=rebuild,
    )
    # The first texts are the likeliest to be older than what the classifier has learned from.
    warnings = about_texts(first, ready.classifier) or about_texts(reading.texts, ready.classifier)
    inputs = inputs.with_classifier(ready.classifier)
    return PanicReading(reading, inputs, ready, (*warnings, *about_cleaning(reading), *reading.notes))


def _need_texts(experiment: Experiment) -> None:
    if experiment.text_source is None:
        raise ConfigError(f"the experiment {experiment.name!r} has no [texts] to read panic from")


def _first_texts(experiment: Experiment, source: ArchivedTexts) -> Texts:
    """The first texts of the window: enough to tell whether the classifier may know them."""
    start, end = experiment.text_window
    with closing(source.open()) as archive:
        for batch in archive.batches(start, end, known_from=source.known_from):
            return batch
    raise DataError(f"no texts from {start or 'the first'} to {end or 'the last'}: check [texts]")
