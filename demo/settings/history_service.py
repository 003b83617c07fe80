"""history_service -- the slow neighbour of the shop: highest load ever seen, per group.

Why: the settings page asks it once a group, and its answers take what a real metrics store takes. It is a
process of its own, so that the page's time there is waiting and not work.

    GET /peak/<project>/<group>   {"project": ..., "group": ..., "peak": <percent>}, after --delay seconds
    GET /health                   "ok", at once

It is fair on purpose: one page (the X-Page header) gets at most --slots look-ups at a time and the rest
queue, so forty threads do not finish forty times sooner, and a second visitor does not slow the first.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PageSlots:
    """Lets each page hold a fixed number of look-ups at once; forgets pages that hold none."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._pages: dict[str, tuple[threading.Semaphore, int]] = {}

    @contextmanager
    def hold(self, page: str) -> Iterator[None]:
        """Wait for a slot of this page and keep it for the block."""
        with self._lock:
            slots, users = self._pages.get(page, (threading.Semaphore(self._limit), 0))
            self._pages[page] = (slots, users + 1)
        try:
            with slots:
                yield
        finally:
            with self._lock:
                slots, users = self._pages.pop(page)
                if users > 1:
                    self._pages[page] = (slots, users - 1)


class HistoryServer(ThreadingHTTPServer):
    """The service with its delay and its slots."""

    daemon_threads = True
    request_queue_size = 256  # forty connections at once must not wait for a repeated SYN

    def __init__(self, port: int, delay_s: float, slots: int) -> None:
        super().__init__(("127.0.0.1", port), HistoryHandler)
        self.delay_s = delay_s
        self.slots = PageSlots(slots)


class HistoryHandler(BaseHTTPRequestHandler):
    """Answers /peak and /health."""

    server: HistoryServer

    def do_GET(self) -> None:
        """Route by the path's parts."""
        parts = self.path.strip("/").split("/")
        if parts == ["health"]:
            self._answer(200, "text/plain", b"ok")
        elif len(parts) == 3 and parts[0] == "peak":
            page = self.headers.get("X-Page", self.client_address[0])
            with self.server.slots.hold(page):
                time.sleep(self.server.delay_s)
            self._answer(200, "application/json", peak_json(parts[1], parts[2]))
        else:
            self._answer(404, "text/plain", b"no such thing")

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: forty lines a page help nobody."""


def peak_json(project: str, group: str) -> bytes:
    """The same made-up maximum for the same group, every time."""
    peak = 35 + zlib.crc32(f"{project}/{group}".encode()) % 65
    return json.dumps({"project": project, "group": group, "peak": peak}).encode()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=5081)
    parser.add_argument(
        "--delay", type=float, default=0.125, help="seconds a look-up takes (default %(default)s)"
    )
    parser.add_argument(
        "--slots", type=int, default=4, help="look-ups at a time for one page (default %(default)s)"
    )
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        HistoryServer(options.port, options.delay, options.slots).serve_forever()


if __name__ == "__main__":
    main()
