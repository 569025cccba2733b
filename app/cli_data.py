"""`qushi data`: bars from anywhere into the store, and whether they can be trusted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .shell import Json, Store, complain, emit, emit_table, guarded, workspace

if TYPE_CHECKING:
    from ..market import BarSource

app = typer.Typer(help="Bars: fetch, import, list, check.", no_args_is_help=True)

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting of the source; value in TOML. Repeatable."
    ),
]
Start = Annotated[str | None, typer.Option(help="First session, YYYY-MM-DD.")]
End = Annotated[str | None, typer.Option(help="Last session, YYYY-MM-DD.")]


@app.command()
@guarded
def fetch(
    symbols: Annotated[
        list[str], typer.Argument(help="Symbols like 600519.SH, 000300.SH, AAPL, 0050.TW.")
    ],
    source: Annotated[str, typer.Option(help="Kind of source: akshare, yahoo, sample, csv, parquet.")],
    start: Start = None,
    end: End = None,
    set_: Settings = None,
    name: Annotated[
        str | None, typer.Option(help="Name in the store; default: the source's kind.")
    ] = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Fetch bars into the store; what is there already is only continued.

    A symbol that fails is named and costs no other; the same command goes on from there.
    """
    from ..core.extensions import build
    from ..market import BarSource

    found = build("qushi.market.sources", {"kind": source, **parse_settings(set_)}, BarSource, "--set")
    _update(name or source, found, tuple(symbols), start, end, json, store)


@app.command("import")
@guarded
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file of one symbol's bars.")],
    symbol: Annotated[str, typer.Option(help="Its symbol, zeros and suffix included: 000300.SH.")],
    adjustment: Annotated[str, typer.Option(help="raw (as traded) or adjusted.")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OURS=THEIRS", help="Column names, e.g. close=收盘. Repeatable."),
    ] = None,
    set_: Settings = None,
    name: Annotated[str, typer.Option(help="Name in the store.")] = "imported",
    json: Json = False,
    store: Store = None,
) -> None:
    """Import bars from a file of yours into the store."""
    from ..core import DataError
    from ..core.extensions import build
    from ..market import BarSource

    if not file.is_file():
        raise DataError(f"no file {str(file)!r}: check the path")
    table: dict[str, Any] = {
        "kind": "parquet" if file.suffix == ".parquet" else "csv",
        "folder": str(file.parent),
        "pattern": "{symbol}" + file.suffix,
        "files": {symbol: file.name},
        "adjustment": adjustment,
        **parse_settings(set_),
    }
    if map_:
        table["columns"] = dict(pair(item, "--map") for item in map_)
    _update(
        name,
        build("qushi.market.sources", table, BarSource, "--set"),
        (symbol,),
        None,
        None,
        json,
        store,
    )


def _update(
    name: str,
    source: "BarSource",
    symbols: tuple[str, ...],
    start: str | None,
    end: str | None,
    json: bool,
    store: Path | None,
) -> None:
    from .console import ConsoleProgress

    with ConsoleProgress(quiet=json) as progress:
        report = workspace(store).bars.update(name, source, symbols, start, end, progress)
    if json:
        emit({"updates": [vars(u) for u in report.updates], "notes": list(report.notes)})
    else:
        for update in report.updates:
            if update.outcome != "failed":
                added = f", {update.added} new sessions" if update.added else ""
                detail = f" ({update.detail})" if update.detail else ""
                typer.echo(f"{update.symbol}: {update.outcome}{added}{detail}")
        for note in report.notes:
            typer.echo(f"note: {note}")
        for update in report.failed:
            complain(f"{update.symbol}: {update.detail}")
    if report.failed:
        raise typer.Exit(1)


@app.command("list")
@guarded
def list_(json: Json = False, store: Store = None) -> None:
    """What is in the store."""
    found = workspace(store).bars.list()
    if found.empty and not json:
        typer.echo("the store holds no bars yet: see qushi data fetch --help")
        return
    emit_table(found, as_json=json)


@app.command()
@guarded
def check(
    symbols: Annotated[
        list[str] | None, typer.Argument(help="Symbols; default: all of the source.")
    ] = None,
    source: Annotated[str, typer.Option(help="A name in the store, or sample.")] = "sample",
    json: Json = False,
    store: Store = None,
) -> None:
    """Name gaps, impossible prices and jumps that look like missed adjustments. Exit 1 if any."""
    import pandas as pd

    from ..core.extensions import build
    from ..market import BarSource, check_bars

    if source == "sample":
        sample = build("qushi.market.sources", {"kind": "sample"}, BarSource, "sample")
        bars = [sample.fetch(s) for s in symbols or sample.symbols()]
    else:
        stored = workspace(store).bars
        wanted = symbols or [str(s) for s in stored.list().query("name == @source")["symbol"]]
        bars = [stored.read(source, s) for s in wanted] or [stored.read(source, "")]
    findings = [finding for one in bars for finding in check_bars(one)]
    columns = ["symbol", "session", "kind", "detail"]
    table = pd.DataFrame([[getattr(f, c) for c in columns] for f in findings], columns=columns)
    if json or findings:
        emit_table(table, as_json=json)
    if not json:
        rows = sum(len(b) for b in bars)
        typer.echo(f"{len(bars)} symbols, {rows} bars, {len(findings)} findings")
    if findings:
        raise typer.Exit(1)


def parse_settings(items: list[str] | None) -> dict[str, Any]:
    """`--set key=value` as a table; values are TOML, bare words are strings."""
    import tomllib

    table: dict[str, Any] = {}
    for item in items or []:
        key, value = pair(item, "--set")
        try:
            table[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            table[key] = value
    return table


def pair(item: str, option: str) -> tuple[str, str]:
    """The two sides of `KEY=VALUE`."""
    from ..core import ConfigError

    key, equals, value = item.partition("=")
    if not equals or not key:
        raise ConfigError(f"{option} takes KEY=VALUE, received {item!r}")
    return key.strip(), value.strip()
