"""formats -- hotplate beside gprof2dot, pstats, Stats.add, inferno and snakeviz, in one run on made-up profiles.

    python bench/formats.py [--hotplate EXE] [--functions 5000,50000] [--files 1000]

Both sides run as processes, from a warm file cache; the figure is CPU time (others may use the machine), the median of
three, of one where a run takes above 5 s. Profiles are made by a process of their own, so that peak memory is the
measured one's. Files to merge are runs of one program. Exit 1 when a figure misses its limit; inferno is compared with
where it is (tools/setup bench installs it where there is cargo).
"""

from __future__ import annotations

import argparse
import cProfile
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
GRAPH_TIMES, TOP_TIMES, MERGE_TIMES, FLAME_TIMES, OPEN_TIMES = 30, 20, 20, 3, 10
OPEN_MS, OPEN_BYTES = 300, 2 << 20
MEMORY_SHARE = 1 / 3
ADD = "import pstats, sys; s = pstats.Stats(sys.argv[2]); [s.add(f) for f in sys.argv[3:]]; s.dump_stats(sys.argv[1])"

# The page that snakeviz serves of a profile, without its server.
SNAKEVIZ = """
import sys, pathlib, snakeviz.main as main
from pstats import Stats
from tornado.template import Loader
stats = Stats(sys.argv[1])
loader = Loader(main.settings["template_path"])
page = loader.load("viz.html").generate(
    profile_name="x", table_rows=main.table_rows(stats), callees=main.json_stats(stats),
    static_url=lambda path: path, handler=None)
pathlib.Path(sys.argv[2]).write_bytes(page)
"""


def place(i: int) -> str:
    """A file's name as long as real ones."""
    return f"/srv/app/venv/lib/python3.12/site-packages/package{i % 97}/module{i % 1009}.py"


def define(source: str, file: str, names: dict[str, Any]) -> None:
    exec(compile(source, file, "exec"), names)  # noqa: S102 - our own text


