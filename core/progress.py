"""How long work tells what it is doing, without knowing who listens.

Library functions take a `Progress`; the command line passes one that draws bars, a pipe one that
prints lines, everybody else gets `QUIET`.
"""

from typing import Protocol


class Progress(Protocol):
    """Receives the steps of long work."""

    def begin(self, task: str, total: int) -> None:
        """A task of `total` steps starts (or starts again)."""

    def advance(self, task: str, steps: int = 1) -> None:
        """Some steps of a task are done."""

    def note(self, message: str) -> None:
        """One plain sentence a person should see."""


class _Quiet:
    def begin(self, task: str, total: int) -> None:
        pass

    def advance(self, task: str, steps: int = 1) -> None:
        pass

    def note(self, message: str) -> None:
        pass


QUIET: Progress = _Quiet()
