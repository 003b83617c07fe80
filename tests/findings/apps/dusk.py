"""dusk -- an application that is judged by its first requests."""

from __future__ import annotations

from functools import cached_property, lru_cache

from flask import Flask
from switches import planted

app = Flask(__name__)


class Catalogue:
    """Names of all moths, by all that they might be looked for."""

    @cached_property
    def by_ending(self) -> dict[str, list[int]]:
        """Numbers of names by their last letters."""
        found: dict[str, list[int]] = {}
        for number in range(140_000):
            name = f"{number * 7919 % 140_009:06d}"  # cause: cold_start@names
            found.setdefault(name[-3:], []).append(number)  # cause: cold_start@names
        return found


catalogue = Catalogue()
if not planted("cold_start@names"):
    len(catalogue.by_ending)


@lru_cache(maxsize=4)
def hours_of(season: str) -> list[str]:
    """When it is dark."""
    return [f"{season} {hour}" for hour in range(20, 24)]


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/names")
def names() -> dict[str, int]:
    """How many names end like this."""
    return {"names": len(catalogue.by_ending["777"])}  # cause: cold_start@names


@app.get("/hours")
def hours() -> list[str]:
    """Hours of this season: nothing is wrong here."""
    return hours_of("autumn")


@app.get("/moths")
def moths() -> str:
    """A list that is made for each visitor: nothing is wrong here."""
    return "\n".join(f"moth {n}" for n in range(2500))
