"""pithead -- the quarry's gatehouse: small processes that are started often, and whose first visitor waits."""

from __future__ import annotations

import importlib
import json
from functools import cache, cached_property
from typing import Any

from flask import Flask
from switches import planted

app = Flask(__name__)
SURVEY = json.dumps(
    [{"point": f"P{n}", "at": [n % 977 / 7, n % 613 / 3], "deep": n % 41} for n in range(30_000)]
)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@cache
def survey() -> dict[str, tuple[float, float]]:
    """Where each point of the pit is; read once a process."""
    points = json.loads(SURVEY)  # cause: cold_start@survey
    return {
        one["point"]: (one["at"][0] - one["deep"] / 10, one["at"][1])
        for one in points  # cause: cold_start@survey
    }  # cause: cold_start@survey


@app.get("/points/<int:number>")
def point(number: int) -> dict[str, Any]:
    """One of them."""
    return {"at": survey()[f"P{number}"]}  # cause: cold_start@survey


class Office:
    """What is in the office behind the gate, opened when it is first needed."""

    @cached_property
    def registry(self) -> Any:
        """The library that the registry of lorries is kept by."""
        return importlib.import_module("sqlalchemy.orm")  # cause: cold_start@registry

    def lorries(self, number: int) -> int:
        """How many are there."""
        return number % 12 + len(self.registry.__name__)  # cause: cold_start@registry


office = Office()


@app.get("/lorries/<int:number>")
def lorries(number: int) -> dict[str, int]:
    """How many lorries wait."""
    return {"waiting": office.lorries(number)}  # cause: cold_start@registry


@cache
def shifts() -> dict[int, str]:
    """Who watches when; a little that is worked out once."""
    return {hour: f"guard {hour * 7 % 5}" for hour in range(168)}


@app.get("/guard/<int:number>")
def guard(number: int) -> dict[str, str]:
    """Who watches: nothing is wrong here."""
    return {"guard": shifts()[number % 168]}


if not planted("cold_start@survey"):
    survey()
if not planted("cold_start@registry"):
    assert office.registry
