"""What a sweep of the sampler takes: instructions and system calls, which continuous integration gates.

    sweep.py BINARY      build/dev/sweep_bench

Both repeat to 1 %, whatever else the machine does.

Eight threads of 30 frames each, laid out by hand (bench/sweep.c). Seven of them stand still, have changed their 10
innermost frames, or wait for a lock within a request. Only the sampler's thread is counted, its first sweeps, which
read names and line tables, with it. Exit 1 when a figure is above its limit.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

SWEEPS = 400
# Instructions a sweep, system calls a sweep: two look at the fault handlers, one sleeps, the rest are threads' clocks.
LIMITS = {"still": (13_000, 13.0), "changed": (84_000, 20.0), "waiting": (12_500, 5.6)}


def sweeps_of(said: str) -> int:
    """How many sweeps there were."""
    sweeps, samples, torn = (int(word) for word in said.split()[-3:])
    if samples < 6 * sweeps or torn > sweeps // 50:
        raise SystemExit(f"sweep_bench: {samples} samples, {torn} torn in {sweeps} sweeps")
    return sweeps


def run(command: list[str]) -> int:
    """Sweeps of a run that is watched."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {done.stderr[-500:]}")
    return sweeps_of(done.stdout)


def instructions(binary: str, kind: str, folder: Path) -> float:
    """Of the sampler's thread, the one beside the first that has most."""
    out = folder / f"{kind}.callgrind"
    sweeps = run(
        [
            "valgrind",
            "--tool=callgrind",
            "--fair-sched=yes",
            "--separate-threads=yes",
            f"--callgrind-out-file={out}",
            binary,
            kind,
            str(SWEEPS),
        ]
    )
    totals = [
        int(found[1])
        for file in folder.glob(f"{out.name}-*")
        if not file.name.endswith("-01")
        and (
            found := re.search(r"^(?:summary|totals): (\d+)", file.read_text(errors="replace"), re.MULTILINE)
        )
    ]
    return max(totals) / sweeps


def calls(binary: str, kind: str, folder: Path) -> float:
    """System calls of the thread that has the sampler's name."""
    log = folder / f"{kind}.strace"
    sweeps = run(["strace", "-f", "-qq", "-e", "signal=none", "-o", str(log), binary, kind, str(SWEEPS)])
    lines = [line.split(maxsplit=1) for line in log.read_text().splitlines()]
    own = next(thread for thread, call in lines if "hotplate-sample" in call)
    return sum(1 for thread, call in lines if thread == own and "resumed>" not in call) / sweeps


def main() -> int:
    """Print the table."""
    failed = False
    print("  seven threads   instructions   system calls   a sweep")
    with tempfile.TemporaryDirectory() as name:
        for kind, limits in LIMITS.items():
            found = (
                instructions(sys.argv[1], kind, Path(name)),
                calls(sys.argv[1], kind, Path(name)),
            )
            above = found[0] > limits[0] or found[1] > limits[1]
            failed = failed or above
            print(
                f"  {kind:13} {found[0]:14,.0f} {found[1]:14.2f}   (limits {limits[0]:,}, {limits[1]}"
                f"{', ABOVE THEM' if above else ''})",
                flush=True,
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
