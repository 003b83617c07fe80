"""dawn -- a process whose first visitor pays for what could have been made ready."""

from __future__ import annotations

from typing import Any

from flask import Flask
from switches import planted

app = Flask(__name__)
stars: dict[str, list[float]] = {}
small: dict[int, int] = {}


def chart() -> dict[str, list[float]]:
    """Where each star stands, worked out once a process."""
    if not stars:
        for number in range(9000):  # cause: cold_start@chart
            text = ",".join(
                f"{number * step % 360 / 7:.3f}" for step in range(1, 9)
            )  # cause: cold_start@chart
            stars[f"star {number}"] = [float(part) for part in text.split(",")]  # cause: cold_start@chart
    return stars


if not planted("cold_start@chart"):
    chart()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/chart")
def one_star() -> dict[str, Any]:
    """Where a star stands."""
    return {"at": chart()["star 42"]}  # cause: cold_start@chart


@app.get("/moon")
def moon() -> dict[str, int]:
    """A little that the first request keeps for the others: nothing is wrong here."""
    if not small:
        small.update({n: n * n % 29 for n in range(300)})
    return {"phase": small[17]}
