"""`qushi texts`: dated texts into the archive."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import pair, parse_settings
from .shell import Json, Store, emit, emit_table, guarded, workspace

app = typer.Typer(help="Texts: import, list.", no_args_is_help=True)


@app.command("import")
@guarded
def import_(
    file: Annotated[Path, typer.Argument(help="CSV (also .csv.gz) or JSON lines with a time a text.")],
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="OURS=THEIRS", help="Columns: time, title, body, symbol, id, weight."
        ),
    ] = None,
    audience: Annotated[str, typer.Option(help="Who speaks: public or institution.")] = "public",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the source. Repeatable."),
    ] = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Import texts; known ones are skipped, edited ones count from their edit on."""
    from ..core.extensions import build
    from ..sentiment import TextSource
    from .console import ConsoleProgress

    table: dict[str, Any] = {
        "kind": "jsonl" if ".json" in file.name else "csv",
        "path": str(file),
        "audience": audience,
        **parse_settings(set_),
    }
    if map_:
        table["columns"] = dict(pair(item, "--map") for item in map_)
    source = build("qushi.sentiment.sources", table, TextSource, "texts import")
    with ConsoleProgress(quiet=json) as progress:
        report = workspace(store).archive.fill(source, progress=progress)
    if json:
        emit(vars(report))
        return
    typer.echo(
        f"{report.new} new, {report.duplicate} known, {report.edited} edited, {report.dropped} left out"
    )


@app.command("list")
@guarded
def list_(json: Json = False, store: Store = None) -> None:
    """What is in the archive: texts by source, audience and symbol."""
    found = workspace(store).archive.summary()
    if found.empty and not json:
        typer.echo("the archive holds no texts yet: see qushi texts import --help")
        return
    emit_table(found, as_json=json)
