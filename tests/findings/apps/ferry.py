"""ferry -- two revisions of an application: a query and a call of the newer one cost more; what else moved does not."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from switches import planted

NEIGHBOUR = f"http://{os.environ['UPSTREAM']}"
PATH = Path(os.environ.get("FINDINGS_DATA", ".")).absolute() / f"ferry-{os.getpid()}.db"
app = Flask(__name__)
session = requests.Session()
session.trust_env = False
match_anywhere = planted("regression@fares")
ask_weather = planted("regression@cabins")

database = sqlite3.connect(PATH, check_same_thread=False)
database.execute("CREATE TABLE fares (id INTEGER PRIMARY KEY, harbour TEXT, cents INTEGER)")
database.execute("CREATE INDEX fares_harbour ON fares (harbour)")
database.executemany(
    "INSERT INTO fares (harbour, cents) VALUES (?, ?)",
    [(f"harbour {n % 30000:05d}", n % 900) for n in range(150_000)],
)
database.commit()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def fares_to(harbour: str) -> list[Any]:
    """What a passage costs."""
    if match_anywhere:
        query = "SELECT id, cents FROM fares WHERE lower(harbour) LIKE ?"
        return database.execute(query, (f"%{harbour}%",)).fetchall()  # cause: regression@fares
    return database.execute("SELECT id, cents FROM fares WHERE harbour = ?", (harbour,)).fetchall()


@app.get("/fares")
def fares() -> dict[str, Any]:
    """All fares to a harbour."""
    return {"cents": [cents for _, cents in fares_to("harbour 00417")]}  # cause: regression@fares


def roughness() -> int:
    """How rough the sea is; asked since the newer revision."""
    return len(session.get(f"{NEIGHBOUR}/24/sea", timeout=5).text)  # cause: regression@cabins


@app.get("/cabins")
def cabins() -> dict[str, Any]:
    """Free cabins, the quiet ones first."""
    free = sorted((n * 37 % 101, n) for n in range(800))
    rough = roughness() if ask_weather else 0  # cause: regression@cabins
    return {"free": [n for _, n in free[rough % 2 :]]}


def crew_by_rank(ranks: int) -> dict[int, int]:
    """The crew, counted; so called until the newer revision."""
    counted: dict[int, int] = {}
    for member in range(10_000):
        counted[member % ranks] = counted.get(member % ranks, 0) + 1
    return counted


def crew_counted(ranks: int) -> dict[int, int]:
    """The same, so called since."""
    counted: dict[int, int] = {}
    for member in range(10_000):
        counted[member % ranks] = counted.get(member % ranks, 0) + 1
    return counted


@app.get("/crew")
def crew() -> dict[str, int]:
    """A function got another name and takes what it took: nothing is wrong here."""
    count = crew_counted if ask_weather else crew_by_rank
    return {"ranks": len(count(9))}


@app.get("/timetable")
def timetable() -> dict[str, Any]:
    """As it was before: nothing is wrong here."""
    return {"departures": [f"{hour:02d}:30" for hour in range(24)]}
