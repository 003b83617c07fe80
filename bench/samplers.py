"""Samplers side by side at 100 Hz on a process with known work: what they cost, what they say, what they slow down.

    samplers.py [--pairs 4] [--seconds 5] [TOOL...]

A pair is bare, tool, tool, bare, each a new process (bench/sampled.py). Shown are the sampler's own processor time as
a share of a core while the work runs (of its process, or of the target's threads beside the one that works), the
largest error of a kind's share in points against the target's own clock, median over the runs, and as ratios to bare
with 95 % intervals what processor time a request takes the thread that works, and the throughput (which on a shared
machine mostly says what the others did). A tool that is not installed is said.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sampled import KINDS, RATE, shares
from side_by_side import interval

SETTLE_S = 1.0  # until an attached sampler has read what it reads once
BIN = Path(sys.executable).parent
TARGET = str(Path(__file__).with_name("sampled.py"))
INTERVAL_US = str(1_000_000 // RATE)
# What is run beside the target; PID and FILE stand for the target and for where the stacks go.
ATTACH = {
    "hotplate-attach": [
        "hotplate",
        "attach",
        "PID",
        "--for",
        "600s",
        "--rate",
        str(RATE),
        "-o",
        "FILE",
        "--to",
        "collapsed",
    ],
    "py-spy": [
        "py-spy",
        "record",
        "-p",
        "PID",
        "-r",
        str(RATE),
        "-d",
        "600",
        "--idle",
        "-f",
        "raw",
        "-o",
        "FILE",
    ],
    "austin": ["austin", "-i", INTERVAL_US, "-o", "FILE", "-p", "PID"],
}
WITHIN = ("hotplate", "pyinstrument")  # the target itself starts it
TOOLS = ("hotplate", "hotplate-attach", "py-spy", "austin", "echion", "pyinstrument")


def found(command: str) -> str | None:
    """Beside this Python, else on PATH."""
    return shutil.which(command, path=str(BIN)) or shutil.which(command)


def is_missing(tool: str) -> bool:
    """Whether it is not installed here."""
    if tool in WITHIN:
        return importlib.util.find_spec(tool) is None
    return found(ATTACH[tool][0] if tool in ATTACH else tool) is None


def cpu_ns(pid: int, beside: bool) -> int:
    """Processor time so far of all threads of a process; `beside`: of all but the first one."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        if not (beside and task.name == str(pid)):
            total += int((task / "schedstat").read_text().split()[0])
    return total


def shares_of_stacks(text: str) -> dict[str, float]:
    """Of collapsed stacks, or of Austin's lines, which are that with more before and in the frames."""
    times = dict.fromkeys(KINDS, 0.0)
    for line in text.splitlines():
        stack, _, value = line.rpartition(" ")
        for kind in KINDS:
            times[kind] += float(value) if kind in stack else 0
    return shares(times)


class Run:
    """One target, and maybe a sampler at it."""

    def __init__(self, tool: str, seconds: float, folder: Path) -> None:
        self.tool, self.stacks = tool, folder / "stacks"
        variant = tool if tool in WITHIN else "bare"
        command = [sys.executable, TARGET, variant, str(seconds)]
        if tool == "echion":
            command = [found(tool) or "", "-i", INTERVAL_US, "-o", str(self.stacks), *command]
        self.target = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line().strip() == "ready"
        self.peer: subprocess.Popen[bytes] | None = None
        if tool in ATTACH:
            words = {
                "PID": str(self.target.pid),
                "FILE": str(self.stacks),
                ATTACH[tool][0]: found(ATTACH[tool][0]),
            }
            command = [words.get(word) or word for word in ATTACH[tool]]
            self.peer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(SETTLE_S)

    def _line(self) -> str:
        assert self.target.stdout is not None
        return self.target.stdout.readline()

    def _tell(self) -> None:
        assert self.target.stdin is not None
        print("go", file=self.target.stdin, flush=True)

    def _own_ns(self) -> int:
        return cpu_ns(self.peer.pid if self.peer is not None else self.target.pid, self.peer is None)

    def done(self) -> dict[str, Any]:
        """What the target did, what the sampler used meanwhile (`own`), and what it saw (`seen`)."""
        before = self._own_ns()
        self._tell()
        answer: dict[str, Any] = json.loads(self._line())
        answer["own"] = (self._own_ns() - before) / 1e9 / answer["seconds"]
        self._tell()
        answer["seen"] = json.loads(self._line())
        self._tell()
        self.target.wait(timeout=60)
        if self.peer is not None:
            self.peer.wait(timeout=60)
        if self.stacks.exists():
            answer["seen"] = shares_of_stacks(self.readable())
        return answer

    def readable(self) -> str:
        """The stacks as text; Austin's binary format, which echion writes, by way of `convert`."""
        if self.stacks.read_bytes()[:3] != b"MOJ":
            return self.stacks.read_text()
        binary = self.stacks.rename(self.stacks.with_suffix(".mojo"))
        command = [found("hotplate") or "", "convert", str(binary), "-o", "-", "--to", "collapsed"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def run(tool: str, seconds: float) -> dict[str, Any]:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return Run(tool, seconds, Path(folder)).done()


def per(runs: list[dict[str, Any]], what: str) -> float:
    """Requests a second of several runs together, of wall or processor time."""
    return float(sum(each["requests"] for each in runs) / sum(each[what] for each in runs))


def ratio(values: list[float]) -> str:
    """The median and its interval."""
    low, high = interval(values)
    return f"{statistics.median(values):.3f} ({low:.3f} to {high:.3f})"


def compare(tool: str, pairs: int, seconds: float) -> str:
    """A tool's row of the table."""
    own, errors, speeds, costs = [], [], [], []
    for _ in range(pairs):
        first, *both, last = (run(each, seconds) for each in ("bare", tool, tool, "bare"))
        speeds.append(per(both, "seconds") / per([first, last], "seconds"))
        costs.append(per([first, last], "cpu") / per(both, "cpu"))
        own += [each["own"] for each in both]
        errors += [max(abs(each["seen"][kind] - each["truth"][kind]) for kind in KINDS) for each in both]
    cost = "in the target" if tool == "pyinstrument" else f"{100 * statistics.median(own):.2f} %"
    return (
        f"  {tool:16} {cost:>14} {100 * statistics.median(errors):9.1f}   {ratio(costs):24} {ratio(speeds)}"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("tools", nargs="*", metavar="TOOL", default=TOOLS)
    options = parser.parse_args()
    if unknown := set(options.tools) - set(TOOLS):
        parser.error(f"no such tool: {', '.join(sorted(unknown))}")
    print(f"  {RATE:3} Hz{'own CPU':>26} points off   CPU a request ÷ bare     throughput ÷ bare", flush=True)
    failed = False
    for tool in options.tools:
        if is_missing(tool):
            print(f"  {tool:16} not installed here", flush=True)
            continue
        try:
            print(compare(tool, options.pairs, options.seconds), flush=True)
        except (OSError, ValueError, AssertionError, subprocess.SubprocessError) as why:
            print(f"  {tool:16} failed: {why!r}", flush=True)
            failed = failed or tool.startswith("hotplate")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
