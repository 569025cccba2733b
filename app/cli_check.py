"""`qushi data check`: whether bars are plausible, and whether two sources of them say the same."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Settings, check_symbols, counted, parse_settings
from .shell import Json, Store, emit, emit_table, guarded, workspace

if TYPE_CHECKING:
    from ..core import Bars, Progress
    from ..market import BarSource, Comparison

_FINDING = ("symbol", "session", "kind", "detail")
_DIFFERENCE = ("symbol", "kind", "first", "last", "sessions", "detail")


@guarded
def check(
    symbols: Annotated[
        list[str] | None, typer.Argument(help="Symbols; default: all of the source.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="A name in the store, or a kind of source: sample, csv, akshare, …")
    ] = "sample",
    set_: Settings = None,
    against: Annotated[
        str | None, typer.Option(help="A second source of the same symbols: say where they differ.")
    ] = None,
    against_set: Annotated[
        list[str] | None,
        typer.Option("--against-set", metavar="KEY=VALUE", help="A setting of that source. Repeatable."),
    ] = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Name gaps, false prints, missed adjustments; or where two sources differ, and why. Exit 1 if any.

    A name in the store is meant before a kind of source, except where a setting is given.
    """
    from ..core import ConfigError
    from .console import ConsoleProgress

    check_symbols(symbols or [])
    one = _source(source, set_, "--source", "--set", store)
    with ConsoleProgress(quiet=json, notes=False) as progress:
        if against is None:
            if against_set:
                raise ConfigError("--against-set sets the second source: give --against too")
            _check_one(one, source, symbols, json, progress)
        else:
            other = _source(against, against_set, "--against", "--against-set", store)
            _check_both((one, other), (source, against), symbols, json, progress)


def _source(name: str, set_: list[str] | None, option: str, how: str, store: Any) -> "BarSource":
    """The source that a name in the store or a kind means."""
    from ..core import DataError
    from ..core.errors import near_names
    from ..core.extensions import build, kinds
    from ..market import BarSource

    bars = workspace(store).bars
    package = "qushi.market.sources"
    if not set_ and bars.symbols(name):
        return build(package, {"kind": "store", "name": name, "root": str(bars.root)}, BarSource, option)
    if name not in kinds(package) and ":" not in name:
        stored = set(bars.list()["name"])
        raise DataError(
            f"no bars stored under {name!r}: {near_names(name, stored | set(kinds(package)))}"
        )
    return build(package, {"kind": name, **parse_settings(set_, how)}, BarSource, option)


def _wanted(symbols: list[str] | None, sources: Sequence["BarSource"]) -> list[str]:
    """The symbols asked for, or those that every source lists."""
    from ..core import ConfigError

    if symbols:
        return list(dict.fromkeys(symbols))
    both = set.intersection(*(set(s.symbols()) for s in sources))
    if not both:
        raise ConfigError("no symbols: name some, the source cannot list them")
    return sorted(both)


def _each(
    sources: Sequence["BarSource"], symbols: list[str], progress: "Progress"
) -> Iterator[tuple[str, list["Bars"] | str]]:
    """The bars of each symbol from every source; of many, one that cannot be read costs no other."""
    from ..core import QushiError

    progress.begin("check", len(symbols))
    for symbol in symbols:
        try:
            found: list[Bars] | str = [source.fetch(symbol) for source in sources]
        except QushiError as error:
            if len(symbols) == 1:
                raise
            found = str(error)
        yield symbol, found
        progress.advance("check")


def _check_one(
    source: "BarSource", name: str, symbols: list[str] | None, json: bool, progress: "Progress"
) -> None:
    import pandas as pd

    from ..market import check_bars

    wanted, rows, bars = _wanted(symbols, [source]), [], 0
    for symbol, found in _each([source], wanted, progress):
        if isinstance(found, str):
            rows.append([symbol, pd.NaT, "unreadable", found])
            continue
        bars += len(found[0])
        rows.extend([getattr(f, c) for c in _FINDING] for f in check_bars(found[0]))
    if json or rows:
        emit_table(pd.DataFrame(rows, columns=list(_FINDING)), as_json=json)
    if not json:
        counts = ((len(wanted), "symbol"), (bars, "bar"), (len(rows), "finding"))
        typer.echo(", ".join(counted(number, what) for number, what in counts))
    if rows:
        raise typer.Exit(1)


def _check_both(
    sources: tuple["BarSource", "BarSource"],
    names: tuple[str, str],
    symbols: list[str] | None,
    json: bool,
    progress: "Progress",
) -> None:
    import pandas as pd

    from ..market import compare_bars

    labels = names if names[0] != names[1] else (f"{names[0]} (1)", f"{names[1]} (2)")
    told, rows, verdicts = [], [], []
    for symbol, found in _each(sources, _wanted(symbols, sources), progress):
        if isinstance(found, str):
            rows.append([symbol, "unreadable", pd.NaT, pd.NaT, 0, found])
            told.append({"symbol": symbol, "unreadable": found})
            continue
        result = compare_bars(found[0], found[1], labels)
        rows.extend([symbol, d.kind, d.first, d.last, d.count, d.detail] for d in result.differences)
        told.append(_as_json(result))
        verdicts.append(_verdict(result))
    if json:
        emit(told)
    else:
        if rows:
            emit_table(pd.DataFrame(rows, columns=list(_DIFFERENCE)), as_json=False)
        for verdict in verdicts:
            typer.echo(verdict)
    if rows:
        raise typer.Exit(1)


def _verdict(found: "Comparison") -> str:
    """On how many sessions the two agree, and on which they do not where these are few."""
    both = f"{found.symbol}: {found.names[0]} and {found.names[1]}"
    if not len(found.common):
        return f"{both} have no session in common"
    off = found.common.difference(found.agreed)
    named = ", ".join(f"{s:%Y-%m-%d}" for s in off[:5]) + (
        f" and {len(off) - 5:,} more" if off[5:].size else ""
    )
    but = f", not on {named}" if len(off) else ""
    return (
        f"{both} agree on {len(found.agreed):,} of {counted(len(found.common), 'common session')}{but}"
    )


def _as_json(found: "Comparison") -> dict[str, Any]:
    return {
        "symbol": found.symbol,
        "sources": list(found.names),
        "common": len(found.common),
        "agreed": len(found.agreed),
        "disagreed": list(found.common.difference(found.agreed)),
        "differences": [vars(d) for d in found.differences],
    }
