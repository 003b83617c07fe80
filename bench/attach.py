"""What attaching takes from a server under load: throughput of gunicorn with a sampler at its worker, against bare.

    attach.py [--pairs 6] [--seconds 5] [TOOL...]

One server (a worker of four threads) serves all windows, of which each has wrk ask as fast as it can: bare, tool,
tool, bare. Shown are the sampler's own processor time as a share of a core while the load runs, and the throughput as a
ratio to bare, median over pairs with a 95 % interval. Exit 1 when Hotplate's own time is above its limit, or all of
its interval below the limit of throughput. A tool that is not installed is said.
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
from pathlib import Path

from samplers import ATTACH, RATE, SETTLE_S, cpu_ns, found, is_missing, ratio
from side_by_side import interval

APPS = Path(__file__).resolve().parent.parent / "tests" / "apps"
TOOLS = ("hotplate-attach", "py-spy", "austin")
CLIENTS = 4
LEAST_RATIO, MOST_OWN = 0.98, 0.03


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
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def load(self, seconds: float) -> float:
        """Requests a second that it answers."""
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
        if "Non-2xx" in said or (speed := re.search(r"Requests/sec: *([\d.]+)", said)) is None:
            raise ValueError(said)
        return float(speed[1])

    def close(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.errors.close()


def window(server: Server, tool: str, seconds: float, folder: Path) -> tuple[float, float]:
    """Requests a second, and cores that the tool used meanwhile."""
    if tool == "bare":
        return server.load(seconds), 0.0
    words = {
        "PID": str(server.worker()),
        "FILE": str(folder / "stacks"),
        ATTACH[tool][0]: found(ATTACH[tool][0]),
    }
    command = [words.get(word) or word for word in ATTACH[tool]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as peer:
        try:
            time.sleep(SETTLE_S)
            start, before = time.monotonic(), cpu_ns(peer.pid, beside=False)
            speed = server.load(seconds)
            own = (cpu_ns(peer.pid, beside=False) - before) / 1e9 / (time.monotonic() - start)
        finally:
            peer.send_signal(signal.SIGINT)
            peer.wait(30)
    return speed, own


def compare(server: Server, tool: str, options: argparse.Namespace, folder: Path) -> bool:
    """Print a tool's row; whether it keeps what is promised of ours."""
    speeds, own = [], []
    for _ in range(options.pairs):
        turns = [window(server, each, options.seconds, folder) for each in ("bare", tool, tool, "bare")]
        speeds.append((turns[1][0] + turns[2][0]) / (turns[0][0] + turns[3][0]))
        own += [turns[1][1], turns[2][1]]
    median = statistics.median(own)
    fits = not tool.startswith("hotplate") or (median <= MOST_OWN and interval(speeds)[1] >= LEAST_RATIO)
    print(
        f"  {tool:16} {100 * median:13.2f} %   {ratio(speeds):24}{'' if fits else 'OUTSIDE ITS LIMITS'}",
        flush=True,
    )
    return fits


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5)
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
            print(f"  {RATE:3} Hz{'own CPU':>26}   throughput ÷ bare", flush=True)
            print(f"  limits {'':9} {100 * MOST_OWN:13.2f} %   {LEAST_RATIO}", flush=True)
            for tool in options.tools:
                if is_missing(tool):
                    print(f"  {tool:16} not installed here", flush=True)
                else:
                    fits = compare(server, tool, options, folder) and fits
        finally:
            server.close()
    return int(not fits)


if __name__ == "__main__":
    sys.exit(main())
