"""hoard -- many objects that live long, and what the garbage collector does about them in a request."""

from __future__ import annotations

import gc

from flask import Flask
from switches import planted

app = Flask(__name__)
STOCK = [{"bar": [n, n + 1], "at": (n, [n])} for n in range(60_000)]
if not planted("gc_pressure@labels"):
    gc.freeze()  # what lives as long as the process is not looked at again


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def labels_of(bars: int) -> list[dict[str, object]]:
    """A label for each bar."""
    labels: list[dict[str, object]] = []
    for bar in range(bars):  # cause: gc_pressure@labels
        labels.append({"bar": bar, "parts": [bar], "at": (bar, [bar])})  # cause: gc_pressure@labels
    return labels


@app.get("/labels")
def labels() -> dict[str, int]:
    """How many labels the stock takes."""
    return {"labels": len(labels_of(22_000))}  # cause: gc_pressure@labels
