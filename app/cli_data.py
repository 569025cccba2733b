"""`qushi data`: bars from anywhere into the store, and whether they can be trusted."""

import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cli_check import check
from .options import Settings, check_day, check_symbols, counted, pair, parse_settings, read_symbols
from .shell import Json, Store, complain, emit, emit_table, guarded, workspace

if TYPE_CHECKING:
    from ..market import BarSource
    from ..market.store import SymbolUpdate, UpdateReport

app = typer.Typer(help="Bars: fetch, import, list, check.", no_args_is_help=True)
app.command()(check)

_FEW = 20
"""So many symbols get a line each; of more, only what a person should look at."""

Source = Annotated[str, typer.Option(help="Kind of source: akshare, yahoo, tushare, sample, csv, …")]
Start = Annotated[str | None, typer.Option(help="First session, YYYY-MM-DD.")]
End = Annotated[str | None, typer.Option(help="Last session, YYYY-MM-DD.")]
On = Annotated[
    str | None, typer.Option("--on", help="The index as of this day, YYYY-MM-DD. [default: today]")
]


@app.command()
@guarded
def fetch(
    source: Source,
    symbols: Annotated[
        list[str] | None,
        typer.Argument(
            help="Symbols like 600519.SH, 000300.SH, AAPL, 0050.TW; default: all that the source lists."
        ),
    ] = None,
    symbols_from: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A text file of symbols, one a line.")
    ] = None,
    index: Annotated[
        str | None, typer.Option(help="Also the constituents of an index, like 000300.SH.")
    ] = None,
    on: On = None,
    start: Start = None,
    end: End = None,
    refetch: Annotated[
        bool, typer.Option("--refetch", help="Fetch everything again, stored or not.")
    ] = False,
    set_: Settings = None,
    name: Annotated[
        str | None, typer.Option(help="Name in the store; default: the source's kind.")
    ] = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Fetch bars into the store; what is there already is only continued.

    A symbol that fails is named and costs no other; interrupted or not, the same command goes on from
    there, and asks nothing for symbols that are up to date.
    """
    from ..core import ConfigError
    from .console import ConsoleProgress

    check_symbols(symbols or [])
    _check_window(start, end)
    check_day("--on", on)
    if on and not index:
        raise ConfigError("--on tells the day of an index: give --index too")
    found = _source(source, set_)
    wanted = _wanted(found, symbols or [], symbols_from, index, on)
    with ConsoleProgress(quiet=json, notes=False) as progress:
        report = workspace(store).bars.update(
            name or source, found, wanted, start, end, progress, refetch=refetch
        )
    _say(report, json)
    if report.failed and len(wanted) > 1 and not json:
        typer.echo(
            f"{counted(len(report.failed), 'symbol')} of {len(wanted):,} failed, what was fetched is "
            "kept: the same command goes on from there",
            err=True,
        )
    for update in report.failed:
        complain(f"{update.symbol}: {update.detail}")
    if report.failed:
        raise typer.Exit(1)


def _source(kind: str, set_: list[str] | None) -> "BarSource":
    from ..core.extensions import build
    from ..market import BarSource

    # Its log says a second time, on standard error, what the error says.
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    return build("qushi.market.sources", {"kind": kind, **parse_settings(set_)}, BarSource, "--source")


def _wanted(
    source: "BarSource", named: list[str], file: Path | None, index: str | None, on: str | None
) -> list[str]:
    """The symbols asked for in any way, each once, in the order given."""
    from ..core import ConfigError

    symbols = [*named, *(read_symbols(file) if file else [])]
    if index:
        symbols.extend(source.constituents(index, on))
        _say_notes(source)
    if not symbols and not file:
        symbols.extend(source.symbols())
    if not symbols:
        raise ConfigError("no symbols: name some, or give --symbols-from FILE or --index INDEX")
    return list(dict.fromkeys(symbols))


def _say_notes(source: "BarSource") -> None:
    for note in source.take_notes():
        typer.echo(f"note: {note}", err=True)


@app.command()
@guarded
def constituents(
    index: Annotated[str, typer.Argument(help="An index, like 000300.SH.")],
    source: Source,
    on: On = None,
    set_: Settings = None,
    json: Json = False,
) -> None:
    """The symbols of an index as of a day, one a line: a file for `fetch --symbols-from`.

    Today's list used on the past leaves out who did not stay; ask for the day you decide on.
    """
    check_symbols([index])
    check_day("--on", on)
    found = _source(source, set_)
    symbols = found.constituents(index, on)
    if json:
        emit({"index": index, "on": on, "symbols": list(symbols), "notes": list(found.take_notes())})
        return
    _say_notes(found)
    for symbol in symbols:
        typer.echo(symbol)


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

    check_symbols([symbol])
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
    source = build("qushi.market.sources", table, BarSource, "data import")
    report = workspace(store).bars.update(name, source, (symbol,))
    for update in report.failed:
        raise DataError(update.detail)
    _say(report, json)


def _check_window(start: str | None, end: str | None) -> None:
    from ..core import ConfigError

    check_day("--start", start)
    check_day("--end", end)
    if start and end and start > end:
        raise ConfigError(f"--start {start} comes after --end {end}")


def _say(report: "UpdateReport", json: bool) -> None:
    """What an update did; failures are left to the caller."""
    if json:
        emit({"updates": [vars(u) for u in report.updates], "notes": list(report.notes)})
        return
    failures = {f"{u.symbol} failed: {u.detail}" for u in report.failed}
    for note in report.notes:
        if note not in failures:
            typer.echo(f"note: {note}")
    many = len(report.updates) > _FEW
    for update in report.updates:
        if update.outcome != "failed" and (not many or update.outcome == "replaced"):
            typer.echo(_line(update))
    if many:
        counts = Counter(u.outcome for u in report.updates)
        added = sum(u.added for u in report.updates)
        done = ", ".join(f"{number:,} {outcome}" for outcome, number in counts.most_common())
        typer.echo(f"{counted(len(report.updates), 'symbol')}: {done}; {counted(added, 'new session')}")


def _line(update: "SymbolUpdate") -> str:
    added = f", {counted(update.added, 'new session')}" if update.added else ""
    detail = f" ({update.detail})" if update.detail else ""
    return f"{update.symbol}: {update.outcome}{added}{detail}"


@app.command("list")
@guarded
def list_(json: Json = False, store: Store = None) -> None:
    """What is in the store."""
    found = workspace(store).bars.list()
    if found.empty and not json:
        typer.echo("the store holds no bars yet: see qushi data fetch --help")
        return
    emit_table(found, as_json=json)
