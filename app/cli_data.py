"""`qushi data`: bars from anywhere into the store, and whether they can be trusted."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .shell import Json, Store, complain, emit, emit_table, guarded, workspace

if TYPE_CHECKING:
    from ..market.store import UpdateReport

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
    from .console import ConsoleProgress

    for symbol in symbols:
        _check_symbol(symbol)
    _check_window(start, end)
    # Its log says a second time, on standard error, what the error says.
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    table = {"kind": source, **parse_settings(set_)}
    found = build("qushi.market.sources", table, BarSource, "--source")
    with ConsoleProgress(quiet=json, notes=False) as progress:
        report = workspace(store).bars.update(name or source, found, symbols, start, end, progress)
    _say(report, json)
    for update in report.failed:
        complain(f"{update.symbol}: {update.detail}")
    if report.failed:
        raise typer.Exit(1)


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

    _check_symbol(symbol)
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


def _check_symbol(symbol: str) -> None:
    """A bare code would be taken for an American symbol."""
    from ..core import ConfigError
    from ..market.instruments import exchange_of

    if not symbol.strip():
        raise ConfigError("a symbol is empty: write one like 600519.SH or AAPL")
    if exchange_of(symbol):
        raise ConfigError(
            f"the symbol {symbol!r} lacks its exchange: write {symbol}.{exchange_of(symbol)} for the "
            "share, or .SH, .SZ, .BJ, .TW, .TWO as it is"
        )


def _check_window(start: str | None, end: str | None) -> None:
    import datetime

    from ..core import ConfigError

    for option, date in (("--start", start), ("--end", end)):
        try:
            datetime.date.fromisoformat(date or "2000-01-01")
        except ValueError:
            raise ConfigError(f"{option} is {date!r}: write a date as YYYY-MM-DD") from None
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
    for update in report.updates:
        if update.outcome != "failed":
            added = f", {counted(update.added, 'new session')}" if update.added else ""
            detail = f" ({update.detail})" if update.detail else ""
            typer.echo(f"{update.symbol}: {update.outcome}{added}{detail}")


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

    from ..core import DataError
    from ..core.errors import near_names
    from ..core.extensions import build
    from ..market import BarSource, check_bars

    if source == "sample":
        sample = build("qushi.market.sources", {"kind": "sample"}, BarSource, "sample")
        bars = [sample.fetch(s) for s in symbols or sample.symbols()]
    else:
        stored = workspace(store).bars
        wanted = symbols or stored.symbols(source)
        if not wanted:
            names = {"sample", *stored.list()["name"]}
            raise DataError(f"no bars stored under {source!r}: {near_names(source, names)}")
        bars = [stored.read(source, s) for s in wanted]
    findings = [finding for one in bars for finding in check_bars(one)]
    columns = ["symbol", "session", "kind", "detail"]
    table = pd.DataFrame([[getattr(f, c) for c in columns] for f in findings], columns=columns)
    if json or findings:
        emit_table(table, as_json=json)
    if not json:
        rows = sum(len(b) for b in bars)
        counts = ((len(bars), "symbol"), (rows, "bar"), (len(findings), "finding"))
        typer.echo(", ".join(counted(number, what) for number, what in counts))
    if findings:
        raise typer.Exit(1)


def counted(number: int, what: str) -> str:
    """`1 symbol`, `2 symbols`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


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
