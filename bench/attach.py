"""What attaching takes from a server under load: gunicorn with a sampler at its worker, against bare.

    attach.py [--pairs 12] [--seconds 2] [TOOL...]

One server (a worker of four threads) serves all windows, of which each has wrk ask as fast as it can: bare, tool,
tool, bare. Windows are short, so that what else the machine does meets both alike. Shown are the sampler's own
processor time as a share of a core while the load runs; two ratios to bare, medians over pairs with a 95 % interval:
requests a second, and requests for a second of processor time of the worker, which others on the machine hardly
change; and, with strace around the sampler, the calls a second by which it stops, signals or writes the worker. Exit 1
when Hotplate's own time is above its limit, all of an interval below the limit of requests, or there is one such
call. The row of `sleep` is what the same comes to with nothing there. A tool that is not installed is said.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sampled import RATE
from samplers import ATTACH, SETTLE_S, cpu_ns, found, is_missing, ratio
from side_by_side import interval

APPS = Path(__file__).resolve().parent.parent / "tests" / "apps"
COMMANDS = {"sleep": ["sleep", "600"], **ATTACH}  # one that does nothing tells what the machine does
TOOLS = ("sleep", "hotplate-attach", "py-spy", "austin")
CLIENTS = 4
LEAST_RATIO, MOST_OWN = 0.98, 0.03
WATCHED_S = 2.0
DISTURBING = (
    "ptrace",
    "process_vm_writev",
    "kill",
    "tgkill",
    "tkill",
    "rt_sigqueueinfo",
    "pidfd_send_signal",
)


def children(pid: int) -> list[int]:
    """Of the first thread of a process."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass
class Window:
    """One of wrk's runs."""

    speed: float  # requests a second
    cheapness: float  # requests for a second of the worker's processor time
    own: float  # cores that the sampler used


class Server:
    """gunicorn with one worker."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-b",
            f"127.0.0.1:{self.port}",
            "-w",
            "1",
            "--threads",
            "4",
        ]
        self.errors = (folder / "gunicorn.log").open("w+")
        self.process = subprocess.Popen(
            [*command, "bench_orm:app"], env={**os.environ, "PYTHONPATH": str(APPS)}, stderr=self.errors
        )
        self.load(1)

    def worker(self) -> int:
        """Its worker's process."""
        return children(self.process.pid)[0]

    def load(self, seconds: float) -> tuple[float, int]:
        """Requests a second that it answers, and how many."""
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        wrk = [
            "wrk",
            "-t",
            "1",
            "-c",
            str(CLIENTS),
            "-d",
            f"{seconds:.0f}s",
            f"http://127.0.0.1:{self.port}/orm",
        ]
        said = subprocess.run(wrk, capture_output=True, text=True, check=True, timeout=60 + seconds).stdout
        speed, count = re.search(r"Requests/sec: *([\d.]+)", said), re.search(r"(\d+) requests in", said)
        if "Non-2xx" in said or speed is None or count is None:
            raise ValueError(said)
        return float(speed[1]), int(count[1])

    def close(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.errors.close()


@contextmanager
def attached(server: Server, tool: str, folder: Path, around: tuple[str, ...] = ()) -> Iterator[int]:
    """The tool at the server's worker: its pid."""
    words = {
        "PID": str(server.worker()),
        "FILE": str(folder / "stacks"),
        COMMANDS[tool][0]: found(COMMANDS[tool][0]),
    }
    command = [*around, *(words.get(word) or word for word in COMMANDS[tool])]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as peer:
        try:
            time.sleep(SETTLE_S)
            yield peer.pid
        finally:
            for pid in children(peer.pid) if around else [peer.pid]:
                os.kill(pid, signal.SIGINT)
            peer.wait(30)


def window(server: Server, seconds: float, sampler: int | None = None) -> Window:
    """Load, with the sampler's process beside it."""

    def clocks() -> tuple[float, int, int]:
        return (
            time.monotonic(),
            cpu_ns(server.worker(), beside=False),
            0 if sampler is None else cpu_ns(sampler, beside=False),
        )

    before = clocks()
    speed, count = server.load(seconds)
    took, worker, own = (after - was for after, was in zip(clocks(), before, strict=True))
    return Window(speed, count / (worker / 1e9), own / 1e9 / took)


def disturbing(server: Server, tool: str, folder: Path) -> float | None:
    """Calls a second that stop, signal or write the worker; None: no strace here."""
    if shutil.which("strace") is None:
        return None
    log = folder / "strace"
    around = (
        "strace",
        "-f",
        "-qq",
        "-e",
        f"trace={','.join(DISTURBING)}",
        "-e",
        "signal=none",
        "-o",
        str(log),
    )
    with attached(server, tool, folder, around):
        server.load(WATCHED_S)
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
    own = sum(1 for call in calls if call.startswith(tuple(f"{name}(" for name in DISTURBING)))
    return own / (SETTLE_S + WATCHED_S)


def compare(server: Server, tool: str, options: argparse.Namespace, folder: Path) -> bool:
    """Print a tool's row; whether it keeps what is promised of ours."""
    speeds, cheap, own = [], [], []
    for _ in range(options.pairs):
        first = window(server, options.seconds)
        with attached(server, tool, folder) as sampler:
            both = [window(server, options.seconds, sampler) for _ in range(2)]
        last = window(server, options.seconds)
        speeds.append((both[0].speed + both[1].speed) / (first.speed + last.speed))
        cheap.append((both[0].cheapness + both[1].cheapness) / (first.cheapness + last.cheapness))
        own += [each.own for each in both]
    calls = disturbing(server, tool, folder)
    median = statistics.median(own)
    least = min(interval(speeds)[1], interval(cheap)[1])
    fits = not tool.startswith("hotplate") or (median <= MOST_OWN and least >= LEAST_RATIO and not calls)
    print(
        f"  {tool:16} {100 * median:7.2f} %   {ratio(speeds):24} {ratio(cheap):24}"
        f" {'-' if calls is None else f'{calls:.0f}':>8}{'' if fits else '   OUTSIDE ITS LIMITS'}",
        flush=True,
    )
    return fits


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("tools", nargs="*", metavar="TOOL", default=TOOLS)
    options = parser.parse_args()
    if unknown := set(options.tools) - set(TOOLS):
        parser.error(f"no such tool: {', '.join(sorted(unknown))}")
    if shutil.which("wrk") is None:
        print("  no wrk here")
        return 1
    fits = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder)
        try:
            print(f"  ratios to bare, load {os.getloadavg()[0]:.1f} before", flush=True)
            print(f"  {RATE:3} Hz {'own CPU':>19}   {'requests/s':24} {'requests/CPU s':24} stops/s")
            print(
                f"  limits {100 * MOST_OWN:16.2f} %   {LEAST_RATIO:<24} {LEAST_RATIO:<24} {0:>8}", flush=True
            )
            for tool in options.tools:
                if tool in ATTACH and is_missing(tool):
                    print(f"  {tool:16} not installed here", flush=True)
                else:
                    fits = compare(server, tool, options, folder) and fits
        finally:
            server.close()
    return int(not fits)


if __name__ == "__main__":
    sys.exit(main())
