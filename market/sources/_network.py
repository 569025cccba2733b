"""Manners towards a remote: pauses, retries with growing waits, and errors a person can read."""

import re
import threading
import time
from abc import ABC
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

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
_TRY_AGAIN = "is there a connection, or is the limit of requests reached? Try again later"
_WATCH = threading.RLock()
_PAGE = (b"<!doctype html", b"<html", b"<head", b"<script")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


class NotArrivedError(SourceError):
    """Nothing usable came over the wire; `brief` says so without the advice to try again."""

    def __init__(self, brief: str) -> None:
        super().__init__(f"{brief}: {_TRY_AGAIN}")
        self.brief = brief


class _NoDataError(OSError):
    """A site answered with a page for people, or with nothing, where data was asked for."""


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
        with self._explained(what, may_pass, is_shape):
            return self._patiently(request, may_pass)

    def _ask_watched(
        self,
        what: str,
        call: Callable[[], T],
        timeout: float,
        is_shape: tuple[type[Exception], ...],
    ) -> T:
        """The answer of a library function that sends several requests, and minds none of them.

        Each of its requests is sent as `_ask` would: a pause before it, a time-out, and tries of its
        own, so that the last one's failure does not cost those before it.
        """

        def patiently(request: Callable[[], Any]) -> Any:
            return self._patiently(request, (OSError,))

        with self._explained(what, (OSError,), is_shape), _watched(patiently, timeout):
            try:
                return call()
            except ValueError as error:
                # A body that is no JSON is an OSError too in requests, but will not pass.
                raise ValueError(*error.args[:1]) from error

    def _patiently(self, request: Callable[[], T], may_pass: tuple[type[Exception], ...]) -> T:
        tries = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential(multiplier=self.first_wait, max=60) + wait_random(0, self.first_wait),
            retry=retry_if_exception_type(may_pass),
            reraise=True,
        )
        answer: T = tries(self._politely, request)
        return answer

    @contextmanager
    def _explained(
        self, what: str, may_pass: tuple[type[Exception], ...], is_shape: tuple[type[Exception], ...]
    ) -> Iterator[None]:
        try:
            yield
        except may_pass as error:
            raise NotArrivedError(
                f"{what} did not arrive after {self.attempts} tries ({_said(error)})"
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


@contextmanager
def _watched(patiently: Callable[[Callable[[], Any]], Any], timeout: float) -> Iterator[None]:
    """Whatever the `requests` library sends inside is sent by `patiently`, and must bring data.

    A library that leaves time-outs and status codes alone waits for ever on a silent connection, and
    reads the page of a firewall as if it were prices.  One call at a time in the whole process: the
    watch replaces a method of the library, and puts it back.
    """
    from requests import Session

    with _WATCH:
        send = Session.request

        def request(session: Session, *args: Any, **kwargs: Any) -> Any:
            def once() -> Any:
                answer = send(session, *args, **{**kwargs, "timeout": timeout})
                _refuse_no_data(answer)
                return answer

            return patiently(once)

        Session.request = request  # type: ignore[assignment, method-assign]
        try:
            yield
        finally:
            Session.request = send  # type: ignore[method-assign]


def _refuse_no_data(answer: Any) -> None:
    if answer.status_code == 404:
        raise LookupError("404: the site has nothing there")  # asking again would not change that
    answer.raise_for_status()
    start = answer.content[:512].lstrip().lower()
    if not start:
        raise _NoDataError("an empty answer")
    if start.startswith(_PAGE):
        title = _TITLE.search(answer.text)
        named = f", entitled {' '.join(title[1].split())!r}," if title else ""
        raise _NoDataError(f"a page{named} instead of data")


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    for tail in (" with url: ", " for url: ", ". See http"):  # a query of 200 letters, a page about curl
        text = text.partition(tail)[0]
    name = type(error).__name__
    if isinstance(error, _NoDataError):
        return text[:200]
    return f"{name}: {text[:200]}" if text else name


def compact(date: str | None, otherwise: str) -> str:
    """A date as YYYYMMDD.

    >>> compact("2024-01-02", "19900101"), compact(None, "19900101")
    ('20240102', '19900101')
    """
    return otherwise if date is None else f"{pd.Timestamp(date):%Y%m%d}"
