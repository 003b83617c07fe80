"""Instruments: a bus that only one may use, and what goes on beside the requests."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from itertools import pairwise
from typing import Any, TypeVar

import urllib3
from flask import Blueprint
from switches import planted

hold_while_asking = planted("lock_contention@bus")
sum_again = planted("gil_contention@checksums")

bp = Blueprint("instruments", __name__)
Result = TypeVar("Result")

manager = urllib3.PoolManager(maxsize=8)
workers = ThreadPoolExecutor(4, thread_name_prefix="assay")
HTTP = f"http://{os.environ['UPSTREAM']}"


def ask(path: str) -> bytes:
    """What an instrument says."""
    return manager.request("GET", HTTP + path, timeout=5.0, retries=False).data


def exclusive(function: Callable[..., Result]) -> Callable[..., Result]:
    """One at a time, for methods of what has a lock."""

    @wraps(function)
    def alone(self: Bus, *values: Any) -> Result:
        with self.lock:  # cause: lock_contention@bus
            return function(self, *values)

    return alone


class Bus:
    """Registers of an instrument, refreshed by a thread of their own after somebody looked."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.registers = bytes(64)
        self.looked = threading.Semaphore(0)
        threading.Thread(target=self.serve, name="bus", daemon=True).start()

    def serve(self) -> None:
        """Refresh, again and again."""
        while True:
            self.looked.acquire()
            if hold_while_asking:
                self.refresh()  # cause: lock_contention@bus
            else:
                fresh = ask("/32/x64/registers")
                self.put(fresh)

    @exclusive  # cause: lock_contention@bus
    def refresh(self) -> None:
        """All registers."""
        self.registers = ask("/32/x64/registers")  # cause: lock_contention@bus

    @exclusive
    def put(self, registers: bytes) -> None:
        """These are the registers now."""
        self.registers = registers

    @exclusive
    def read(self, at: int) -> int:
        """One register."""
        return self.registers[at % 64]


bus = Bus()


@bp.get("/temperatures/<int:number>")
def temperatures(number: int) -> dict[str, Any]:
    """How warm it is in the incubators."""
    bus.looked.release()
    room = ask(f"/9/x40/room/{number}")
    return {
        "room": room[0],
        "incubators": [bus.read(at) for at in range(number, number + 8)],
    }  # cause: lock_contention@bus


class Archive:
    """Checksums over what was measured, kept right by a thread."""

    def __init__(self) -> None:
        self.content = bytes(range(256)) * 700
        self.version, self.summed = 1, 0
        self.sums: list[int] = []
        self.touched = threading.Event()
        threading.Thread(target=self.keep, name="archive", daemon=True).start()

    def keep(self) -> None:
        """Sum up when somebody came by."""
        while True:
            self.touched.wait()
            self.touched.clear()
            if sum_again or self.summed != self.version:
                self.sum_up()  # cause: gil_contention@checksums
                self.summed = self.version

    def sum_up(self) -> None:
        """Checksums as the old instrument makes them."""
        found, low, high = [], 1, 0
        for at, byte in enumerate(self.content):  # cause: gil_contention@checksums
            low = (low + byte) % 65521  # cause: gil_contention@checksums
            high = (high + low) % 65521  # cause: gil_contention@checksums
            if at % 4096 == 4095:
                found.append(high << 16 | low)
        self.sums = found


archive = Archive()


def turned(row: list[int]) -> list[int]:
    """A row from the other side."""
    return [255 - value for value in reversed(row)]


def shifted(row: list[int], by: int) -> list[int]:
    """A row that begins elsewhere."""
    return row[by:] + row[:by]


def edges(row: list[int]) -> int:
    """How often it changes from dark to light."""
    return sum(1 for left, right in pairwise(row) if left < 128 <= right)


@bp.get("/images/<int:number>")
def image(number: int) -> dict[str, Any]:
    """Counts colonies in a picture."""
    archive.touched.set()  # cause: gil_contention@checksums
    rows = [[(x * 3 + y * y + number) % 256 for x in range(700)] for y in range(240)]
    found = [edges(turned(shifted(row, number % 50))) for row in rows]
    return {"colonies": sum(found) // 9, "sums": len(archive.sums)}


@bp.get("/scan/<int:number>")
def scan(number: int) -> dict[str, Any]:
    """Four instruments asked at the same time by threads that are kept: nothing is wrong here."""
    told = list(workers.map(ask, [f"/{10 + at}/x256/scan/{at}/{number}" for at in range(4)]))
    return {"scan": [len(each.rstrip(b"f")) for each in told]}
