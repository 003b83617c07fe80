"""What the sampler inside a process takes of a core by its own thread's clock, and how many stacks were torn.

    own_sampler.py [--seconds 6] [--warm 4]

Threads ask for /orm of the benchmark application without a pause. Exit 1 when a figure is above its limit. One line a
number of threads and rate, each in a process of its own. The share counts from the end of the warm-up on: what is
read once of each function, its name and its line table, is told apart, in ms of the sampler's time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

LIMITS = {100: 0.005, 1000: 0.04}  # of a core
TORN = 0.01
THREADS = (1, 4, 8)


def work(threads: int, rate: int, seconds: float, warm: float) -> dict[str, Any]:
    """The sampler's own account after the warm-up; `warm_cpu_ns`: what it took until then."""
    from hotplate import _capture, _hotplate
    from hotplate._settings import Settings
    from werkzeug.test import EnvironBuilder

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "apps"))
    from bench_orm import app

    folder = tempfile.TemporaryDirectory(prefix="bench-store-")
    _capture.start(Settings(store=f"{folder.name}/hotplate.db", level="sample", rate=rate))
    until = time.monotonic() + warm + seconds

    def ask() -> None:
        while time.monotonic() < until:
            body: Any = app(EnvironBuilder(path="/orm").get_environ(), lambda *_: lambda _data: None)
            b"".join(body)
            body.close()

    workers = [threading.Thread(target=ask) for _ in range(threads)]
    for each in workers:
        each.start()
    time.sleep(warm)
    before = _hotplate.sampler()
    for each in workers:
        each.join()
    after = _hotplate.sampler()
    _hotplate.stop(5000)
    folder.cleanup()
    counts = ("cpu_ns", "ns", "sweeps", "samples", "reused", "torn")
    return {name: after[name] - before[name] for name in counts} | {"warm_cpu_ns": before["cpu_ns"]}


def main() -> int:
    """Print the table, or one account for it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--warm", type=float, default=4, help="seconds before them")
    parser.add_argument("--one", nargs=2, type=int, metavar=("THREADS", "RATE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(work(*options.one, options.seconds, options.warm)))
        return 0
    failed = False
    print("  threads    rate  reached   of a core    a sweep   torn", flush=True)
    for rate, limit in LIMITS.items():
        for threads in THREADS:
            command = [
                sys.executable,
                __file__,
                "--seconds",
                str(options.seconds),
                "--warm",
                str(options.warm),
                "--one",
                str(threads),
                str(rate),
            ]
            said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            share, sweep_us = said["cpu_ns"] / said["ns"], said["cpu_ns"] / said["sweeps"] / 1e3
            torn = said["torn"] / max(said["samples"] + said["torn"], 1)
            above = share > limit or torn > TORN
            failed = failed or above
            limits = f"(limits {100 * limit:.1f} %, {100 * TORN:.0f} %{', ABOVE THEM' if above else ''})"
            print(
                f"  {threads:7} {rate:4} Hz  {said['sweeps'] / said['ns'] * 1e9:4.0f} Hz  {100 * share:8.2f} %"
                f"  {sweep_us:6.1f} us  {100 * torn:.2f} %  {limits}",
                flush=True,
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
