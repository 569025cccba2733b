"""A local HTTP server that answers with prepared bodies, and a way to send a library to it.

The real library builds the request and parses the answer; only the host is swapped on the way.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from urllib.parse import parse_qs, urlsplit

Answer = Callable[[str, dict[str, str]], tuple[int, str | bytes]]


class HalfSent(bytes):
    """A body of which only the first half is sent, though its whole length was announced."""


class Replay:
    """What was asked, and where the server listens."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.base = ""

    def local(self, url: str) -> str:
        """The same request at 127.0.0.1."""
        parts = urlsplit(url)
        return f"{self.base}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def times(self, part: str) -> int:
        """How often a path that holds `part` was asked."""
        return sum(part in path for path, _ in self.asked)


@contextmanager
def running(server: BaseServer) -> Iterator[None]:
    """A server that listens while the block runs."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def serve(answer: Answer) -> Iterator[Replay]:
    replay = Replay(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length).decode()
            if self.headers.get("Content-Type") == "application/json":
                query = json.loads(sent)
            else:
                said = "&".join(filter(None, (parts.query, sent)))
                query = {k: v[-1] for k, v in parse_qs(said, keep_blank_values=True).items()}
            replay.asked.append((parts.path, query))
            status, body = replay.answer(parts.path, query)
            payload = body if isinstance(body, bytes) else body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            if isinstance(body, HalfSent):
                payload = payload[: len(payload) // 2]
                self.close_connection = True
            self.wfile.write(payload)

        do_POST = do_GET

        def log_message(self, *_args):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            """A client that gave up waiting is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    replay.base = f"http://127.0.0.1:{server.server_port}"
    with running(server):
        yield replay
