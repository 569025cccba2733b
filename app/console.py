"""What a person sees while work goes on: bars on a terminal, plain lines in a pipe, silence for --json.

Everything here goes to standard error; standard output carries results alone.
"""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

HEARTBEAT = 30.0
"""Seconds without a line in a pipe after which a task that goes on says how far it is."""
BRIEF = 5.0
"""Seconds under which a task within another one (the epochs of a fold) gets no line of its own."""


class ConsoleProgress:
    """A `core.Progress` on the terminal; use as a context manager.

    Without `notes` the sentences are left to whoever has them in a report anyway.
    """

    def __init__(self, quiet: bool = False, notes: bool = True) -> None:
        self._notes = notes
        self._console = Console(stderr=True, quiet=quiet)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._plain = not quiet and not self._console.is_terminal
        self._totals: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._started: dict[str, float] = {}
        self._spoke = time.monotonic()

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
        """Some steps are done; in a pipe, one line when the task is, and now and then before."""
        if task not in self._tasks:
            self.begin(task, steps)
        self._bars.advance(self._tasks[task], steps)
        before, total = self._done[task], self._totals[task]
        self._done[task] += steps
        now = time.monotonic()
        took = now - self._started[task]
        if before < total <= self._done[task]:
            if took < BRIEF and self._inside_another(task):
                return
            self._say(f"{task}: {total} done in {took:.1f} s")
        elif now - self._spoke >= HEARTBEAT and 0 < self._done[task] < total:
            left = took / self._done[task] * (total - self._done[task])
            self._say(
                f"{task}: {self._done[task]} of {total} after {took:.0f} s, about {_spell(left)} left"
            )

    def _inside_another(self, task: str) -> bool:
        return any(self._done[other] < self._totals[other] for other in self._totals if other != task)

    def _say(self, line: str) -> None:
        """One line in a pipe; on a terminal the bars say it."""
        if self._plain:
            self._spoke = time.monotonic()
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    def note(self, message: str) -> None:
        """One plain sentence."""
        if self._notes:
            self._console.print(message, highlight=False, markup=False, soft_wrap=True)


def _spell(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`: as exact as a guess is."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
