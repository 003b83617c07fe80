"""A process with known work, for samplers to look at: bench/samplers.py starts it, tells it when, and asks what it did.

    sampled.py VARIANT SECONDS      VARIANT: bare, hotplate, pyinstrument

Says "ready"; at a line on standard input it serves requests for so long, each with a fixed amount of four kinds of
work, and prints as JSON how many they were, what they took and what share each kind had by its own clock; at the
next line what a sampler within it saw. At the third it ends.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

DATA = b"x" * 1_000_000
KINDS = ("python_loop", "c_with_gil", "c_without_gil", "sleeping")
RATE = 100
app = Flask(__name__)
took = dict.fromkeys(KINDS, 0.0)


def python_loop() -> int:
    """Byte code only."""
    total = 0
    for number in range(150_000):
        total += number & 7
    return total


def c_with_gil() -> None:
    """One long call after the other, none of which gives up the GIL."""
    for _ in range(12):
        sorted(range(40_000, 0, -1))


def c_without_gil() -> None:
    """The same without the GIL."""
    for _ in range(6):
        hashlib.sha256(DATA).digest()


def sleeping() -> None:
    """Wait for nothing."""
    time.sleep(0.008)


@app.get("/")
def page() -> str:
    """A fixed amount of each."""
    for work in (python_loop, c_with_gil, c_without_gil, sleeping):
        start = time.perf_counter()
        work()
        took[work.__name__] += time.perf_counter() - start
    return "done"


def ask() -> None:
    """One request by a direct WSGI call."""
    from werkzeug.test import EnvironBuilder

    body: Any = app(EnvironBuilder(path="/").get_environ(), lambda *_: lambda _data: None)
    b"".join(body)
    body.close()


def shares(times: dict[str, float]) -> dict[str, float]:
    """Of what the kinds took together."""
    whole = sum(times.get(kind, 0) for kind in KINDS) or 1
    return {kind: times.get(kind, 0) / whole for kind in KINDS}


def _hotplate() -> Callable[[], dict[str, float]]:
    from hotplate import _capture, _hotplate
    from hotplate._settings import Settings

    store = tempfile.mkdtemp(prefix="bench-store-") + "/hotplate.db"
    _capture.start(Settings(store=store, level="sample", rate=RATE))

    def seen() -> dict[str, float]:
        _hotplate.stop(5000)
        command = [
            str(Path(sys.executable).parent / "hotplate"),
            "top",
            "route:GET /",
            "--json",
            "--store",
            store,
        ]
        found = json.loads(
            subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        )
        return shares({each["function"]: each["total_s"] for each in found["functions"]})

    return seen


def _pyinstrument() -> Callable[[], dict[str, float]]:
    from pyinstrument import Profiler

    profiler = Profiler(interval=1 / RATE)
    profiler.start()

    def seen() -> dict[str, float]:
        session = profiler.stop()
        times = dict.fromkeys(KINDS, 0.0)
        for stack, seconds in session.frame_records:
            for kind in KINDS:
                times[kind] += seconds if any(frame.startswith(f"{kind}\x00") for frame in stack) else 0
        return shares(times)

    return seen


def main() -> None:
    """Wait, work, tell, wait."""
    variant, seconds = sys.argv[1], float(sys.argv[2])
    start = {"hotplate": _hotplate, "pyinstrument": _pyinstrument}.get(variant)
    ask()
    print("ready", flush=True)
    sys.stdin.readline()
    seen = start() if start is not None else None
    took.update(dict.fromkeys(KINDS, 0.0))
    requests, begin, cpu = 0, time.perf_counter(), time.thread_time()
    while time.perf_counter() < begin + seconds:
        ask()
        requests += 1
    took_s = time.perf_counter() - begin
    used = {"seconds": took_s, "cpu": time.thread_time() - cpu, "truth": shares(took)}
    print(json.dumps({"requests": requests, **used}), flush=True)
    sys.stdin.readline()
    print(json.dumps(seen() if seen is not None else None), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
