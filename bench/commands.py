"""Time of the commands that people wait for, over stores that store_bench has written: start to exit.

    commands.py [--hotplate EXE] [--runs 15] DIRECTORY

The least of the runs, since a busy machine only makes one longer. Exit 1 when one is above its limit.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HELP_MS = 10
REPORT_MS = 300


def least_ms(command: list[str], runs: int) -> float:
    """The least of so many runs in milliseconds."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append((time.perf_counter() - start) * 1000)
    return min(taken)


def main() -> int:
    """Print a line a command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--hotplate", default="hotplate")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    failed = False
    commands: list[tuple[str, int, list[str]]] = [("--help", HELP_MS, ["--help"])]
    for name in ("bare", "full"):
        store = str(options.directory / f"{name}.db")
        commands.append((f"report, {name} requests", REPORT_MS, ["report", "--store", store]))
    for name, limit, arguments in commands:
        took = least_ms([options.hotplate, *arguments], options.runs)
        failed = failed or took > limit
        print(f"  {name:24} {took:7.1f} ms  (limit {limit}{', ABOVE IT' if took > limit else ''})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
