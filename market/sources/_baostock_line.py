"""A conversation with baostock's server: log in, ask, log out, and never wait for ever.

The library keeps one socket without a time-out, and reads nothing for ever once the other side has hung
up; here the socket is one that gives up.  What the library prints (success and failure alike) is kept
from standard output.  Its pages hold 2,000 rows: a page that fails looks like the end of the answer,
and its own `get_data` calls a function that pandas no longer has, so rows are read here.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from types import ModuleType
from typing import Any

import pandas as pd

from ...core import MissingExtraError, SourceError

_END = b"<![CDATA[]]>\n"
_FINE, _NOT_RECEIVED = "0", "10002007"
_MAY_PASS = ("10002", "10005", "10001001", "10001005")  # network, server, session lost, too many logins
_LOCK = threading.RLock()


class LineError(OSError):
    """The conversation broke off, or the server asks to come back later."""


class Conversation:
    """What can be asked between login and logout."""

    def __init__(self, library: ModuleType, said: StringIO) -> None:
        self._library = library
        self._said = said

    def ask(self, query: str, columns: tuple[str, ...], **params: str) -> pd.DataFrame:
        """The whole answer to one query of the library, every page of it, as text.

        `LineError` where asking again may help, `SourceError` where it would not.
        """
        self._said.truncate(0)
        self._said.seek(0)
        try:
            answer = getattr(self._library, query)(**params)
            self._check(answer, query)
            missing = [name for name in columns if name not in answer.fields]
            if answer.data and missing:
                raise SourceError(
                    f"the answer to {query} lacks {missing[0]!r}; it has {', '.join(answer.fields)}: "
                    "baostock has changed its columns"
                )
            return pd.DataFrame(self._rows(answer, query), columns=answer.fields or columns)
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # from inside the library
            raise SourceError(
                f"the answer to {query} has a form that the library does not know "
                f"({type(error).__name__}: {error}): update the package baostock"
            ) from error

    def _rows(self, answer: Any, query: str) -> list[list[str]]:
        rows: list[list[str]] = []
        while answer.next():
            rows.append(answer.get_row_data())
        self._check(answer, query)
        # After a full last page the library asks for another one: an empty page is the end, while the
        # same page still in hand means that the question came back without an answer.
        if len(answer.data) == int(answer.per_page_count):
            raise LineError(f"{query} broke off after {len(rows)} rows ({self._reason()})")
        return rows

    def _check(self, answer: Any, query: str) -> None:
        code = str(answer.error_code)
        if code == _FINE:
            return
        if code == _NOT_RECEIVED:
            raise LineError(f"{query}: {self._reason()}")
        message = f"{query}: {code} {answer.error_msg}"
        if code.startswith(_MAY_PASS):
            raise LineError(message)
        raise SourceError(f"baostock refuses {message}")

    def _reason(self) -> str:
        """What the library printed first about this query: of an error, its text."""
        lines = self._said.getvalue().split("\n")
        return next((line for line in lines if line.strip()), "no reason given")


class _Line:
    """The library's socket, except that it gives up: after `timeout` seconds, and at a hang-up."""

    def __init__(self, address: tuple[str, int], timeout: float) -> None:
        self._socket = socket.create_connection(address, timeout)
        self._tail = b""
        self.idle = True

    def send(self, message: bytes) -> None:
        self.idle, self._tail = False, b""
        self._socket.sendall(message)

    def recv(self, size: int) -> bytes:
        piece = self._socket.recv(size)
        if not piece:
            raise ConnectionError("the connection was closed in the middle of an answer")
        if not self._tail and piece.lstrip().startswith(b"<"):
            raise ConnectionError("a page instead of data")
        self._tail = (self._tail + piece)[-len(_END) :]
        self.idle = self._tail == _END
        return piece

    def close(self) -> None:
        self._socket.close()


@contextmanager
def conversation(timeout: float) -> Iterator[Conversation]:
    """Logged in, and logged out again whatever happens, unless the line itself is broken."""
    try:
        import baostock
        from baostock.common import contants, context
        from baostock.util.socketutil import SocketUtil
    except ModuleNotFoundError:
        raise MissingExtraError("baostock", "baostock", "the source 'baostock'") from None

    def connect(_self: Any, _key: str) -> None:
        address = (contants.BAOSTOCK_SERVER_IP, contants.BAOSTOCK_SERVER_PORT)
        context.default_socket = _Line(address, timeout)

    with _LOCK, redirect_stdout(StringIO()) as said:
        theirs = SocketUtil.connect
        SocketUtil.connect = connect
        context.default_socket = None
        try:
            talk = Conversation(baostock, said)
            talk.ask("login", ())
            with _logged_out(baostock, context.default_socket):
                yield talk
        finally:
            SocketUtil.connect = theirs
            if context.default_socket is not None:
                context.default_socket.close()
            context.default_socket = None


@contextmanager
def _logged_out(library: ModuleType, line: _Line) -> Iterator[None]:
    """Log out in the end, unless the line is in the middle of an answer."""
    try:
        yield
    finally:
        if line.idle:
            library.logout()
