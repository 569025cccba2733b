"""`qushi study`: what the panic index of an experiment's texts is worth.

Bars, texts, classifier and index come from the experiment as a run would have them; nothing is fitted
or traded.  Of implied fear a session counts only what became known in it: a value carried on over a
holiday would look like a session without change.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ..core import QUIET, Bars, ConfigError, PanicIndex, Progress
from ..core.calendar import sessions
from ..core.panic import ALL, MARKET, SECTOR
from ..sentiment.study.panic_study import PanicStudy, panic_study
from .config import Experiment
from .panic import read_panic
from .series import named_series
from .tables import write_table
from .workspace import Workspace


def study_experiment(
    experiment: Experiment,
    workspace: Workspace | None = None,
    scope: str = MARKET,
    audience: str = ALL,
    progress: Progress = QUIET,
) -> PanicStudy:
    """The study of one scope and audience of an experiment's texts, as `[panic_study]` asks for it.

    What must be known of the texts and their classifier stands first among its sentences.
    """
    read = read_panic(experiment, workspace, progress)
    study = study_of(experiment, read.panic, read.inputs.bars, scope, audience, progress)
    return replace(study, said=(*read.warnings, *study.said))


def study_of(
    experiment: Experiment,
    panic: PanicIndex,
    bars: Bars,
    scope: str = MARKET,
    audience: str = ALL,
    progress: Progress = QUIET,
) -> PanicStudy:
    """The same of an index that is there already."""
    settings = experiment.settings.panic_study
    implied = implied_fear(experiment, bars, progress)
    members = members_of(experiment, scope)
    return panic_study(panic, bars, implied, settings, scope, audience, members)


def members_of(experiment: Experiment, scope: str) -> tuple[str, ...]:
    """The symbols that were ever in the sector that a scope names, none of any other scope."""
    sectors = experiment.settings.sectors.load()
    if sectors is None or not scope.startswith(SECTOR):
        return ()
    frame = sectors.frame
    return tuple(frame.loc[frame["sector"] == scope.removeprefix(SECTOR), "symbol"].unique())


def implied_fear(experiment: Experiment, bars: Bars, progress: Progress = QUIET) -> dict[str, pd.Series]:
    """By name the level that became known in each session of the bars' exchange, NaN where none did."""
    at = sessions(bars.calendar, bars.sessions[0], bars.sessions[-1])
    names = experiment.settings.panic_study.implied
    found = {}
    for series in named_series(experiment, names, bars.calendar, progress):
        level = replace(series, forms=("level",), max_age=0).at(at, bars.calendar)[:, 0]
        found[series.name] = pd.Series(level, index=at)
        if found[series.name].notna().sum() == 0:
            raise ConfigError(
                f"[panic_study] implied: {series.name!r} has no value between {at[0]:%Y-%m-%d} and "
                f"{at[-1]:%Y-%m-%d}: check its dates",
                key="implied",
            )
    return found


def check_folder(folder: Path) -> None:
    """Whether `write_study` can write there; asked before the work, not after it."""
    if folder.is_file():
        raise ConfigError(f"{str(folder)!r} is a file: name a folder")


def write_study(study: PanicStudy, folder: Path) -> None:
    """Each table as a CSV of its name in `folder`, and what was found in sentences."""
    check_folder(folder)
    for name, table in study.tables().items():
        write_table(table, folder / f"{name}.csv")
    said = "".join(f"{one.en}\n{one.zh}\n" for one in study.said)
    (folder / "said.txt").write_text(said, encoding="utf-8")
