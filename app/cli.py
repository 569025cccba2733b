"""The command line: one module a noun, this one for the verbs that work on an experiment."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import (
    cli_data,
    cli_forecast,
    cli_names,
    cli_rules,
    cli_runs,
    cli_sentiment,
    cli_study,
    cli_texts,
    cli_tune,
)
from .shell import Json, Runs, Store, emit, emit_table, guarded, show_path, workspace

if TYPE_CHECKING:
    from .run import Finished

app = typer.Typer(
    name="qushi",
    help="qushi (趋势): forecast-driven strategies, backtested under the market's real rules.\n\n"
    "Ends with 0 when done, 1 when the work failed, 2 when the command or a file needs mending, 130 "
    "when interrupted. An error is one sentence on standard error, with --json as without.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_data.app, name="data")
app.add_typer(cli_texts.app, name="texts")
cli_texts.app.add_typer(cli_names.app, name="names")
app.add_typer(cli_sentiment.app, name="sentiment")
app.add_typer(cli_runs.app, name="runs")
app.add_typer(cli_rules.app, name="rules")
app.command()(cli_forecast.train)
app.command()(cli_forecast.forecast)
app.command()(cli_tune.tune)
app.command()(cli_study.study)


class Language(StrEnum):
    """Languages of the report."""

    en = "en"
    zh = "zh"


ExperimentFile = Annotated[
    Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment to read.")
]

Jobs = Annotated[
    int, typer.Option("--jobs", "-j", help="Models and seeds fitted at once, each a process.", min=1)
]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        from .. import __version__

        typer.echo(f"qushi {__version__}")
        raise typer.Exit


@app.command()
@guarded
def demo(json: Json = False, store: Store = None, runs: Runs = None) -> None:
    """The embedded sample, offline: a report to open in a few dozen seconds."""
    _run(Path(__file__).with_name("demo.toml"), json, store, runs)


@app.command()
@guarded
def run(
    experiment: ExperimentFile,
    jobs: Jobs = 1,
    json: Json = False,
    store: Store = None,
    runs: Runs = None,
) -> None:
    """Run an experiment: models, strategies, backtests, tear sheets and one report."""
    _run(experiment, json, store, runs, jobs)


def _run(path: Path, json: bool, store: Path | None, runs: Path | None, jobs: int = 1) -> None:
    from .config import read_experiment
    from .console import ConsoleProgress
    from .run import run_experiment

    experiment = read_experiment(path)
    with ConsoleProgress(quiet=json) as progress:
        finished = run_experiment(experiment, workspace(store, runs), progress, jobs)
    if json:
        emit(finished.summary())
        return
    _show(finished, experiment.settings.language)
    if finished.folder is not None:
        show_path("report", finished.folder / "report.html")


def _show(finished: "Finished", language: str) -> None:
    """Warnings first, then what failed, then the figures."""
    for note in finished.notes:
        typer.secho("note: ", fg="yellow", nl=False)
        typer.echo(note.zh if language == "zh" else note.en)
    for what, why in finished.outcome.failures:
        typer.secho("failed: ", fg="red", nl=False)
        typer.echo(f"{what}: {why}")
    if not finished.outcome.quality.empty:
        emit_table(finished.quality_table(), as_json=False)
    if not finished.outcome.performance.empty:
        emit_table(finished.returns_table(), as_json=False)


@app.command()
@guarded
def backtest(
    experiment: ExperimentFile,
    forecasts: Annotated[
        str | None,
        typer.Option(help="Forecasts to trade on: a run's name, or a CSV or Parquet file of yours."),
    ] = None,
    jobs: Jobs = 1,
    json: Json = False,
    store: Store = None,
    runs: Runs = None,
) -> None:
    """Backtest an experiment's strategies and print what each earned; writes no report."""
    from .config import read_experiment
    from .console import ConsoleProgress
    from .run import backtest_experiment

    read = read_experiment(experiment)
    with ConsoleProgress(quiet=json) as progress:
        finished = backtest_experiment(read, workspace(store, runs), forecasts, progress, jobs)
    if json:
        emit(finished.summary())
    else:
        _show(finished, read.settings.language)


@app.command()
@guarded
def panic(
    experiment: ExperimentFile,
    scope: Annotated[
        str, typer.Option(help="A symbol, sector:NAME, or market for all texts.")
    ] = "market",
    audience: Annotated[
        str, typer.Option(help="public, institution, all, or divergence: public minus institution.")
    ] = "all",
    last: Annotated[int, typer.Option(help="Sessions to print, the latest ones.", min=1)] = 20,
    out: Annotated[
        Path | None, typer.Option(help="Also write the whole index: .csv or .parquet.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            help="Where to draw it. [default: NAME-panic.html beside the runs; none with --json]"
        ),
    ] = None,
    study: Annotated[bool, typer.Option(help="Whether the page tells what the index is worth.")] = True,
    rebuild: Annotated[
        bool,
        typer.Option(help="Make the published index of an archive anew, late texts included."),
    ] = False,
    language: Annotated[
        Language | None, typer.Option(help="Language of the page; default as in the experiment.")
    ] = None,
    json: Json = False,
    store: Store = None,
    runs: Runs = None,
) -> None:
    """Compute the panic index of an experiment's texts, print it and draw it as a page."""
    from ..reports.panic_inputs import check_view
    from ..reports.panic_page import write_panic_page
    from .config import read_experiment
    from .console import ConsoleProgress
    from .panic import published_panic
    from .panic_page import check_asked, default_page, panic_page_of, table_of
    from .tables import check_writable, write_table

    if out is not None:
        check_writable(out)
    check_asked(audience, page)
    read = read_experiment(experiment)
    place = workspace(store, runs)
    if page is None and not json:
        page = default_page(read, place)
    with ConsoleProgress(quiet=json) as progress:
        found = published_panic(read, place, progress, rebuild=rebuild)
        check_view(found.panic, scope, audience)
        if page is not None:
            shown = panic_page_of(
                read,
                found,
                scope=scope,
                audience=audience,
                language=None if language is None else language.value,
                study=study,
                progress=progress,
            )
            write_panic_page(shown, page)
    if out is not None:
        write_table(found.panic.frame, out)
    emit_table(table_of(found.panic, scope, audience).tail(last), as_json=json, digits=2)
    if not json:
        if out is not None:
            show_path("panic index", out)
        if page is not None:
            show_path("page", page)


@app.command()
@guarded
def report(
    run: Annotated[str, typer.Argument(help="A finished run: its name, or the start of it.")],
    language: Annotated[
        Language | None, typer.Option(help="Language shown first; default as in the run.")
    ] = None,
    json: Json = False,
    runs: Runs = None,
) -> None:
    """Write a finished run's report page again, from what the run has stored."""
    from .run import rewrite_report

    path = rewrite_report(
        workspace(runs=runs).run_store, run, None if language is None else language.value
    )
    if json:
        emit({"report": str(path.resolve())})
    else:
        show_path("report", path)


def main() -> None:
    """Entry point of the `qushi` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    app()
