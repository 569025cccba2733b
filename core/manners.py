"""Manners towards a remote: pauses, retries with growing waits, and errors a person can read.

A source of bars and a source of texts have them in common: see `Manners`.
"""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pydantic import Field, PrivateAttr
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from .errors import SourceError
from .settings import Settings

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


class _GivenUpError(Exception):
    """A request failed for good; no error that a library knows, so that none of them tries again."""


class Manners(Settings):
    """Settings and conduct of a source behind a connection.

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
    _bodies: list[bytes] = PrivateAttr(default_factory=list)  # of the last watched call

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
        *,
        pages: bool = False,
    ) -> T:
        """The answer of a library function that sends several requests, and minds none of them.

        Each of its requests is sent as `_ask` would: a pause before it, a time-out, and tries of its
        own, so that the last one's failure does not cost those before it.  A request that failed for
        good fails the whole call, also where the library passes over it or would start again.
        `pages`: the data are pages for people, so that a page is no refusal.
        """
        failed: list[OSError] = []
        self._bodies.clear()

        def patiently(request: Callable[[], Any]) -> Any:
            if failed:
                raise _GivenUpError
            try:
                answer = self._patiently(request, (OSError,))
            except OSError as error:
                failed.append(error)
                raise _GivenUpError from error
            self._bodies.append(answer.content)
            return answer

        with self._explained(what, (OSError,), is_shape), _watched(patiently, timeout, pages):
            try:
                answer = call()
            except ValueError as error:
                # A body that is no JSON is an OSError too in requests, but will not pass.
                if not failed:
                    raise ValueError(*error.args[:1]) from error
            except Exception:  # whatever the library made of it: the request that failed is told
                if not failed:
                    raise
            if failed:
                raise failed[0]
            return answer

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


@contextmanager
def _watched(
    patiently: Callable[[Callable[[], Any]], Any], timeout: float, pages: bool
) -> Iterator[None]:
    """Whatever `requests` or curl_cffi sends inside is sent by `patiently`, and must bring data.

    A library that leaves time-outs and status codes alone waits for ever on a silent connection, and
    reads the page of a firewall as if it were prices.  One call at a time in the whole process: the
    watch replaces a method of these libraries, and puts it back.
    """
    with _WATCH:
        sessions = list(_sessions())
        sent = [session.request for session in sessions]
        for session, send in zip(sessions, sent, strict=True):
            session.request = _watching(send, patiently, timeout, pages)
        try:
            yield
        finally:
            for session, send in zip(sessions, sent, strict=True):
                session.request = send


def _sessions() -> Iterator[Any]:
    """The classes through which requests go; what was not loaded cannot send."""
    import requests

    yield requests.Session
    if "curl_cffi.requests" in sys.modules:
        yield sys.modules["curl_cffi.requests"].Session


def _watching(
    send: Callable[..., Any],
    patiently: Callable[[Callable[[], Any]], Any],
    timeout: float,
    pages: bool,
) -> Callable[..., Any]:
    def request(session: Any, *args: Any, **kwargs: Any) -> Any:
        def once() -> Any:
            answer = send(session, *args, **{**kwargs, "timeout": timeout})
            refuse_no_data(answer, pages=pages)
            return answer

        return patiently(once)

    return request


def refuse_no_data(answer: Any, *, pages: bool = False) -> None:
    """Raise where an answer of `requests` or curl_cffi is no data: an error, nothing, a page.

    `LookupError` for 404, which asking again would not change; otherwise an `OSError`, which may pass.
    With `pages` a page for people is what was asked for.
    """
    if answer.status_code == 404:
        raise LookupError("404: the site has nothing there")  # asking again would not change that
    answer.raise_for_status()
    start = answer.content[:512].lstrip().lower()
    if not start:
        raise _NoDataError("an empty answer")
    if not pages and start.startswith(_PAGE):
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
