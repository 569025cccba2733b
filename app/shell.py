"""What every command has in common: where things are kept, how errors end, what --json prints.

Nothing heavy is imported until a command really runs, so that `--help` answers at once.
"""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from .workspace import Workspace

P = ParamSpec("P")

Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="One JSON document on standard output and no progress; an error stays a sentence on "
        "standard error.",
    ),
]
Store = Annotated[
    Path | None, typer.Option("--store", help="Folder of bars, texts and models. [default: store]")
]
Runs = Annotated[Path | None, typer.Option("--runs", help="Folder of finished runs. [default: runs]")]


def workspace(store: Path | None = None, runs: Path | None = None) -> "Workspace":
    """The folders a command works on."""
    from .workspace import Workspace

    return Workspace.default(store, runs)


def guarded(function: Callable[P, None]) -> Callable[P, None]:
    """End a command as the manual says: one sentence on standard error and an exit code."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from ..core.errors import QushiError

        try:
            with _store_in_force(kwargs.get("store")):
                function(*args, **kwargs)
        except QushiError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            raise  # the reader has seen enough; click ends the command silently
        except OSError as error:
            complain(_refused(error))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            complain("interrupted: what is finished is kept, the same command goes on from there")
            raise typer.Exit(130) from None

    return run


@contextmanager
def _store_in_force(store: object) -> Iterator[None]:
    """Let `--store` hold for everything below, the sources `store` and `archive` of a file included."""
    before = os.environ.get("QUSHI_STORE")
    if store is not None:
        os.environ["QUSHI_STORE"] = str(store)
    try:
        yield
    finally:
        if store is not None and before is None:
            del os.environ["QUSHI_STORE"]
        elif before is not None:
            os.environ["QUSHI_STORE"] = before


def complain(message: str) -> None:
    """One plain sentence on standard error."""
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(message, err=True)


def _refused(error: OSError) -> str:
    """What the system would not do, in words: `cannot use 'x': Permission denied`."""
    named = error.filename2 or error.filename
    reason = error.strerror or str(error)
    return f"cannot use {str(named)!r}: {reason}" if named else reason


def emit(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON document; NaN becomes null, as JSON knows no other."""
    typer.echo(json.dumps(_jsonable(value), ensure_ascii=False, indent=1, allow_nan=False))


def emit_table(table: "pd.DataFrame", as_json: bool, digits: int = 4) -> None:
    """Print a table, as JSON records or drawn for people.

    Nothing is left out: what is wider than the terminal goes below, the first column repeated; in a
    pipe every row is one line.
    """
    if as_json:
        emit(table.to_dict("records"))
        return
    from rich.console import Console

    cells = {
        str(name): [_cell(value, _FORMATS.get(str(name), f",.{digits}f")) for value in table[name]]
        for name in table.columns
    }
    right = {str(name) for name in table.columns if table[name].dtype.kind in "iuf"}
    console = Console()
    limit = console.width if console.is_terminal else 1_000_000
    for names in _abreast(cells, limit):
        drawn = _drawn({name: cells[name] for name in names}, right)
        if not console.is_terminal:
            wide = console.options.update(width=limit, max_width=limit)
            console = Console(width=max(console.measure(drawn, options=wide).maximum, 80))
        console.print(drawn)


def _abreast(cells: Mapping[str, Sequence[str]], limit: int) -> list[list[str]]:
    """Column names, in as many parts as the width asks for; the first column opens each."""
    from rich.cells import cell_len

    key, *others = cells
    width = {name: 3 + max(map(cell_len, [name, *cells[name]])) for name in cells}
    parts, used = [[key]], width[key] + 1
    for name in others:
        if used + width[name] > limit and len(parts[-1]) > 1:
            parts.append([key])
            used = width[key] + 1
        parts[-1].append(name)
        used += width[name]
    return parts


def _drawn(cells: Mapping[str, Sequence[str]], right: set[str]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=SIMPLE_HEAD, header_style="bold")
    for name in cells:
        drawn.add_column(escape(name), justify="right" if name in right else "left", overflow="fold")
    for row in zip(*cells.values(), strict=True):
        drawn.add_row(*map(escape, row))
    return drawn


_FORMATS = {
    **dict.fromkeys(("accuracy", "base_rate", "total_return", "cagr", "max_drawdown"), ".1%"),
    **dict.fromkeys(("exposure", "excess_return"), ".1%"),
    **dict.fromkeys(("round_trips", "refused", "costs"), ",.0f"),
    **dict.fromkeys(("mcc", "relative_mae", "ic", "p_value"), ".3f"),
    **dict.fromkeys(("n", "seeds"), ",.0f"),
    **dict.fromkeys(("fit_seconds", "ic_t"), ".1f"),
    "accuracy_sd": ".1%",
    "sharpe_sd": ".2f",
    "sharpe": ".2f",
    "seconds": ".1f",
}
"""How figures are shown to people, by column; --json keeps every digit."""


def _cell(value: Any, form: str) -> str:
    if value is None or value != value or str(value) == "NaT":
        return "–"
    if isinstance(value, float):
        return format(value, form)
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d" if _is_day(value) else "%Y-%m-%d %H:%M %Z")).strip()
    return str(value)


def _is_day(moment: Any) -> bool:
    return moment.tzinfo is None and (moment.hour, moment.minute, moment.second) == (0, 0, 0)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    if value is None or (isinstance(value, float) and value != value) or str(value) == "NaT":
        return None
    if hasattr(value, "isoformat"):
        text = str(value.isoformat())
        return text.removesuffix("T00:00:00")
    if isinstance(value, str | int | float | bool):
        return value if value not in (float("inf"), float("-inf")) else str(value)
    return str(value)


def show_path(label: str, path: Path) -> None:
    """Say where a file lies, in one line that can be clicked or copied."""
    typer.echo(f"{label}: {path.resolve()}")
    sys.stdout.flush()
