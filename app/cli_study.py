"""`qushi study`: what the panic index of an experiment is worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .shell import Json, Store, emit, emit_table, guarded, show_path, workspace

if TYPE_CHECKING:
    from ..sentiment.study.panic_study import PanicStudy

_OFFSETS = (-20, -10, -5, -3, -1, 1, 2, 3, 5, 10, 15, 20)
"""Offsets around extremes that a terminal shows; --out and --json have all."""


@guarded
def study(
    experiment: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment to read.")
    ],
    scope: Annotated[
        str, typer.Option(help="A symbol, sector:NAME, or market for all texts.")
    ] = "market",
    audience: Annotated[str, typer.Option(help="public, institution, all or divergence.")] = "all",
    out: Annotated[
        Path | None, typer.Option(help="Also write every table as CSV into a folder.")
    ] = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Hold the panic index against returns and implied fear: leads, lags, extremes, chance."""
    from .config import read_experiment
    from .console import ConsoleProgress
    from .panic_page import check_asked
    from .panic_study import check_folder, study_experiment, write_study

    check_asked(audience, None)
    if out is not None:
        check_folder(out)
    read = read_experiment(experiment)
    with ConsoleProgress(quiet=json) as progress:
        found = study_experiment(read, workspace(store), scope, audience, progress)
    if out is not None:
        write_study(found, out)
    if json:
        emit(found.to_payload())
        return
    _show(found, read.settings.language)
    if out is not None:
        show_path("study", out)


def _show(found: "PanicStudy", language: str) -> None:
    """Tables, then the sentences: what is read last is what the figures say."""
    typer.echo(f"{found.scope} ({found.audience}), {found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}")
    emit_table(found.lead_lag.drop(columns="lags"), as_json=False, digits=3)
    emit_table(found.regressions.drop(columns="lags"), as_json=False)
    emit_table(found.quantiles, as_json=False)
    shown = found.events["offset"].isin(_OFFSETS) | (found.events["offset"] == found.settings.after)
    emit_table(found.events[shown], as_json=False)
    emit_table(found.tests, as_json=False, digits=3)
    for said in found.said:
        typer.echo(said.zh if language == "zh" else said.en)
