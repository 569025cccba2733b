"""What a person sees while work goes on: bars on a terminal, plain lines in a pipe, silence for --json.

Everything here goes to standard error; standard output carries results alone.
"""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars


class ConsoleProgress:
    """A `core.Progress` on the terminal; use as a context manager."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._plain = not quiet and not self._console.is_terminal
        self._totals: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._started: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, task: str, total: int) -> None:
        """A task of `total` steps starts."""
        self._totals[task], self._done[task], self._started[task] = total, 0, time.monotonic()
        if task in self._tasks:
            self._bars.reset(self._tasks[task], total=total)
        else:
            self._tasks[task] = self._bars.add_task(task, total=total)

    def advance(self, task: str, steps: int = 1) -> None:
        """Some steps are done; in a pipe, one line when the task is."""
        if task not in self._tasks:
            self.begin(task, steps)
        self._bars.advance(self._tasks[task], steps)
        before = self._done[task]
        self._done[task] += steps
        if self._plain and before < self._totals[task] <= self._done[task]:
            took = time.monotonic() - self._started[task]
            print(f"{task}: {self._totals[task]} done in {took:.1f} s", file=sys.stderr)  # noqa: T201

    def note(self, message: str) -> None:
        """One plain sentence."""
        self._console.print(message, highlight=False, markup=False, soft_wrap=True)
