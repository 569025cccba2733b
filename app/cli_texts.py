"""`qushi texts`: dated texts into the archive, and how far it goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import check_day, counted, pair, parse_settings
from .shell import Json, Store, complain, emit, emit_table, guarded, workspace

if TYPE_CHECKING:
    import pandas as pd

    from ..sentiment import TextSource
    from ..sentiment.archive.fetching import SourceFetch

app = typer.Typer(help="Texts: fetch, import, list, status.", no_args_is_help=True)

_FEW = 8
"""So many holes are named; --json names all."""

_Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting of the source; value in TOML. Repeatable."
    ),
]
_Start = Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD.")]
_End = Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD.")]


@app.command("import")
@guarded
def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV, JSON lines (.gz too) or Parquet with a time a text.")
    ],
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS",
            help="Columns: time, title, body, symbol, id, edited_at, deleted_at, reads, … Repeatable.",
        ),
    ] = None,
    audience: Annotated[str, typer.Option(help="Who speaks: public or institution.")] = "public",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the source. Repeatable. snapshot=true: the file is all that the source "
            "has, known texts between its first and last that it lacks are marked gone.",
        ),
    ] = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """Import texts; known ones are skipped, edited ones are later versions that count from their edit.

    The same file again changes nothing.
    """
    from ..core import DataError
    from ..core.extensions import build
    from ..sentiment import TextSource
    from .console import ConsoleProgress

    if not file.is_file():
        raise DataError(f"no file {str(file)!r}: check the path")
    settings = parse_settings(set_)
    snapshot = _flag(settings.pop("snapshot", False), "--set snapshot")
    table: dict[str, Any] = {
        "kind": _kind(file),
        "path": str(file),
        "audience": audience,
        **settings,
    }
    if map_:
        table["columns"] = dict(pair(item, "--map") for item in map_)
    source = build("qushi.sentiment.sources", table, TextSource, "texts import")
    with ConsoleProgress(quiet=json) as progress:
        report = workspace(store).archive.fill(source, progress=progress, snapshot=snapshot, once=True)
    if json:
        emit(vars(report))
        return
    gone = f", {report.gone} gone" if report.gone else ""
    typer.echo(
        f"{report.new} new, {report.duplicate} known, {report.edited} edited, "
        f"{report.dropped} left out{gone}"
    )


def _kind(file: Path) -> str:
    if file.suffix == ".parquet":
        return "parquet"
    return "jsonl" if ".json" in file.name else "csv"


def _flag(value: object, option: str) -> bool:
    from ..core import ConfigError

    if not isinstance(value, bool):
        raise ConfigError(f"{option} is true or false, received {value!r}")
    return value


@app.command()
@guarded
def fetch(
    what: Annotated[
        str, typer.Argument(metavar="KIND|FILE.toml", help="A kind of source, or a file of [[sources]].")
    ],
    set_: _Set = None,
    start: Annotated[
        str | None,
        typer.Option(help="First day, YYYY-MM-DD; goes before a source's own 'since'."),
    ] = None,
    end: _End = None,
    refetch: Annotated[bool, typer.Option("--refetch", help="Fetch settled parts again too.")] = False,
    json: Json = False,
    store: Store = None,
) -> None:
    """Fetch texts into the archive; run it daily and the archive grows.

    A source that comes in parts (days, files) is only continued, its last part asked for again. One that
    fails is named and costs no other. After Ctrl-C the same command goes on from there.
    """
    from ..core import ConfigError
    from ..sentiment.archive.fetching import fetch_all
    from .console import ConsoleProgress

    check_day("--start", start)
    check_day("--end", end)
    if start and end and start > end:
        raise ConfigError(f"--start {start} comes after --end {end}")
    sources = _sources(what, set_)
    wanted = [(source, start or since) for source, since in sources]
    for _, first in wanted:
        if first and end and first > end:
            raise ConfigError(f"a source begins on {first}, after --end {end}")
    with ConsoleProgress(quiet=json) as progress:
        rows = fetch_all(workspace(store).archive, wanted, end, progress, refetch=refetch)
    _say(rows, json)
    if any(row.failed for row in rows):
        raise typer.Exit(1)


def _sources(what: str, set_: list[str] | None) -> "list[tuple[TextSource, str | None]]":
    from ..core import ConfigError
    from ..core.extensions import build
    from ..sentiment import TextSource
    from .text_sources import read_text_sources

    if what.endswith(".toml"):
        if set_:
            raise ConfigError("--set is for one kind: write the settings into the file's [[sources]]")
        return read_text_sources(Path(what))
    table = {"kind": what, **parse_settings(set_)}
    return [(build("qushi.sentiment.sources", table, TextSource, "texts fetch"), None)]


def _say(rows: "list[SourceFetch]", json: bool) -> None:
    import pandas as pd

    if json:
        emit({"sources": [vars(row) for row in rows]})
    else:
        table = pd.DataFrame([vars(row) for row in rows])
        table = table.rename(columns={"duplicate": "known", "dropped": "left_out"})
        emit_table(table.drop(columns=["reason", "notes"]), as_json=False)
    for row in rows:
        if row.failed:
            failed = "" if row.parts <= 1 else f" ({row.failed} of {counted(row.parts, 'part')} failed)"
            complain(f"{row.source}: {row.reason}{failed}")


@app.command("list")
@guarded
def list_(json: Json = False, store: Store = None) -> None:
    """What is in the archive: texts by source, audience and symbol."""
    found = workspace(store).archive.summary()
    if found.empty and not json:
        typer.echo("the archive holds no texts yet: see qushi texts import --help")
        return
    emit_table(found, as_json=json)


@app.command()
@guarded
def status(
    calendar: Annotated[
        str, typer.Option(help="Exchange whose sessions are looked at: XSHG, XNYS, XTAI.")
    ] = "XSHG",
    start: _Start = None,
    end: _End = None,
    json: Json = False,
    store: Store = None,
) -> None:
    """How far each source goes, the sessions without a text, and what was never fetched."""
    from ..core import ConfigError

    check_day("--start", start)
    check_day("--end", end)
    if start and end and start > end:
        raise ConfigError(f"--start {start} comes after --end {end}")
    archive = workspace(store).archive
    found = archive.status(calendar, start, end)
    fetches = archive.journal.summary()
    if json:
        emit({"sources": found.to_dict("records"), "fetches": fetches.to_dict("records")})
        return
    if found.empty and fetches.empty:
        typer.echo("the archive holds no texts yet: see qushi texts fetch --help")
        return
    if not found.empty:
        emit_table(found.drop(columns="missing"), as_json=False)
        _say_holes(found)
    if not fetches.empty:
        emit_table(fetches[["label", "parts", "settled", "never", "last_fetch"]], as_json=False)
        _say_never(fetches)


def _say_holes(found: "pd.DataFrame") -> None:
    for row in found[found["holes"] > 0].itertuples():
        named = ", ".join(row.missing[:_FEW])
        more = len(row.missing) - _FEW
        rest = f" and {more} more (--json names all)" if more > 0 else ""
        typer.echo(
            f"{row.source}, {row.audience}: no text for {counted(row.holes, 'session')} of "
            f"{row.sessions:,}: {named}{rest}"
        )


def _say_never(fetches: "pd.DataFrame") -> None:
    for row in fetches.itertuples():
        said = []
        if row.never:
            ends = dict.fromkeys((row.first_never, row.last_never))
            which = f"{counted(row.never, 'part')} never fetched: {'..'.join(ends)}"
            said.append("never fetched" if row.parts == 1 else which)
        if row.reason:
            said.append(f"the last failure: {row.reason}")
        if said:
            typer.echo(f"{row.label}: {'; '.join(said)}")
