"""formats -- hotplate's graph, top and merge beside gprof2dot, pstats and Stats.add, in one run on made-up profiles.

    python bench/formats.py [--functions 5000,50000] [--files 1000]

Both sides run as processes, from a warm file cache; the figure is CPU time (others may use the machine), the median of
three, of one where a run takes above 5 s. Profiles are made by a process of their own, so that peak memory is the
measured one's. Files to merge are runs of one program. `hotplate` must be in the interpreter's bin.
"""

from __future__ import annotations

import argparse
import marshal
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

HOTPLATE = str(Path(sys.executable).parent / "hotplate")
ADD = "import pstats, sys; s = pstats.Stats(sys.argv[2]); [s.add(f) for f in sys.argv[3:]]; s.dump_stats(sys.argv[1])"


def make_profile(functions: int, seed: int) -> bytes:
    """A profile with five callers a function, names and files as long as real ones; the seed is for figures only."""
    rng, shape = random.Random(seed), random.Random(1)
    keys = [
        (
            f"/srv/app/venv/lib/python3.12/site-packages/package{i % 97}/module{i % 1009}.py",
            i % 3000 + 1,
            f"function_{i}",
        )
        for i in range(functions)
    ]
    stats = {}
    for i, key in enumerate(keys):
        self_s, calls = rng.random() / 1000, rng.randrange(1, 10000)
        callers = {
            keys[shape.randrange(i)]: (calls // 5 + 1, calls // 5 + 1, self_s / 5, self_s / 3)
            for _ in range(min(i, 5))
        }
        stats[key] = (calls, calls, self_s, self_s * (functions - i), callers)
    return marshal.dumps(stats)


def write_profiles(functions: int, seeds: range, folder: str) -> list[str]:
    files = [os.path.join(folder, f"{functions}-{seed}.prof") for seed in seeds]
    process = multiprocessing.get_context("spawn").Process(target=_write, args=(functions, seeds, files))
    process.start()
    process.join()
    return files


def _write(functions: int, seeds: range, files: list[str]) -> None:
    for seed, file in zip(seeds, files, strict=True):
        Path(file).write_bytes(make_profile(functions, seed))


def measure(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak MB; stdout goes nowhere."""
    seconds, peak = [], 0.0
    while len(seconds) < 3 and (not seconds or seconds[0] < 5):
        pid = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)],
        )
        _, status, usage = os.wait4(pid, 0)
        seconds.append(usage.ru_utime + usage.ru_stime)
        peak = max(peak, usage.ru_maxrss / 1024)
        if status != 0:
            raise SystemExit(f"{' '.join(command)[:100]}: exit {os.waitstatus_to_exitcode(status)}")
    return statistics.median(seconds), peak


def compare(what: str, ours: list[str], theirs: list[str]) -> None:
    our_s, our_mb = measure(ours)
    their_s, their_mb = measure(theirs)
    print(
        f"{what:28} {our_s * 1000:9.1f} ms {our_mb:7.1f} MB   {their_s * 1000:10.1f} ms {their_mb:7.1f} MB"
        f"   {their_s / our_s:7.1f} x  memory {our_mb / their_mb:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--functions", default="5000,50000")
    parser.add_argument("--files", type=int, default=1000)
    args = parser.parse_args()
    print(f"{'':28} {'hotplate':>12} {'peak':>10}   {'the other':>13} {'peak':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, args.functions.split(",")):
            file = write_profiles(count, range(1), folder)[0]
            compare(
                f"graph, {count:,} functions",
                [HOTPLATE, "graph", file],
                [sys.executable, "-m", "gprof2dot", "-f", "pstats", file],
            )
            compare(
                f"top, {count:,} functions",
                [HOTPLATE, "top", file],
                [
                    sys.executable,
                    "-c",
                    f"import pstats; pstats.Stats({file!r}).sort_stats('time').print_stats(25)",
                ],
            )
        files = write_profiles(1000, range(args.files), folder)
        out = os.path.join(folder, "merged.prof")
        compare(
            f"merge, {args.files:,} files",
            [HOTPLATE, "merge", *files, "-o", out],
            [sys.executable, "-c", ADD, out, *files],
        )


if __name__ == "__main__":
    main()
