"""What counts as a configuration that was tried, and how a finished run reports its own.

A configuration is everything that decides the result and that somebody chose: the tables of the model or
strategy, and those of the features, the walk-forward and the backtest it stands on.  Names are left out,
so a model that is called differently is still the same one.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from ..backtests.trials import Part, Trial
from ..core import Forecasts
from .config import Experiment
from .experiment import Outcome
from .fitting import jobs_of

Tables = Mapping[str, Any]


def trials_of_run(experiment: Experiment, outcome: Outcome, started: datetime) -> list[Trial]:
    """Every (model, seed) and every strategy of a run; those that failed have no score."""
    tables = tomllib.loads(experiment.to_toml())
    found = [*_models(experiment, outcome, tables), *_strategies(outcome, tables)]
    return [
        Trial(
            experiment=experiment.name,
            data_hash=outcome.bars.fingerprint,
            window=(first.date(), last.date()),
            part=part,
            kind=kind,
            settings=settings,
            what="run",
            started=started,
            seed=seed,
            score=score,
        )
        for part, kind, settings, seed, score, (first, last) in found
    ]


def model_settings(tables: Tables, model: str) -> dict[str, Any]:
    """The configuration of a model, of an experiment's tables with every default written out."""
    own = next(table for table in tables["forecasters"] if table["name"] == model)
    return {"forecaster": _nameless(own)} | {k: tables[k] for k in ("features", "walk_forward")}


_Found = tuple[Part, str, dict[str, Any], int, float | None, tuple[pd.Timestamp, pd.Timestamp]]


def _models(experiment: Experiment, outcome: Outcome, tables: Tables) -> Iterator[_Found]:
    if outcome.forecasts is None:
        return
    sessions = outcome.forecasts.frame["session"]
    scores = outcome.quality.set_index(["model", "seed"])["relative_mae"]
    scores = scores[~scores.index.duplicated(keep="last")]  # the longest horizon comes last
    window = (sessions.min(), sessions.max())
    for name, forecaster, seed in jobs_of(experiment):
        score = scores.get((name, seed))
        yield "forecaster", forecaster.kind, model_settings(tables, name), seed, score, window


def _strategies(outcome: Outcome, tables: Tables) -> Iterator[_Found]:
    if not outcome.results:
        return
    sessions = outcome.results[0].equity.index
    stand_on = {k: tables[k] for k in ("backtest", "rules") if k in tables}
    tried = [result.name for result in outcome.results] + [what for what, _ in outcome.failures]
    for table in tables.get("strategies", ()):
        label = re.compile(re.escape(table["name"]) + r"(?:\[(?P<model>.+?)(?:#(?P<seed>-?\d+))?\])?")
        for match in filter(None, map(label.fullmatch, tried)):
            settings = {"strategy": _nameless(table)} | stand_on
            model, seed = match["model"], 0
            if model is not None and outcome.forecasts is not None:
                seed = int(match["seed"] or (*outcome.forecasts.seeds(model), 0)[0])
                settings |= _basis(outcome.forecasts, tables, model)
            score = None
            if match.string in outcome.performance.index:
                score = outcome.performance.loc[match.string, "sharpe"]
            yield "strategy", table["kind"], settings, seed, score, (sessions[0], sessions[-1])


def _basis(forecasts: Forecasts, tables: Tables, model: str) -> dict[str, Any]:
    """What a strategy's forecasts came from: a model of the experiment, or a file."""
    if any(table["name"] == model for table in tables.get("forecasters", ())):
        return model_settings(tables, model)
    return {"forecasts": forecasts.of(model).fingerprint}


def _nameless(table: Tables) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != "name"}
