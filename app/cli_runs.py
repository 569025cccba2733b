"""`qushi runs`: what has been run, and what it said."""

from typing import Annotated

import typer

from .shell import Json, Runs, emit, emit_table, guarded, show_path, workspace

app = typer.Typer(help="Finished runs.", no_args_is_help=True)


@app.command("list")
@guarded
def list_(json: Json = False, runs: Runs = None) -> None:
    """All finished runs, newest first."""
    found = workspace(runs=runs).run_store.list()
    if found.empty and not json:
        typer.echo("no runs yet: qushi demo makes one")
        return
    emit_table(found, as_json=json)


@app.command()
@guarded
def show(
    run: Annotated[str, typer.Argument(help="A run: its name, or the start of it.")],
    json: Json = False,
    runs: Runs = None,
) -> None:
    """What a run was asked, what stands in it, and what its strategies earned."""
    from .run import QUALITY, stored_tables

    found, about, quality, returns = stored_tables(workspace(runs=runs).run_store, run)
    report = found.folder / "report.html"
    if json:
        emit(
            {
                "report": str(report.resolve()),
                "manifest": dict(found.manifest),
                "about": about,
                "quality": quality.to_dict("records"),
                "performance": returns.to_dict("records"),
            }
        )
        return
    typer.echo(f"{found.folder.name}  {about['description']}".rstrip())
    for english, chinese in about["notes"]:
        typer.echo(f"note: {chinese if about['language'] == 'zh' else english}")
    for what, why in about["failures"]:
        typer.echo(f"failed: {what}: {why}")
    for table in (quality[list(QUALITY)] if len(quality) else quality, returns):
        if not table.empty:
            emit_table(table, as_json=False)
    show_path("report", report)


@app.command()
@guarded
def models(
    run: Annotated[str, typer.Argument(help="A run: its name, or the start of it.")],
    strategy: Annotated[
        str | None,
        typer.Option(help="Whose returns to show; default: the first that traded on forecasts."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    json: Json = False,
    runs: Runs = None,
) -> None:
    """A run's models side by side: direction, IC, error, net Sharpe ratio, CPU seconds."""
    from .model_table import as_markdown, model_table

    table = model_table(workspace(runs=runs).run_store, run, strategy)
    if markdown and not json:
        typer.echo(as_markdown(table))
    else:
        emit_table(table, as_json=json, digits=3)
