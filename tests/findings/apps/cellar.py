"""cellar -- a process with many objects that collects its garbage in a request, to be on the safe side."""

from __future__ import annotations

import gc

from flask import Flask
from switches import planted

app = Flask(__name__)
STOCK = [{"bar": [n, n + 1], "at": (n, [n])} for n in range(60_000)]
collect_each_time = planted("gc_pressure@sweep")


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def odd_ones() -> int:
    """How many bars have an odd number, and nothing left behind."""
    found = sum(n % 2 for n in range(len(STOCK) // 30))
    if collect_each_time:
        gc.collect()  # cause: gc_pressure@sweep
    return found


@app.get("/sweep")
def sweep() -> dict[str, int]:
    """Count the stock."""
    return {"odd": odd_ones()}


@app.get("/count")
def count() -> dict[str, int]:
    """Count without collecting: nothing is wrong here."""
    return {"bars": len(STOCK)}
