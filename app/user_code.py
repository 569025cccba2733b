"""What a user's own class raises costs its own row and no more."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..core import QushiError, UserCodeError


@contextmanager
def somebodys(what: str, kind: type) -> Iterator[None]:
    """Turn whatever a user's own class raises into `UserCodeError`, so that it costs its own row only.

    An error in a class of qushi's is a defect and passes through as it is.
    """
    if kind.__module__.startswith("qushi."):
        yield
        return
    try:
        yield
    except QushiError:
        raise
    except Exception as error:
        raise UserCodeError(f"{what} raised {type(error).__name__}: {error}") from error
