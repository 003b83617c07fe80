"""drift -- an application of two revisions; the newer one made a page slower."""

from __future__ import annotations

from typing import Any

from flask import Flask
from switches import planted

app = Flask(__name__)
PARTS = [(f"part-{n:04d}", n * 13 % 997) for n in range(3000)]
BY_NAME = dict(PARTS)
WANTED = [f"part-{n * 7 % 3000:04d}" for n in range(400)]
search = planted("regression@estimate")


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def price(name: str) -> int:
    """Price of a part."""
    if not search:
        return BY_NAME[name]
    for part, cents in PARTS:  # cause: regression@estimate
        if part == name:  # cause: regression@estimate
            return cents
    raise KeyError(name)


@app.get("/estimate")
def estimate() -> dict[str, Any]:
    """What the wanted parts cost."""
    return {"total": sum(price(name) for name in WANTED)}  # cause: regression@estimate


@app.get("/parts")
def parts() -> dict[str, Any]:
    """As quick as before: nothing is wrong here."""
    return {"parts": [name for name, cents in PARTS[:500] if cents > 500]}
