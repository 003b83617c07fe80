#!/usr/bin/env python3
"""load -- ask one address again and again, for machines without ab.

load.py -n REQUESTS -c AT_A_TIME URL; prints the times, exits 1 if any answer was not 200.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.error import URLError
from urllib.request import urlopen


def timed_get(url: str) -> float | None:
    """Seconds until the last byte, or None for anything but a 200."""
    start = time.perf_counter()
    try:
        with urlopen(url, timeout=60) as answer:
            answer.read()
            good = answer.status == 200
    except (URLError, OSError):
        return None
    return time.perf_counter() - start if good else None


def main() -> int:
    """Run the load and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=12, help="requests in all")
    parser.add_argument("-c", type=int, default=2, help="requests at a time")
    parser.add_argument("url")
    options = parser.parse_args()
    with ThreadPoolExecutor(options.c) as pool:
        times = list(pool.map(timed_get, [options.url] * options.n))
    good = sorted(seconds * 1000 for seconds in times if seconds is not None)
    if good:
        print(f"{len(good)} requests: median {statistics.median(good):.0f} ms, longest {good[-1]:.0f} ms")
    failed = len(times) - len(good)
    if failed:
        print(f"{failed} requests failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
