"""What a hooked call costs, within a request at level monitor and outside of one.

    probes.py [--pairs 20]     nanoseconds: probes out and in by turns (ABBA) within one process
    probes.py --count          instructions by callgrind, which continuous integration gates

A call is a send or a receive of one byte on a pair of sockets, from Python, with its place in the application and its
span. Shown are the median over pairs and a 95 % interval by bootstrap over them. Exit 1 when a figure is above
its limit; a time is when all of its interval is.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from instructions import count
from side_by_side import interval

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "apps"))

LIMIT_NS = 80.0
LIMIT_INSTRUCTIONS = 660.0
TIMES = 250  # of each request all calls have a span of their own
COUNTED = 5000
ASKED = 5


def counted() -> int:
    """Instructions that the probes add to a call, in a long request: all threads, but few of its spans are kept."""
    path, calls = f"/talk/{COUNTED}", 2 * COUNTED
    thousands = [count(sys.executable, variant, path, 3) for variant in ("no-probes", "monitor")]
    added = (thousands[1] - thousands[0]) * 1000 / calls
    above = added > LIMIT_INSTRUCTIONS
    print(
        f"  a call of {thousands[0] * 1000 / calls:,.0f} instructions, hooked {added:+.0f}"
        f"  (limit {LIMIT_INSTRUCTIONS:.0f}{', ABOVE IT' if above else ''})"
    )
    return int(above)


def within() -> float:
    """Nanoseconds of a call in a request."""
    from bench_orm import app
    from werkzeug.test import EnvironBuilder

    body: Any = app(EnvironBuilder(path=f"/talk/{TIMES}").get_environ(), lambda *_: lambda _data: None)
    took = int(b"".join(body))
    body.close()
    return took / (2 * TIMES)


def outside() -> float:
    """The same in no request."""
    from bench_orm import talk

    return talk(TIMES) / (2 * TIMES)


def side(hooked: bool) -> dict[str, float]:
    """Medians of some turns with the probes in, or out."""
    from hotplate import _hotplate

    if not _hotplate.probe_waits(hooked):
        raise SystemExit("probes: the call slots are not to be had")
    within()
    return {each.__name__: statistics.median(each() for _ in range(ASKED)) for each in (within, outside)}


def timed(pairs: int) -> int:
    """Print a line each for calls within requests and outside of them."""
    from hotplate import _capture
    from hotplate._settings import Settings

    _capture.start(Settings(store=tempfile.mkdtemp(prefix="bench-store-") + "/hotplate.db", level="monitor"))
    bare, added = [], {"within": [], "outside": []}
    for _ in range(pairs):
        turns = [side(hooked) for hooked in (False, True, True, False)]
        bare.append((turns[0]["within"] + turns[3]["within"]) / 2)
        for where, values in added.items():
            values.append((turns[1][where] + turns[2][where] - turns[0][where] - turns[3][where]) / 2)
    failed = False
    print(f"  a call: {statistics.median(bare):.0f} ns")
    for where, values in added.items():
        low, high = interval(values)
        above = where == "within" and low > LIMIT_NS
        failed = failed or above
        said = f"  (limit {LIMIT_NS:.0f}{', ABOVE IT' if above else ''})" if where == "within" else ""
        print(
            f"  hooked, {where} {'' if where == 'within' else 'of '}a request {statistics.median(values):+.0f} ns"
            f" ({low:+.0f} to {high:+.0f}){said}"
        )
    return int(failed)


def main() -> int:
    """Count or time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--count", action="store_true")
    options = parser.parse_args()
    return counted() if options.count else timed(options.pairs)


if __name__ == "__main__":
    sys.exit(main())