def make_program(functions: int) -> Callable[[], None]:
    """A program of that many functions, each of a file of its own: a tree of calls, and helpers that many share."""
    names: dict[str, Any] = {"helpers": [None] * max(functions // 50, 1)}
    for i in range(len(names["helpers"])):
        source = f"def helper_{i}(n):\n    return sum(range(n % 40))\nhelpers[{i}] = helper_{i}\n"
        define(source, place(i * 31), names)
    for i in range(functions):
        below = [
            f"function_{child}(n + {child % 3})" for child in (2 * i + 1, 2 * i + 2) if child < functions
        ]
        shared = [f"helpers[{(i * 7 + k) % len(names['helpers'])}](n)" for k in range(i % 3)]
        source = f"def function_{i}(n):\n    return {' + '.join(below + shared) or 'n'}\n"
        define("\n" * (i % 3000) + source, place(i), names)
    return lambda: names["function_0"](1)


def make_stacks(functions: int) -> str:
    """The same program as samples: a line for the path to each function."""
    rng = random.Random(1)
    paths = [f"function_0 ({place(0)}:1)"]
    for i in range(1, functions):
        paths.append(f"{paths[(i - 1) // 2]};function_{i} ({place(i)}:{i % 3000 + 1})")
    return "".join(f"{path} {rng.randrange(1, 50)}\n" for path in paths)


def in_process(target: Callable[..., None], *arguments: object) -> None:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit("the profiles could not be made")


def write_profiles(functions: int, files: list[str]) -> None:
    """What cProfile says of runs of a program, one a file."""
    run = make_program(functions)
    for file in files:
        profile = cProfile.Profile()
        profile.runcall(run)
        profile.dump_stats(file)


def write_stacks(functions: int, file: str) -> None:
    Path(file).write_text(make_stacks(functions))


def cpu_seconds(command: list[str]) -> float:
    """Of one run; stdout goes nowhere."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    _, status, usage = os.wait4(os.posix_spawnp(command[0], command, os.environ, file_actions=quiet), 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)[:100]}: exit {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def peak_mb(command: list[str]) -> float:
    """Of one run, as time(1) says: a child of ours would begin with the peak of this process."""
    told = subprocess.run(
        ["/usr/bin/time", "--quiet", "-f", "\n%M", *command],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return int(told.stderr.splitlines()[-1]) / 1024


def measure(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak MB."""
    seconds: list[float] = []
    while len(seconds) < 3 and (not seconds or seconds[0] < 5):
        seconds.append(cpu_seconds(command))
    return statistics.median(seconds), peak_mb(command)


class Bench:
    """Prints a line a comparison; keeps whether a limit was missed."""

    def __init__(self) -> None:
        self.missed = False

    def verdict(self, good: bool, limit: str) -> str:
        self.missed = self.missed or not good
        return f"({limit}{'' if good else ', MISSED'})"

    def compare(self, what: str, ours: list[str], theirs: list[str], times: float) -> float:
        """CPU seconds of ours."""
        our_s, our_mb = measure(ours)
        their_s, their_mb = measure(theirs)
        faster = self.verdict(their_s >= times * our_s, f"limit {times:g}")
        smaller = self.verdict(our_mb <= MEMORY_SHARE * their_mb, f"limit {MEMORY_SHARE:.2f}")
        print(
            f"{what:26} {our_s * 1000:8.1f} ms {our_mb:6.1f} MB {their_s * 1000:10.1f} ms {their_mb:7.1f} MB"
            f" {their_s / our_s:7.1f} x {faster}  memory {our_mb / their_mb:.2f} {smaller}",
            flush=True,
        )
        return our_s


def inferno() -> str | None:
    return shutil.which("inferno-flamegraph", path=f"{TOP / '.tools/bin'}:{os.environ.get('PATH', '')}")


def compare_open(bench: Bench, hotplate: str, file: str, functions: int, folder: str) -> None:
    page, theirs = os.path.join(folder, "page.html"), os.path.join(folder, "snakeviz.html")
    seconds = bench.compare(
        f"open, {functions:,} functions",
        [hotplate, "open", file, "-o", page, "--no-browser"],
        [sys.executable, "-c", SNAKEVIZ, file, theirs],
        OPEN_TIMES,
    )
    sizes = [os.path.getsize(path) for path in (page, theirs)]
    good = seconds * 1000 <= OPEN_MS and sizes[0] <= OPEN_BYTES
    limit = bench.verdict(good, f"limit {OPEN_MS} ms, {OPEN_BYTES / 1e6:.1f} MB")
    print(f"{'':26} page {sizes[0] / 1e6:.2f} MB, snakeviz' {sizes[1] / 1e6:.1f} MB {limit}", flush=True)


def compare_flame(bench: Bench, hotplate: str, functions: int, folder: str) -> None:
    other, file = inferno(), os.path.join(folder, f"{functions}.folded")
    if other is None:
        print(f"flame, {functions:,} functions: no inferno-flamegraph here, not compared")
        return
    in_process(write_stacks, functions, file)
    bench.compare(
        f"flame, {functions:,} functions",
        [hotplate, "flame", file, "--min", "0.01%", "-o", "-"],
        [other, "--quiet", "--minwidth", "0.01", file],
        FLAME_TIMES,
    )


def compare_file(bench: Bench, hotplate: str, functions: int, folder: str) -> None:
    file = os.path.join(folder, f"{functions}.prof")
    in_process(write_profiles, functions, [file])
    bench.compare(
        f"graph, {functions:,} functions",
        [hotplate, "graph", file],
        [sys.executable, "-m", "gprof2dot", "-f", "pstats", file],
        GRAPH_TIMES,
    )
    bench.compare(
        f"top, {functions:,} functions",
        [hotplate, "top", file],
        [sys.executable, "-c", f"import pstats; pstats.Stats({file!r}).sort_stats('time').print_stats(25)"],
        TOP_TIMES,
    )
    compare_open(bench, hotplate, file, functions, folder)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hotplate", default=str(Path(sys.executable).parent / "hotplate"))
    parser.add_argument("--functions", default="5000,50000")
    parser.add_argument("--files", type=int, default=1000)
    args = parser.parse_args()
    bench = Bench()
    print(f"{'':26} {'hotplate':>11} {'peak':>9} {'the other':>13} {'peak':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, args.functions.split(",")):
            compare_file(bench, args.hotplate, count, folder)
            compare_flame(bench, args.hotplate, count, folder)
        files = [os.path.join(folder, f"run-{i}.prof") for i in range(args.files)]
        in_process(write_profiles, 1000, files)
        out = os.path.join(folder, "merged.prof")
        bench.compare(
            f"merge, {args.files:,} files",
            [args.hotplate, "merge", *files, "-o", out],
            [sys.executable, "-c", ADD, out, *files],
            MERGE_TIMES,
        )
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
