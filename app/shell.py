"""What every command has in common: where things are kept, how errors end, what --json prints.

Nothing heavy is imported until a command really runs, so that `--help` answers at once.
"""

import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

if TYPE_CHECKING:
    import pandas as pd

    from .workspace import Workspace

P = ParamSpec("P")

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, no progress.")]
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
            function(*args, **kwargs)
        except QushiError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            complain("interrupted: what is finished is kept, the same command goes on from there")
            raise typer.Exit(130) from None

    return run


def complain(message: str) -> None:
    """One plain sentence on standard error."""
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.echo(message, err=True)


def emit(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON document; NaN becomes null, as JSON knows no other."""
    typer.echo(json.dumps(_jsonable(value), ensure_ascii=False, indent=1, allow_nan=False))


def emit_table(table: "pd.DataFrame", as_json: bool, digits: int = 4) -> None:
    """Print a table, as JSON records or drawn for people; nothing is left out in a pipe."""
    if as_json:
        emit(table.to_dict("records"))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=SIMPLE_HEAD, header_style="bold")
    for name in table.columns:
        right = table[name].dtype.kind in "iuf"
        drawn.add_column(str(name), justify="right" if right else "left", no_wrap=True)
    for row in table.itertuples(index=False):
        drawn.add_row(*(escape(_cell(value, digits)) for value in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.measure(drawn, options=_wide(console)).maximum, 80))
    console.print(drawn)


def _wide(console: Any) -> Any:
    return console.options.update(width=10_000, max_width=10_000)


def _cell(value: Any, digits: int) -> str:
    if value is None or value != value or str(value) == "NaT":
        return "–"
    if isinstance(value, float):
        return f"{value:,.{digits}f}"
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d"))
    return str(value)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(v) for v in value]
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    if value is None or (isinstance(value, float) and value != value) or str(value) == "NaT":
        return None
    if isinstance(value, str | int | float | bool):
        return value if value not in (float("inf"), float("-inf")) else str(value)
    return str(value)


def show_path(label: str, path: Path) -> None:
    """Say where a file lies, in one line that can be clicked or copied."""
    typer.echo(f"{label}: {path.resolve()}")
    sys.stdout.flush()
