"""`qushi tune`: search a model's settings on the sessions before its first forecast."""

from pathlib import Path
from typing import Annotated

import typer

from .shell import Json, Store, emit, emit_table, guarded, workspace


@guarded
def tune(
    experiment: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment to read.")
    ],
    model: Annotated[
        str | None, typer.Option(help="Name of the model to tune; default: the only one.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Settings to try in all, earlier calls counted. [default: 30]", min=1),
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Begin no trial after so long.", min=0.0)] = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Search a model's settings on validation alone: nothing from the first forecast on is read."""
    from .config import read_experiment
    from .console import ConsoleProgress
    from .tune import tune_experiment

    read = read_experiment(experiment)
    with ConsoleProgress(quiet=json) as progress:
        found = tune_experiment(
            read, workspace(store), model=model, trials=trials, seconds=seconds, progress=progress
        )
    if json:
        emit(found.summary())
        return
    emit_table(found.trials(), as_json=False)
    first, last = found.window
    typer.echo(
        f"validated from {first} to {last}, before the first forecast on {found.before}; "
        f"below 1 is better than knowing nothing"
    )
    typer.secho("note: ", fg="yellow", nl=False)
    typer.echo(f"{found.warning}\n")
    typer.echo(found.to_toml(), nl=False)
