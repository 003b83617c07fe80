"""client -- ask a server on the loopback, and count exactly what was asked and what came back.

Raw sockets, because the tests compare bytes, and because every request must be known: asked, answered, or failed.
"""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

OURS = (b"x-hotplate-id", b"server-timing")


@dataclass
class Answer:
    """One answer as it came: the status line, the header lines in their order, and all bytes behind them."""

    status_line: bytes
    header_lines: list[bytes]
    body: bytes
    cut: bool = False

    @property
    def status(self) -> int:
        """The status code; 0 when nothing came."""
        return int(self.status_line.split(b" ")[1]) if self.status_line else 0

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        wanted = name.lower().encode() + b":"
        for line in self.header_lines:
            if line.lower().startswith(wanted):
                return line[len(wanted) :].strip().decode("latin-1")
        return None

    def without(self, *names: bytes) -> tuple[bytes, list[bytes], bytes]:
        """Status line, header lines except these (lower case), body: the same with and without Hotplate."""
        kept = [line for line in self.header_lines if line.split(b":", 1)[0].strip().lower() not in names]
        return self.status_line, kept, self.body


def ask(
    port: int,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_s: float = 20.0,
) -> Answer:
    """One request on a connection of its own; the answer is everything until the server closes. It names no port."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    received = bytearray()
    cut = False
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        with suppress(ConnectionError):  # a server may answer and close before it has read a body
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        try:
            while chunk := connection.recv(1 << 16):
                received += chunk
        except ConnectionError:
            cut = True
    head, _, rest = bytes(received).partition(b"\r\n\r\n")
    status_line, *header_lines = head.split(b"\r\n")
    return Answer(status_line, header_lines, rest, cut)


@dataclass
class Load:
    """What a load came to. `sent` counts requests whose bytes went out, `ids` one entry an answer of status 200."""

    sent: int = 0
    ids: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def add(self, other: Load) -> None:
        """Sum up another thread's part."""
        self.sent += other.sent
        self.ids += other.ids
        self.failed += other.failed


class _Visitor:
    """One thread's connection: kept open while the server keeps it, never repeating a request."""

    def __init__(self, port: int, keep_alive: bool) -> None:
        self._port = port
        self._keep = keep_alive
        self._socket: socket.socket | None = None
        self.load = Load()

    def visit(self, path: str) -> None:
        """One request; whatever happens is noted."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            keep = "keep-alive" if self._keep else "close"
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: {keep}\r\n\r\n"
            self._socket.sendall(request.encode())
            self.load.sent += 1
            self._answer(path)
        except (OSError, ValueError) as error:
            self.load.failed.append(f"{path}: {error!r}")
            self.close()

    def _answer(self, path: str) -> None:
        assert self._socket is not None
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = self._socket.recv(1 << 16)
            if not chunk:
                raise ConnectionError(f"closed after {len(data)} bytes")
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (x.partition(b":") for x in lines)
        }
        left = int(headers[b"content-length"]) - len(body) if b"content-length" in headers else -1
        while left:
            chunk = self._socket.recv(1 << 16)
            if not chunk:
                if left > 0:
                    raise ConnectionError(f"{left} bytes short")
                break
            left -= len(chunk) if left > 0 else 0
        word = headers.get(b"connection", b"").lower()
        last = word == b"close" or (status.startswith(b"HTTP/1.0") and word != b"keep-alive")
        if last or left < 0 or not self._keep:
            self.close()
        if status.split(b" ")[1] == b"200":
            self.load.ids.append(headers.get(b"x-hotplate-id", b"").decode())
        else:
            self.load.failed.append(f"{path}: {status!r}")

    def close(self) -> None:
        """Forget the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class BackgroundLoad:
    """A load that runs while the test does something else; stop() ends it after the requests under way."""

    def __init__(
        self,
        port: int,
        paths: Sequence[str],
        concurrency: int,
        count: int | None = None,
        keep_alive: bool = True,
    ) -> None:
        self._turns = itertools.count()  # next() on it is atomic
        self._count = count
        self._paths = paths
        self._stop = threading.Event()
        self._visitors = [_Visitor(port, keep_alive) for _ in range(concurrency)]
        self._threads = [threading.Thread(target=self._run, args=(visitor,)) for visitor in self._visitors]
        for thread in self._threads:
            thread.start()

    def _run(self, visitor: _Visitor) -> None:
        while not self._stop.is_set():
            turn = next(self._turns)
            if self._count is not None and turn >= self._count:
                break
            visitor.visit(self._paths[turn % len(self._paths)])
        visitor.close()

    @property
    def answered(self) -> int:
        """Good answers so far."""
        return sum(len(visitor.load.ids) for visitor in self._visitors)

    def wait(self) -> Load:
        """Wait for the whole count."""
        for thread in self._threads:
            thread.join()
        total = Load()
        for visitor in self._visitors:
            total.add(visitor.load)
        return total

    def stop(self) -> Load:
        """End the load."""
        self._stop.set()
        return self.wait()


def load(port: int, paths: Sequence[str], count: int, concurrency: int = 16, keep_alive: bool = True) -> Load:
    """`count` requests, `concurrency` at a time, the paths in turn."""
    return BackgroundLoad(port, paths, concurrency, count, keep_alive).wait()
