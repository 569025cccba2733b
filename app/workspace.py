"""Where things are kept between commands: bars, texts, classifiers, checkpoints, runs.

store/bars/         Parquet, one file a (source, symbol)
store/texts.sqlite  texts and classifier scores
store/panic/        indices of archived texts, grown session by session
store/classifiers/  trained classifiers, named by the hash of their labels and settings
store/tuning.db     the studies of `qushi tune`
store/trials.db     every configuration that was tried, by data and window
store/checkpoints/  folds and epochs already done; a run that was interrupted goes on from them
runs/               one folder a finished run
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ..backtests import RunStore
from ..backtests.trials import TrialRegistry
from ..core.places import store_folder
from ..market import BarStore
from ..sentiment import TextArchive
from ..sentiment.index.store import PanicStore


@dataclass(frozen=True)
class Workspace:
    """The folders of one user; `store` and `runs` may be anywhere."""

    store: Path
    runs: Path

    @classmethod
    def default(cls, store: Path | None = None, runs: Path | None = None) -> "Workspace":
        """`store/` and `runs/` here, unless told otherwise by option, `QUSHI_STORE` or `QUSHI_RUNS`."""
        return cls(
            store or store_folder(),
            runs or Path(os.environ.get("QUSHI_RUNS", "runs")),
        )

    @property
    def bars(self) -> BarStore:
        """Stored bars."""
        return BarStore(self.store / "bars")

    @property
    def archive(self) -> TextArchive:
        """Stored texts and scores."""
        self.store.mkdir(parents=True, exist_ok=True)
        return TextArchive(self.store / "texts.sqlite")

    @property
    def panic(self) -> PanicStore:
        """Panic indices of archived texts."""
        return PanicStore(self.store / "panic")

    @property
    def classifiers(self) -> Path:
        """Folder of trained classifiers."""
        return self.store / "classifiers"

    @property
    def checkpoints(self) -> Path:
        """Folder of unfinished work."""
        return self.store / "checkpoints"

    @property
    def tuning(self) -> Path:
        """File of the studies."""
        return self.store / "tuning.db"

    @property
    def trials(self) -> TrialRegistry:
        """Every configuration that was tried."""
        return TrialRegistry(self.store / "trials.db")

    @property
    def run_store(self) -> RunStore:
        """Finished runs."""
        return RunStore(self.runs)
