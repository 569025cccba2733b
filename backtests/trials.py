"""The registry of trials: every configuration that was tried on a window, whether or not it was kept.

The best of many tries looks good by chance alone; how good depends on how many there were (Bailey &
López de Prado 2014, the deflated Sharpe ratio).  So each model and each strategy that `qushi run` or
`qushi tune` tries is a row here, failed and pruned ones too.  A configuration on the same data and
window is one row, however often it is run.

One SQLite file in WAL mode: several processes may write, and wait for each other.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from ..core import ConfigError
from ..core.hashing import hash_json
from ..core.sqlite import WRITES, share

Part = Literal["forecaster", "strategy"]
TrialWindow = tuple[date, date]

_META = sa.MetaData()
_TRIALS = sa.Table(
    "trials",
    _META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("experiment", sa.Text, nullable=False),
    sa.Column("data_hash", sa.Text, nullable=False),
    sa.Column("first", sa.Text, nullable=False),
    sa.Column("last", sa.Text, nullable=False),
    sa.Column("part", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("settings_hash", sa.Text, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.UniqueConstraint("data_hash", "first", "last", "part", "kind", "settings_hash", "seed"),
)
_CONFIGURATION = ("part", "kind", "settings_hash", "seed")


@dataclass(frozen=True)
class Trial:
    """One configuration on one window of one data set.

    experiment
        Name of the experiment that tried it.
    data_hash, window
        Fingerprint of the bars, and the first and last session that it was judged on.
    part, kind, settings, seed
        What was tried; `settings` is JSON-like and holds everything that decides the result.
    what
        Whether a run or the tuning tried it.
    score
        Whatever it was judged by, None (or NaN) where it failed or was stopped early.
    started, seconds
        When it began (zone-aware) and how long it took, where that is known.
    """

    experiment: str
    data_hash: str
    window: TrialWindow
    part: Part
    kind: str
    settings: Mapping[str, Any]
    what: Literal["tune", "run"]
    started: datetime
    seed: int = 0
    score: float | None = None
    seconds: float | None = None


class TrialRegistry:
    """All trials of one store, in the SQLite file `path`, made with its folder where it is missing.

    Raises `ConfigError` for a file that is no such registry.
    """

    def __init__(self, path: Path | str) -> None:
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
        share(self._engine)
        self._writing = self._engine.execution_options(**{WRITES: True})
        try:
            with self._writing.begin() as connection:
                _META.create_all(connection)
        except sa.exc.DatabaseError as error:
            raise ConfigError(f"the registry of trials {str(file)!r}: {error.orig}") from error

    def record(self, trials: Sequence[Trial]) -> int:
        """Add trials, all or none; returns how many were new.

        A configuration known on its window stays as it is; only a score that was missing is filled in.
        """
        if not trials:
            return 0
        insert = sqlite.insert(_TRIALS)
        known = sa.func.coalesce(_TRIALS.c.score, insert.excluded.score)
        unique = ["data_hash", "first", "last", *_CONFIGURATION]
        with self._writing.begin() as connection:
            before = _length(connection)
            connection.execute(
                insert.on_conflict_do_update(index_elements=unique, set_={"score": known}),
                [_row(trial) for trial in trials],
            )
            return _length(connection) - before

    def count(self, data_hash: str, window: TrialWindow | None = None, part: Part | None = None) -> int:
        """How many different configurations were tried on this data, on any session of `window`.

        A configuration on two windows that overlap is one; without `window`, on all of the data.
        """
        columns = [_TRIALS.c[name] for name in _CONFIGURATION]
        query = sa.select(*columns).where(_TRIALS.c.data_hash == data_hash).distinct()
        if window is not None:
            first, last = (day.isoformat() for day in window)
            query = query.where(_TRIALS.c.first <= last, _TRIALS.c.last >= first)
        if part is not None:
            query = query.where(_TRIALS.c.part == part)
        with self._engine.connect() as connection:
            counted = sa.select(sa.func.count()).select_from(query.subquery())
            return int(connection.execute(counted).scalar_one())

    def list(self) -> pd.DataFrame:
        """One row a trial in the order of their recording; `settings` as JSON text."""
        query = sa.select(_TRIALS).order_by(_TRIALS.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        table = pd.DataFrame(rows, columns=_TRIALS.c.keys()).drop(columns="id")
        return table.astype({"score": float, "seconds": float})


def _row(trial: Trial) -> dict[str, Any]:
    first, last = trial.window
    if last < first:
        raise ConfigError(f"a window of trials ends on {last}, before it starts on {first}")
    score = trial.score
    return {
        "experiment": trial.experiment,
        "data_hash": trial.data_hash,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "part": trial.part,
        "kind": trial.kind,
        "settings": json.dumps(trial.settings, ensure_ascii=False, sort_keys=True),
        "settings_hash": hash_json(trial.settings),
        "seed": trial.seed,
        "what": trial.what,
        "score": None if score is None or not math.isfinite(score) else float(score),
        "started": trial.started.astimezone(UTC).isoformat(timespec="seconds"),
        "seconds": trial.seconds,
    }


def _length(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(_TRIALS)).scalar_one())
