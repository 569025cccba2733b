"""A local TCP server that speaks baostock's protocol, for the real library to talk to.

A message is `version \\1 type \\1 length of the body`, 21 characters, then the body, `\\1` and a CRC32
of both; fields of a body are parted by `\\1`.  An answer of price rows is compressed, and every answer
ends in `<![CDATA[]]>` and a line feed.
"""

import json
import socketserver
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from replay import running

END = b"<![CDATA[]]>\n"
PRICES = "95"
ANSWERS = {"00": "01", "02": "03", "95": "96", "13": "14", "15": "16", "45": "46"} | {
    "61": "62",
    "63": "64",
    "65": "66",
}
# What stands behind the rows: how many fields of the question come back, and where the columns stand.
ECHOES = {"95": 1, "13": 3, "15": 3, "45": 2, "61": 1, "63": 1, "65": 1}


class Refusal(Exception):
    """The server says no: a code and a sentence."""


class Replay:
    """What was asked, in order: the name of each query and its parameters (less page and page size)."""

    def __init__(self, answer: Callable[[str, list[str]], tuple[list[str], list[list[str]]]]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, list[str]]] = []
        self.damage: Callable[[str, bytes], bytes | None] = lambda query, message: message
        self.address = ("", 0)

    @property
    def queries(self) -> list[str]:
        return [query for query, _ in self.asked]


def message(kind: str, body: str) -> bytes:
    """An answer as it goes over the wire."""
    if kind == "96":
        packed = zlib.compress((body + "\n").encode())
        return f"00.9.40\1{kind}\1{len(packed):010d}".encode() + packed + END
    head = f"00.9.40\1{kind}\1{len(body):010d}"
    crc = zlib.crc32((head + body).encode())
    return f"{head}{body}\1{crc}".encode() + END


def reply(replay: Replay, kind: str, body: list[str]) -> bytes:
    query, user, *rest = body
    if kind in ("00", "02"):
        try:
            replay.answer(query, rest)
        except Refusal as refusal:
            return message(ANSWERS[kind], "\1".join(map(str, refusal.args)))
        return message(ANSWERS[kind], "\1".join(["0", "success", query, user]))
    page, size, *params = rest
    try:
        columns, rows = replay.answer(query, params)
    except Refusal as refusal:
        return message(ANSWERS[kind], "\1".join(map(str, refusal.args)))
    first = (int(page) - 1) * int(size)
    record = json.dumps({"record": rows[first : first + int(size)]}, ensure_ascii=False)
    said = ["0", "success", query, user, page, size, record]
    echo, named = params[: ECHOES[kind]], ",".join(columns)
    tail = [echo[0], named, *params[2:]] if kind == PRICES else [*echo, named]
    return message(ANSWERS[kind], "\1".join([*said, *tail]))


@contextmanager
def serve(answer) -> Iterator[Replay]:
    replay = Replay(answer)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                text = line.decode().rstrip("\n")
                whole, _, crc = text.rpartition("\1")
                assert zlib.crc32(whole.encode()) == int(crc)
                _, kind, length = whole[:21].split("\1")
                assert int(length) == len(whole) - 21
                body = whole[21:].split("\1")
                paged = kind not in ("00", "02")
                replay.asked.append((body[0], body[4:] if paged else body[2:]))
                answered = replay.damage(body[0], reply(replay, kind, body))
                if answered is None:
                    return
                self.wfile.write(answered)
                if not answered.endswith(END):
                    return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server(("127.0.0.1", 0), Handler)
    replay.address = server.server_address
    with running(server):
        yield replay
