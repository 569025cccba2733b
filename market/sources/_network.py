"""Manners towards a remote: pauses, retries with growing waits, and errors a person can read."""

import time
from abc import ABC
from collections.abc import Callable
from typing import TypeVar

import pandas as pd
from pydantic import Field, PrivateAttr
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from ...core import SourceError
from .. import clock
from ._base import BarSource

T = TypeVar("T")


class NetworkSource(BarSource, ABC):
    """A source behind a connection.

    pause
        Seconds between two requests of this source, at least.
    attempts
        How often one request is tried in all; only failures that may pass are tried again.
    first_wait
        Seconds before the second try; doubled, with jitter, up to a minute.
    """

    pause: float = Field(default=0.5, ge=0)
    attempts: int = Field(default=4, ge=1, le=20)
    first_wait: float = Field(default=2.0, ge=0)

    _last_request: float = PrivateAttr(default=float("-inf"))

    def _ask(
        self,
        what: str,
        request: Callable[[], T],
        may_pass: tuple[type[Exception], ...],
        is_shape: tuple[type[Exception], ...],
    ) -> T:
        """The answer to one request.

        Errors in `may_pass` (connection, error page, rate limit) are tried again; errors in `is_shape`
        mean that the answer is not what the library expects, and trying again would not help.
        """
        tries = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential(multiplier=self.first_wait, max=60) + wait_random(0, self.first_wait),
            retry=retry_if_exception_type(may_pass),
            reraise=True,
        )
        try:
            answer: T = tries(self._politely, request)
            return answer
        except may_pass as error:
            raise SourceError(
                f"{what} did not arrive after {self.attempts} tries ({_said(error)}): "
                "is there a connection, or is the limit of requests reached? Try again later"
            ) from error
        except is_shape as error:
            raise SourceError(
                f"{what} arrived in a form that the library does not know ({_said(error)}): "
                "the site has changed, or has no such symbol; update the library and look at the symbol"
            ) from error

    def _politely(self, request: Callable[[], T]) -> T:
        wait = self._last_request + self.pause - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        try:
            return request()
        finally:
            self._last_request = time.monotonic()

    def _finished(self, table: pd.DataFrame, calendar: str, what: str) -> pd.DataFrame:
        """Without the session that is still running; `SourceError` where nothing is left."""
        over = table[table["session"] <= clock.last_finished(calendar)]
        if over.empty:
            raise SourceError(f"{what}: no session in that window is over yet")
        return over


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    for tail in (" with url: ", ". See http"):  # a query of 200 letters, a page about curl
        text = text.partition(tail)[0]
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def compact(date: str | None, otherwise: str) -> str:
    """A date as YYYYMMDD.

    >>> compact("2024-01-02", "19900101"), compact(None, "19900101")
    ('20240102', '19900101')
    """
    return otherwise if date is None else f"{pd.Timestamp(date):%Y%m%d}"
