"""The tower: signals, and what the ships carry."""

from __future__ import annotations

import socket
import zlib
from threading import Thread
from typing import Any

from flask import Blueprint
from switches import planted

from .lines import PORT

small_reads = planted("chatty_reads@signals")
thread_each = planted("thread_churn@containers")

bp = Blueprint("tower", __name__)
SIZE = 108_000
MANIFEST = {n: f"container {n}: bananas, umbrellas, {n % 17} pianos; ".encode() * 20 for n in range(3000)}


class SignalReader:
    """Reads what the tower has signalled: frames of twelve bytes."""

    frame = 12

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.rest = b""

    def head(self) -> None:
        """Skip what comes before."""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.connection.recv(4096)
        self.rest = self.rest.partition(b"\r\n\r\n")[2]

    def frames(self, size: int) -> list[bytes]:
        """All of them."""
        left = size - len(self.rest)
        parts = [self.rest]
        while left > 0:
            part = self.connection.recv(
                min(self.frame if small_reads else 65536, left)
            )  # cause: chatty_reads@signals
            parts.append(part)
            left -= len(part)
        whole = b"".join(parts)
        return [whole[start : start + self.frame] for start in range(0, size, self.frame)]


@bp.get("/signals/<int:number>")
def signals(number: int) -> dict[str, Any]:
    """What was signalled since."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=5) as connection:
        connection.sendall(f"GET /0/x{SIZE}/signals/{number} HTTP/1.1\r\nHost: tower\r\n\r\n".encode())
        reader = SignalReader(connection)
        reader.head()
        frames = reader.frames(SIZE)  # cause: chatty_reads@signals
    return {"frames": len(frames), "red": frames.count(b"0123456789ab")}


class Check:
    """The checksums of containers."""

    def __init__(self) -> None:
        self.sums: dict[int, int] = {}

    def one(self, number: int) -> None:
        """Of one."""
        self.sums[number] = zlib.crc32(MANIFEST[number])

    def all(self, numbers: range) -> dict[int, int]:
        """Of all."""
        if thread_each:
            threads = [
                Thread(target=self.one, args=(number,)) for number in numbers
            ]  # cause: thread_churn@containers
            for thread in threads:
                thread.start()  # cause: thread_churn@containers
            for thread in threads:
                thread.join()
        else:
            for number in numbers:
                self.one(number)
        return self.sums


@bp.get("/cargo/<int:number>")
def cargo(number: int) -> dict[str, Any]:
    """Whether the manifest of a ship is as it was."""
    found = Check().all(range(number * 10, number * 10 + 110))  # cause: thread_churn@containers
    return {"sum": sum(found.values()) & 0xFFFF}
