"""The errors qushi raises.

Every message says what was wrong, what was received and what to do.  `InputError` and its children
mean that the person can mend it (exit code 2); the others mean that the work failed (exit code 1).
"""

import difflib
from collections.abc import Iterable


class QushiError(Exception):
    """Base of every error that qushi raises on purpose."""

    exit_code = 1


class InputError(QushiError, ValueError):
    """What the caller gave cannot be used: mend the input and call again."""

    exit_code = 2


class ConfigError(InputError):
    """A setting is unknown, missing or out of range; `key` names it, to find its line in a file."""

    def __init__(self, message: str, *, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class DataError(InputError):
    """Bars, texts or another value break one of their invariants."""


class MissingExtraError(InputError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed: "
            f"pip install 'qushi[{extra}]'"
        )


class SourceError(QushiError):
    """A remote source did not answer, or answered with something that is not data."""


class FitError(QushiError):
    """A forecaster could not be fitted; its row in the tables carries this reason."""


class UserCodeError(QushiError):
    """A user's own model or strategy raised an error; its row in the tables carries the reason."""


class LookAheadError(QushiError):
    """A value would have used something that was not yet known: a defect, never the caller's."""


def near_names(name: str, known: Iterable[str], limit: int = 3) -> str:
    """A sentence that offers the known names closest to `name`, or lists all of them.

    >>> near_names("lstn", ["lstm", "drift"])
    "did you mean 'lstm'?"
    >>> near_names("zzz", ["drift", "lstm"])
    'choose from: drift, lstm'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=limit, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "choose from: " + ", ".join(names) if names else "none is available"
