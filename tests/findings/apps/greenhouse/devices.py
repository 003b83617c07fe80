"""Devices: sensors behind a bus, valves with a state, cameras, alarms."""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3
from flask import Blueprint
from switches import planted

lock_while_asking = planted("lock_contention@bus")
lock_while_writing = planted("lock_contention@snapshot")
keep_all_frames = planted("memory_growth@frames")
flush_inline = planted("tail_latency@flush")

bp = Blueprint("devices", __name__)

HTTP = f"http://{os.environ['UPSTREAM']}"
manager = urllib3.PoolManager(maxsize=8)
workers = ThreadPoolExecutor(4, thread_name_prefix="greenhouse")


def ask(path: str) -> bytes:
    """What a device says."""
    return manager.request("GET", HTTP + path, timeout=5.0, retries=False).data


class Bus:
    """What has been read from sensors, by whom, and how often."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reads: dict[int, int] = {}

    def read(self, sensor: int) -> int:
        """A value."""
        if lock_while_asking:
            with self.lock:  # cause: lock_contention@bus
                value = ask(f"/11/x64/sensors/{sensor}")[sensor % 60]  # cause: lock_contention@bus
                self.reads[sensor] = self.reads.get(sensor, 0) + 1
                return value
        value = ask(f"/11/x64/sensors/{sensor}")[sensor % 60]
        with self.lock:
            self.reads[sensor] = self.reads.get(sensor, 0) + 1
        return value


bus = Bus()


@bp.get("/sensors/<int:number>")
def sensors(number: int) -> dict[str, Any]:
    """Four sensors of a bed, by the threads that are there for it."""
    values = list(workers.map(bus.read, range(number, number + 4)))  # cause: lock_contention@bus
    return {"values": values}


class Valves:
    """Which valves are open; a thread writes it down when something has moved."""

    def __init__(self, file: Path) -> None:
        self.lock = threading.Lock()
        self.moved = threading.Event()
        self.file = file
        self.state = {f"valve-{n}": {"open": n % 3 == 0, "litres": n * 7 % 90} for n in range(4000)}
        threading.Thread(target=self.keep, name="valves", daemon=True).start()

    def keep(self) -> None:
        """Write it down, again and again."""
        while True:
            self.moved.wait()
            self.moved.clear()
            self.write()

    def write(self) -> None:
        """On to the disk."""
        if lock_while_writing:
            with self.lock:  # cause: lock_contention@snapshot
                text = json.dumps(self.state)  # cause: lock_contention@snapshot
                self.save(text)  # cause: lock_contention@snapshot
        else:
            with self.lock:
                state = self.state.copy()
            self.save(json.dumps(state))

    def save(self, text: str) -> None:
        """A file, and a copy of it at the neighbour's."""
        self.file.write_text(text)
        ask(f"/24/x20/copies/{len(text)}")  # cause: lock_contention@snapshot

    def turn(self, name: str) -> bool:
        """Open what is closed."""
        with self.lock:  # cause: lock_contention@snapshot
            self.state[name] = {"open": not self.state[name]["open"], "litres": 0}
            return bool(self.state[name]["open"])


valves = Valves(Path(os.environ["FINDINGS_DATA"]) / f"valves-{os.getpid()}.json")


@bp.get("/valves/<int:number>")
def valve(number: int) -> dict[str, Any]:
    """Turns a valve, and the one beside it when the pressure is known."""
    valves.turn(f"valve-{number % 4000}")
    valves.moved.set()
    pressure = ask(f"/6/x40/pressure/{number}")
    valves.turn(f"valve-{(number + 1) % 4000}")  # cause: lock_contention@snapshot
    return {"valve": number, "pressure": pressure[3]}


class Camera:
    """Frames of the beds."""

    def __init__(self) -> None:
        self.frames: deque[bytearray] = deque(maxlen=None if keep_all_frames else 8)

    def take(self, number: int) -> bytearray:
        """A frame."""
        frame = bytearray((number + at) % 251 for at in range(256)) * 700
        self.frames.append(frame)  # cause: memory_growth@frames
        return frame


camera = Camera()


@bp.get("/frames/<int:number>")
def frame(number: int) -> dict[str, Any]:
    """A look at a bed, against the one before."""
    taken = camera.take(number)  # cause: memory_growth@frames
    before = camera.frames[-2] if len(camera.frames) > 1 else taken
    return {"bytes": len(taken), "changed": taken[:64] != before[:64]}


class Alarms:
    """What went wrong, sent on to the alarm centre by the dozen."""

    size = 9

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.lock = threading.Lock()

    def add(self, text: str) -> int:
        """One more."""
        with self.lock:
            self.waiting.append(text)
            full = self.waiting if len(self.waiting) >= self.size else None
            if full:
                self.waiting = []
        if full and flush_inline:
            self.send(full)  # cause: tail_latency@flush
        elif full:
            workers.submit(self.send, full)
        return len(text)

    def send(self, texts: list[str]) -> None:
        """To the centre, which takes its time."""
        ask(f"/60/x20/alarms/{len(texts)}")  # cause: tail_latency@flush


alarms = Alarms()


@bp.get("/alarms/<int:number>")
def alarm(number: int) -> dict[str, Any]:
    """A sensor says that it is too warm."""
    told = alarms.add(f"bed {number} is too warm")  # cause: tail_latency@flush
    seen = ask(f"/5/x32/beds/{number}")
    return {"told": told, "seen": seen[0]}
