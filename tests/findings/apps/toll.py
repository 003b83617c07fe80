"""toll -- an application of two revisions: without its causes, and with them."""

from __future__ import annotations

import os
import sqlite3
from bisect import insort
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from switches import planted

FILE = Path(os.environ.get("FINDINGS_DATA", ".")).absolute() / "toll.db"
app = Flask(__name__)
newer_charges = planted("regression@charges")
newer_plates = planted("regression@plates")
WEIGHTS = [n * 7919 % 3001 for n in range(420)]


def fill() -> None:
    """Make the database, unless it is there."""
    if FILE.exists():
        return
    aside = FILE.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(aside)) as made, made:
        made.execute(
            "CREATE TABLE passage (id INTEGER PRIMARY KEY, plate TEXT COLLATE BINARY, cents INTEGER)"
        )
        made.executemany(
            "INSERT INTO passage VALUES (?, ?, ?)", ((n, f"P{n % 9000}", n % 700) for n in range(90_000))
        )
        made.execute("CREATE INDEX passage_plate ON passage (plate)")
    aside.replace(FILE)


fill()


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """A connection for a request."""
    with closing(sqlite3.connect(FILE)) as made:
        yield made


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def ranks(weights: list[int]) -> list[int]:
    """How many are lighter than each one."""
    if newer_charges:
        return [sum(other < weight for other in weights) for weight in weights]  # cause: regression@charges
    places = {weight: place for place, weight in reversed(list(enumerate(sorted(weights))))}
    return [places[weight] for weight in weights]


@app.get("/charges")
def charges() -> dict[str, int]:
    """What the heavier ones pay."""
    return {"cents": sum(rank * 3 for rank in ranks(WEIGHTS))}  # cause: regression@charges


@app.get("/plates/<plate>")
def passages(plate: str) -> dict[str, Any]:
    """What somebody paid."""
    if newer_plates:
        asked = "SELECT count(*), sum(cents) FROM passage WHERE upper(plate) = upper(?)"  # cause: regression@plates
    else:
        asked = "SELECT count(*), sum(cents) FROM passage WHERE plate = ?"
    with database() as tolls:
        number, cents = tolls.execute(asked, (plate,)).fetchone()  # cause: regression@plates
    return {"passages": number, "cents": cents}


@app.get("/lanes")
def lanes() -> dict[str, int]:
    """Which lane is in the middle: nothing is wrong here."""
    if newer_charges:
        ordered = sorted(WEIGHTS)
    else:
        ordered = []
        for weight in WEIGHTS * 3:
            insort(ordered, weight, key=lambda each: each * 2)
    return {"middle": ordered[len(ordered) // 2]}


@app.get("/queue/<int:number>")
def queue(number: int) -> str:
    """Those who wait, more of them at some hours: nothing is wrong here."""
    return "\n".join(f"car {n}" for n in range(600 + number * 37 % 400))
