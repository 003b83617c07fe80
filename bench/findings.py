"""Time of the findings over a store of a million requests of 200 routes: all at once, and again while requests come in.

    findings.py [--hotplate EXE] [--mkstore EXE] [--requests 1000000] [--routes 200] [--runs 5] DIRECTORY

`report` is the command from start to exit; `findings` is what the dashboard's server answers about the same, each time
after another thousand requests were stored. The limit is held against processor time, which a busy machine
does not make longer (the least of the runs, and the middle one of the server's). Exit 1 above a limit.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from dashboard import Server

REPORT_MS, AGAIN_MS = 1000, 300
MORE = 1000


def children_ms() -> float:
    """Processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def report_ms(hotplate: str, store: Path) -> float:
    """Processor time of a report."""
    before = children_ms()
    subprocess.run(
        [hotplate, "report", "--json", "--all", "--store", str(store)], check=True, stdout=subprocess.DEVNULL
    )
    return children_ms() - before


def put(name: str, cpu_ms: float, limit_ms: int | None) -> bool:
    """Print a line; whether it is within its limit."""
    fine = limit_ms is None or cpu_ms <= limit_ms
    limit = "" if limit_ms is None else f"   limit {limit_ms} ms"
    print(f"{name:<28} CPU {cpu_ms:8.1f} ms{limit}{'' if fine else '   TOO SLOW'}")
    return fine


def main() -> int:
    """Print a line a question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--hotplate", default="hotplate")
    parser.add_argument("--mkstore", default=os.environ.get("HOTPLATE_MKSTORE", "mkstore"))
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--routes", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    store = options.directory / "findings.db"
    subprocess.run([options.mkstore, str(store), str(options.requests), str(options.routes)], check=True)
    fine = put("report", min(report_ms(options.hotplate, store) for _ in range(options.runs)), REPORT_MS)
    server = Server(options.hotplate, store)
    try:
        put("first findings", server.ask("findings?revision=*")[1], None)
        taken = []
        for run in range(options.runs):
            subprocess.run([options.mkstore, str(store), str(MORE), str(options.routes)], check=True)
            taken.append(server.ask(f"findings?revision=*&run={run}")[1])
        fine = put(f"findings, {MORE} requests more", statistics.median(taken), AGAIN_MS) and fine
    finally:
        server.end()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
