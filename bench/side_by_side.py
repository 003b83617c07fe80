"""Time of one request under each tool, side by side in one run: ABBA pairs, median ratio to bare with its interval.

    side_by_side.py [--python EXE] [--path /orm] [--pairs 12] [--requests 20] VARIANT...

All workers live at once; a pair is bare, tool, tool, bare, so that drift of the machine falls on both alike.
The ratio of a pair is that of
the medians; shown are the median over pairs and a 95 % interval by bootstrap over them.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

DEFAULT = [
    "count",
    "monitor",
    "sample",
    "sample-1k",
    "trace",
    "trace-c",
    "middleware",
    "cprofile",
    "yappi",
    "werkzeug",
    "fmd",
    "otel",
]


class Worker:
    """One live worker process."""

    def __init__(self, python: str, variant: str) -> None:
        self.variant = variant
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 a pipe that nobody reads would stop a chatty tool
        self.process = subprocess.Popen(
            [python, str(Path(__file__).parent / "worker.py"), variant],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().strip() == "ready"

    def run(self, clock: str, path: str, requests: int) -> float:
        """Median of so many requests, in microseconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(f"{clock} {path} {requests}", file=self.process.stdin, flush=True)
        taken = [int(word) for word in self.process.stdout.readline().split()]
        if not taken:
            raise RuntimeError(f"{self.variant}: the worker died")
        return statistics.median(taken) / 1000

    def why(self) -> str:
        """The last line that it wrote to stderr."""
        self.errors.seek(0)
        return next((line.strip() for line in reversed(self.errors.readlines()) if line.strip()), "no word")

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self.errors.close()


def interval(values: list[float]) -> tuple[float, float]:
    """95 % interval of the median by bootstrap."""
    source = random.Random(1)
    medians = sorted(statistics.median(source.choices(values, k=len(values))) for _ in range(2000))
    return medians[50], medians[1949]


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("variants", nargs="*", default=DEFAULT)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--path", default="/orm")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--clock", choices=["run", "cpu"], default="cpu")
    options = parser.parse_args()
    bare = Worker(options.python, "bare")
    bare.run(options.clock, options.path, 30)
    print(
        f"{options.path}, {'thread CPU' if options.clock == 'cpu' else 'wall'} time, ratio to bare (95 % interval)"
    )
    for variant in options.variants:
        worker = Worker(options.python, variant)
        if not worker.ready:
            print(f"  {variant:12} not available here: {worker.why()}")
            worker.close()
            continue
        try:
            worker.run(options.clock, options.path, 30)
            ratios, added = [], []
            for _ in range(options.pairs):
                times = [
                    side.run(options.clock, options.path, options.requests)
                    for side in (bare, worker, worker, bare)
                ]
                before, after = (times[0] + times[3]) / 2, (times[1] + times[2]) / 2
                ratios.append(after / before)
                added.append(after - before)
        except RuntimeError as error:
            print(f"  {variant:12} {error}")
            continue
        finally:
            worker.close()
        low, high = interval(ratios)
        print(
            f"  {variant:12} {statistics.median(ratios):6.3f} x  ({low:.3f} to {high:.3f})"
            f"   {statistics.median(added):+9.1f} us a request",
            flush=True,
        )
    bare.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
