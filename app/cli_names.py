"""`qushi texts names`: by which names texts are searched for shares."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Settings, check_day, counted, parse_settings
from .shell import Json, Store, emit, emit_table, guarded, show_path

if TYPE_CHECKING:
    from ..sentiment.cleaning.naming import NameTable

app = typer.Typer(help="Names of shares: fetch, list, try on a text.", no_args_is_help=True)

File = Annotated[
    Path | None, typer.Option("--file", help="Table of names. [default: names.csv in the store]")
]
On = Annotated[str | None, typer.Option("--on", metavar="YYYY-MM-DD", help="As of this day.")]
Undated = Annotated[
    bool, typer.Option("--undated", help="Also take names without a day since when they hold.")
]


@app.command()
@guarded
def fetch(set_: Settings = None, file: File = None, json: Json = False, store: Store = None) -> None:
    """Fetch the exchanges' lists and changes of names; aliases in the table are kept."""
    from ..sentiment.cleaning.exchange_names import ExchangeNames, merged
    from ..sentiment.cleaning.naming import NameSettings, NameTable

    source = ExchangeNames.parse(parse_settings(set_), "texts names fetch")
    settings = NameSettings(path="" if file is None else str(file))
    before = NameTable.read(settings) if settings.file.is_file() else None
    table = merged(source.fetch(), before)
    table.write(settings.file)
    symbols = int(table.frame["symbol"].nunique())
    names = int((table.frame["kind"] != "code").sum())
    undated = int(table.frame["since"].isna().sum())
    if json:
        file_ = str(settings.file.resolve())
        emit({"symbols": symbols, "names": names, "undated": undated, "file": file_})
        return
    typer.echo(
        f"{counted(names, 'name')} of {counted(symbols, 'symbol')}, "
        f"{undated:,} without a day since when they hold"
    )
    show_path("names", settings.file)


@app.command("list")
@guarded
def list_(
    symbol: Annotated[str | None, typer.Option(help="Only this symbol's, like 000001.SZ.")] = None,
    on: On = None,
    undated: Undated = False,
    file: File = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """The names of the table, or of one symbol, or those that hold on a day."""
    check_day("--on", on)
    table = _read(file, undated)
    frame = table.frame if on is None else table.on(on)
    if symbol is not None:
        frame = frame[frame["symbol"] == symbol]
    if frame.empty and not json:
        typer.echo("no name in the table fits" + (f" on {on}" if on else ""))
        return
    emit_table(frame, as_json=json)


@app.command()
@guarded
def check(
    text: Annotated[str, typer.Argument(help="A text, in quotes.")],
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The day it is read on.")],
    undated: Undated = False,
    file: File = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Which shares a text names on a day, and what was met and does not count."""
    import pandas as pd

    check_day("--on", on)
    found = _read(file, undated).look(text, on)
    if not found and not json:
        typer.echo(f"the text names no share that the table knows on {on}")
        return
    emit_table(pd.DataFrame(found, columns=["symbol", "words", "kind", "refused"]), as_json=json)


def _read(file: Path | None, undated: bool) -> "NameTable":
    from ..sentiment.cleaning.naming import NameSettings, NameTable

    table = NameTable.read(NameSettings(path="" if file is None else str(file), undated=undated))
    if table.remarks and not undated:
        for remark in table.remarks:
            typer.secho("note: ", fg="yellow", nl=False, err=True)
            typer.echo(remark.en, err=True)
    return table
