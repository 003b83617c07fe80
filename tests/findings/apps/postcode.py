"""postcode -- finds the town of a postcode; started anew often, so that first requests are not rare."""

from __future__ import annotations

import csv
import io
from functools import cache
from typing import Any

from flask import Flask, abort
from switches import planted

load_when_asked = planted("cold_start@towns")
app = Flask(__name__)
CODES = "\n".join(
    f"{10000 + n};Town {n * 7 % 5000};{n % 16};{n / 400:.4f};{n / 300:.4f}" for n in range(30_000)
)


@cache
def towns() -> dict[str, dict[str, Any]]:
    """All towns by their postcode, read when somebody asks for the first time."""
    found = {}
    for code, name, state, east, north in csv.reader(
        io.StringIO(CODES), delimiter=";"
    ):  # cause: cold_start@towns
        found[code] = {
            "name": name,
            "state": int(state),
            "at": (float(east), float(north)),
        }  # cause: cold_start@towns
    return found


if not load_when_asked:
    towns()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/towns/<code>")
def town(code: str) -> dict[str, Any]:
    """The town of a postcode."""
    return towns().get(code) or abort(404)  # cause: cold_start@towns


@app.get("/states")
def states() -> dict[str, int]:
    """How many postcodes there are, counted anew each time: the first is as the others; nothing is wrong here."""
    return {"codes": CODES.count("\n") + 1}
