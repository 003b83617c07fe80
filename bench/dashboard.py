"""Time of the dashboard's answers over a store of a million requests or more: from the question to its last byte.

    dashboard.py [--hotplate EXE] [--mkstore EXE] [--requests 1000000] [--minutes 20] [--detailed 1] [--runs 20]
                 DIRECTORY

Each question is put differently each time, so that no answer is remembered. The limit is held against p95 of the
server's processor time, which a busy machine does not make longer; on a quiet one the time that passed, beside it,
is the same. The first overview of a fresh server, which reads the rows into memory, is a line of its own; one server
before brings the file into the system's memory. The load of the machine is said first. Exit 1 when a question is above
its limit.

One request in --detailed keeps its tree and statements, as if the caps had taken the others': 20 million with
--detailed 32 are 2 GB. They spread over --minutes. A store that is in the directory is used again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

FRESH = 5  # servers that are started for their first answer


def cpu_ms(pid: int) -> float:
    """Processor time of all threads of a process so far."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


class Server:
    """`hotplate serve` of a store."""

    def __init__(self, hotplate: str, store: Path) -> None:
        self.process = subprocess.Popen(
            [hotplate, "serve", "--port", "0", "--store", str(store)], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        self.url = self.process.stderr.readline().split()[-1]

    def ask(self, question: str) -> tuple[float, float, bytes]:
        """Wall and processor time in milliseconds, and the answer."""
        cpu, start = cpu_ms(self.process.pid), time.perf_counter()
        with urlopen(f"{self.url}api/v1/{question}", timeout=60) as answer:
            body = answer.read()
        return (time.perf_counter() - start) * 1000, cpu_ms(self.process.pid) - cpu, body

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def put(name: str, wall: list[float], cpu: list[float], limit_ms: int) -> bool:
    """Print a line; whether it is within its limit."""
    fine = p95(cpu) <= limit_ms
    took = f"p95 {p95(wall):8.1f} ms   CPU {p95(cpu):8.1f} ms   limit {limit_ms} ms"
    print(f"{name:<14} {took}{'' if fine else '   TOO SLOW'}")
    return fine


def first_overviews(hotplate: str, store: Path) -> tuple[list[float], list[float]]:
    """Wall and processor times of the first answer of some servers."""
    taken = []
    for _ in range(FRESH + 1):
        server = Server(hotplate, store)
        try:
            taken.append(server.ask("overview?revision=*")[:2])
        finally:
            server.end()
    return [wall for wall, _ in taken[1:]], [cpu for _, cpu in taken[1:]]


def main() -> int:
    """Print a line a question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--hotplate", default="hotplate")
    parser.add_argument("--mkstore", default=os.environ.get("HOTPLATE_MKSTORE", "mkstore"))
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--detailed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    shape = [str(n) for n in (options.requests, 3, options.minutes, options.detailed)]
    store = options.directory / f"dashboard-{'-'.join(shape)}.db"
    if not store.exists():
        subprocess.run([options.mkstore, str(store), *shape], check=True)
    print(f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()} processors")
    fine = put("first overview", *first_overviews(options.hotplate, store), 300)
    server = Server(options.hotplate, store)
    try:
        server.ask("overview?revision=*")
        ids = []
        meta = json.loads(server.ask("meta")[2])
        for k in range(options.runs):  # from all over the range
            first = meta["first"] + (meta["last"] - meta["first"]) * k // options.runs
            rows = server.ask(f"requests?revision=*&limit=1&sort=slowest&from={first}&to={first + 1000}")[2]
            ids.append(json.loads(rows)["requests"][0]["id"])
        questions: dict[str, tuple[int, Callable[[int], str]]] = {
            "overview": (300, lambda k: f"overview?revision=*&run={k}"),
            "route": (500, lambda k: f"route?revision=*&route=/settings&run={k}"),
            "brush": (500, lambda k: f"route?revision=*&route=/settings&min_ms={100 + k}&max_ms=100000"),
            "request": (150, lambda k: f"request?id={ids[k]}"),
            "search": (1000, lambda k: f"requests?revision=*&text=ord&min_ms={k / 1000}&sort=slowest"),
        }
        for name, (limit_ms, question) in questions.items():
            taken = [server.ask(question(k))[:2] for k in range(options.runs)]
            fine = put(name, [t[0] for t in taken], [t[1] for t in taken], limit_ms) and fine
    finally:
        server.end()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
