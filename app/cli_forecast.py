"""`qushi train` and `qushi forecast`: models that are kept, and what they say of the next session."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .shell import Json, Store, emit, emit_table, guarded, show_path, workspace

if TYPE_CHECKING:
    from ..forecasters.fitted import FittedModel
    from .train import Training

ExperimentFile = Annotated[
    Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment to read.")
]
Model = Annotated[str | None, typer.Option(help="One model of the experiment; default: all.")]


@guarded
def train(
    experiment: ExperimentFile,
    model: Model = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder to write; of several models each gets one in it. [default: STORE/models]",
        ),
    ] = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Train an experiment's models on everything up to the newest bar, and keep them.

    A model that is there already, from the same bars and settings, is not trained again.
    """
    from .config import read_experiment
    from .console import ConsoleProgress
    from .train import known_inputs, train_models, training_table

    read, place = read_experiment(experiment), workspace(store)
    with ConsoleProgress(quiet=json) as progress:
        known = known_inputs(read, place, progress=progress)
        done = train_models(read, known, place, model, out, progress)
    table = training_table(done)
    if json:
        emit({"models": table.to_dict("records"), "failures": _failures(done)})
    else:
        emit_table(table.drop(columns=["found", "folder"]), as_json=False, digits=6)
        for one in done.trained:
            show_path("found" if one.found else "trained", one.folder)
    _end(done, json)


@guarded
def forecast(
    experiment: ExperimentFile,
    model: Model = None,
    saved: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A trained model to ask, instead of training first."),
    ] = None,
    date: Annotated[
        str | None,
        typer.Option(help="Decide at the close of this session, YYYY-MM-DD. [default: the newest]"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the table: .csv or .parquet.")] = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """What the models expect of the next session, for all symbols, from the newest bars.

    Trains first (as `qushi train` does) where no trained model of the same bars and settings is found.
    """
    from ..core import ConfigError
    from .config import read_experiment
    from .console import ConsoleProgress
    from .next_session import next_session
    from .options import check_day
    from .tables import check_writable, write_table
    from .train import Training, known_inputs, train_models

    if saved is not None and model is not None:
        raise ConfigError("--saved names one trained model: leave --model out")
    check_day("--date", date)
    if out is not None:
        check_writable(out)
    read, place = read_experiment(experiment), workspace(store)
    done = Training((), ())
    with ConsoleProgress(quiet=json) as progress:
        models = [] if saved is None else [_load(saved)]
        known = known_inputs(read, place, date, progress, models)
        if saved is None:
            done = train_models(read, known, place, model, None, progress)
            models = [one.model for one in done.trained]
        table = next_session(models, known)
    if out is not None:
        write_table(table, out)
    if json:
        emit({"forecasts": table.to_dict("records"), "failures": _failures(done)})
    else:
        shown = table if (table["missing"] != "").any() else table.drop(columns="missing")
        emit_table(shown, as_json=False, digits=5)
        if out is not None:
            show_path("forecasts", out)
    _end(done, json)


def _load(folder: Path) -> "FittedModel":
    from ..forecasters.fitted import FittedModel

    model = FittedModel.load(folder)
    if model.stale:
        typer.echo(f"note: trained with other versions: {'; '.join(model.stale)}", err=True)
    return model


def _failures(done: "Training") -> list[dict[str, Any]]:
    return [{"what": what, "why": why} for what, why in done.failures]


def _end(done: "Training", json: bool) -> None:
    """A model that failed makes the command fail, after what could be done is shown."""
    for what, why in done.failures:
        if not json:
            typer.secho("failed: ", fg="red", nl=False)
            typer.echo(f"{what}: {why}")
    if done.failures:
        raise typer.Exit(1)
