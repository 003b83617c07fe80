"""Instructions of one benchmark request, by callgrind: the figure that continuous integration gates.

    instructions.py [--python EXE] [--path /orm] [--requests 10] [--serving] [--gate] VARIANT...

Counting starts after the warm-up (callgrind_control switches it on), so start-up is not in it. Counts repeat to
about 0.5 %, whatever else
the machine does. With --gate: exit 1 when a ratio to bare is above its limit (LIMITS, by path and version of CPython);
/hello wants --requests 100, since it is small and the garbage collector comes by once in a while, and --serving: only
the thread that serves is counted, as the writer has the more batches for as many requests the busier the machine is.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOOLBAR = 1.05  # of a page with the toolbar in it, recorded at level monitor
LIMITS = {
    "/orm": {
        (3, 11): {"trace": 1.20, "monitor": 1.06, "toolbar": TOOLBAR},
        (3, 12): {"trace": 1.28, "monitor": 1.06, "flight": 1.06, "toolbar": TOOLBAR},
        (3, 13): {"trace": 1.30, "monitor": 1.06, "flight": 1.06, "toolbar": TOOLBAR},
    },
    "/hello": {
        (3, 11): {"monitor": 1.034},
        (3, 12): {"monitor": 1.032},
    },
}
WARM_UP = 4


def _environment(python: str) -> dict[str, str]:
    """As little as possible, so that counts repeat: the interpreter runs with -S, so its packages are named."""
    code = "import site, sys; print('\\n'.join(site.getsitepackages() + sys.path))"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    paths = [line for line in done.stdout.splitlines() if line]
    return {
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "HOTPLATE_REVISION": "bench",
    }


def count(python: str, variant: str, path: str, requests: int, serving: bool = False) -> float:
    """Instructions of one request in thousands."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        command = [
            "setarch",
            "-R",
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--separate-threads={'yes' if serving else 'no'}",
            f"--callgrind-out-file={out}",
            python,
            "-S",
            str(Path(__file__).parent / "worker.py"),
            variant,
        ]
        worker = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_environment(python),
            cwd=folder,
        )
        assert worker.stdin is not None
        assert worker.stdout is not None

        def order(text: str) -> str:
            assert worker.stdin is not None
            assert worker.stdout is not None
            print(text, file=worker.stdin, flush=True)
            return worker.stdout.readline()

        if worker.stdout.readline().strip() != "ready":
            raise SystemExit(f"{variant}: the worker did not start")
        order(f"run {path} {WARM_UP}")
        time.sleep(1.5)  # the writer's first batch
        subprocess.run(
            ["callgrind_control", "-i", "on", str(worker.pid)], check=True, stdout=subprocess.DEVNULL
        )
        order(f"run {path} 1")
        subprocess.run(["callgrind_control", "-z", str(worker.pid)], check=True, stdout=subprocess.DEVNULL)
        order(f"run {path} {requests}")
        subprocess.run(["callgrind_control", "-d", str(worker.pid)], check=True, stdout=subprocess.DEVNULL)
        print("quit", file=worker.stdin, flush=True)
        worker.wait(120)
        dump = next(
            iter(sorted(Path(folder).glob("callgrind.out*.1-01" if serving else "callgrind.out*.1"))), None
        )
        if dump is None:
            raise SystemExit(f"{variant}: callgrind wrote no dump")
        match = re.search(r"^(?:summary|totals): (\d+)", dump.read_text(errors="replace"), re.MULTILINE)
        if match is None:
            raise SystemExit(f"{variant}: the dump has no total")
        return int(match[1]) / requests / 1000


def main() -> int:
    """Count each variant and print ratios to bare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("variants", nargs="*", default=["monitor", "flight", "trace", "toolbar"])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--path", default="/orm")
    parser.add_argument("--requests", type=int, default=10)
    parser.add_argument("--serving", action="store_true")
    parser.add_argument("--gate", action="store_true")
    options = parser.parse_args()
    version = subprocess.run(
        [options.python, "-c", "import sys; print(*sys.version_info[:2])"],
        check=True,
        capture_output=True,
        text=True,
    )
    limits = LIMITS.get(options.path, {}).get(tuple(int(part) for part in version.stdout.split()), {})
    bare = count(options.python, "bare", options.path, options.requests, options.serving)
    print(
        f"python {'.'.join(version.stdout.split())} {options.path}: bare {bare:,.0f} k instructions a request"
    )
    failed = False
    for variant in options.variants:
        thousands = count(options.python, variant, options.path, options.requests, options.serving)
        ratio = thousands / bare
        limit = limits.get(variant)
        bad = options.gate and limit is not None and ratio > limit
        failed = failed or bad
        said = "" if limit is None else f"  (limit {limit:g}{', ABOVE IT' if bad else ''})"
        print(f"  {variant:12} {thousands:10,.0f} k   {ratio:.3f} x{said}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
