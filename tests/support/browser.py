"""A headless Chromium for tests: opens a page, listens, looks.

Speaks the DevTools protocol over a pipe (`--remote-debugging-pipe`: NUL-ended JSON on descriptors 3
and 4), so it needs no port, no driver and no package.  Everything the page does is recorded: console
errors, uncaught exceptions, and every request that is not the file itself or `data:`.
"""

import base64
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
# Popen cannot hand over chosen descriptor numbers; this small program can.
_TRAMPOLINE = (
    "import os,sys;r,w=map(int,sys.argv[1:3]);r,w=os.dup2(r,60),os.dup2(w,61);"
    "os.dup2(r,3);os.dup2(w,4);os.execv(sys.argv[3],sys.argv[3:])"
)


def find_browser() -> str | None:
    """Path of an installed Chromium or Chrome, `QUSHI_BROWSER` first, or None."""
    chosen = os.environ.get("QUSHI_BROWSER")
    if chosen:
        return chosen
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    return next((place for place in PLACES if Path(place).exists()), None)


def browser_or_skip() -> str:
    """The browser; without one the test fails in CI and is skipped, saying so, elsewhere."""
    found = find_browser()
    if found:
        return found
    reason = "no Chromium or Chrome: the page was NOT opened (install chromium, or set QUSHI_BROWSER)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class Page:
    """One open page."""

    def __init__(self, process: "subprocess.Popen[bytes]", write: int, read: int) -> None:
        self._process = process
        self._write = os.fdopen(write, "wb", buffering=0)
        self._read = os.fdopen(read, "rb", buffering=0)
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._last = 0
        self._session: str | None = None
        self._loaded = threading.Event()
        self.errors: list[str] = []
        self.requests: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        held = b""
        while True:
            try:
                part = self._read.read(1 << 16)
            except (OSError, ValueError):
                part = b""
            if not part:
                self._answers.put(None)
                return
            held += part
            *whole, held = held.split(b"\0")
            for message in whole:
                self._take(json.loads(message))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers.put(message)
            return
        method, params = message["method"], message.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(str(details.get("exception", {}).get("description", details["text"])))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(
                " ".join(str(a.get("value", a.get("description"))) for a in params["args"])
            )
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol and its answer."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._answers.get(timeout=60)
            if answer is None:
                raise RuntimeError(f"the browser ended during {method}")
            if answer["id"] == self._last:
                break
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, path: Path, *, width: int, height: int, dark: bool) -> None:
        """Open a file and wait until it has loaded and, where it says so, drawn."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        if not self._loaded.wait(60):
            raise RuntimeError(f"{path} did not load")

    def wait_for(self, expression: str, seconds: float = 30) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise AssertionError(f"never true: {expression}; errors: {self.errors}")
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression (promises are awaited)."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def settle(self) -> None:
        """Wait for two animation frames: what was asked for is drawn."""
        self.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(1))))")

    def screenshot(self, path: Path, selector: str | None = None) -> None:
        """A PNG of the whole page or of one element."""
        what = f"document.querySelector({json.dumps(selector or 'html')})"
        box = self.evaluate(
            f"(() => {{ const b = {what}.getBoundingClientRect();"
            "return {x: b.x + scrollX, y: b.y + scrollY, width: b.width, height: b.height}; })()"
        )
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip={**box, "scale": 1})
        path.write_bytes(base64.b64decode(shot["data"]))

    @property
    def hosts_asked(self) -> list[str]:
        """Requests that left the file."""
        return [
            url for url in self.requests if not url.startswith(("file:", "data:", "blob:", "about:"))
        ]


@contextmanager
def open_page(path: Path, *, width: int = 1300, height: int = 900, dark: bool = False) -> Iterator[Page]:
    """A page in a browser of its own, with a fresh profile, closed at the end."""
    browser = browser_or_skip()
    child_reads, we_write = os.pipe()
    we_read, child_writes = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            [sys.executable, "-c", _TRAMPOLINE, str(child_reads), str(child_writes), *command],
            pass_fds=(child_reads, child_writes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
        )
        os.close(child_reads)
        os.close(child_writes)
        page = Page(process, we_write, we_read)
        try:
            page.open(path, width=width, height=height, dark=dark)
            yield page
        finally:
            _end(page, process)


def _end(page: Page, process: "subprocess.Popen[bytes]") -> None:
    try:
        page._session = None
        page.call("Browser.close")
    except (RuntimeError, OSError, queue.Empty):
        process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(20)
    page._write.close()
    page._read.close()
