"""kiln -- work beside the request in the same interpreter, and things that are kept and never let go."""

from __future__ import annotations

import os
import sqlite3
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import requests
from flask import Flask, request
from switches import planted

NEIGHBOUR = f"http://{os.environ['UPSTREAM']}"
app = Flask(__name__)
session = requests.Session()
session.trust_env = False
index_wanted = threading.Event()
index: dict[str, int] = {}
index_beside = planted("gil_contention@figures")
keep_all = planted("memory_growth@visits")
BOUND = None if planted("memory_growth@firings") else 4
visits: dict[str, list[str]] = {}

PATH = Path(os.environ.get("FINDINGS_DATA", ".")).absolute() / f"kiln-{os.getpid()}.db"
database = sqlite3.connect(PATH, check_same_thread=False)
database.execute("CREATE TABLE firings (id INTEGER PRIMARY KEY, clay TEXT, heat INTEGER, hours INTEGER)")
database.executemany(
    "INSERT INTO firings (clay, heat, hours) VALUES (?, ?, ?)",
    [(f"clay {n % 9}", n % 1300, n % 30) for n in range(500)],
)
database.commit()

FIGURES = (
    "SELECT count(*) FROM firings",
    "SELECT max(heat) FROM firings",
    "SELECT sum(hours) FROM firings",
    "SELECT count(DISTINCT clay) FROM firings",
    "SELECT min(heat) FROM firings",
    "SELECT avg(hours) FROM firings",
    "SELECT max(clay) FROM firings",
    "SELECT max(hours) FROM firings",
)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def rebuild() -> None:
    """Count the letters of all words again."""
    for word in range(36_000):  # cause: gil_contention@figures
        for letter in f"word{word}":  # cause: gil_contention@figures
            index[letter] = index.get(letter, 0) + 1  # cause: gil_contention@figures


def keep_index() -> None:
    """Rebuild the index whenever it is wanted, for ever."""
    while True:
        index_wanted.wait()
        index_wanted.clear()
        rebuild()  # cause: gil_contention@figures


@app.get("/figures")
def figures() -> dict[str, Any]:
    """Figures of the kiln; the search index is renewed meanwhile."""
    if index_beside:
        if not any(thread.name == "index" for thread in threading.enumerate()):
            threading.Thread(target=keep_index, name="index", daemon=True).start()
        index_wanted.set()  # cause: gil_contention@figures
    gas = len(session.get(f"{NEIGHBOUR}/3/gas", timeout=5).text)
    return {"gas": gas, **{query: database.execute(query).fetchone()[0] for query in FIGURES}}


@app.get("/visits")
def visited() -> dict[str, int]:
    """Note a visit with everything that belongs to it."""
    number = request.args["number"]
    details = [f"detail {number} {n}" for n in range(4000)]  # cause: memory_growth@visits
    if not keep_all:
        visits.clear()
    visits[number] = details  # cause: memory_growth@visits
    return {"details": len(details)}


@lru_cache(maxsize=BOUND)  # cause: memory_growth@firings
def curve(firing: str) -> tuple[float, ...]:
    """Heat of a firing, second by second."""
    start = len(firing) * 1.5
    return tuple(start + n * 0.25 for n in range(9000))  # cause: memory_growth@firings


@app.get("/firings")
def firings() -> dict[str, float]:
    """The hottest moment of a firing."""
    return {"hottest": max(curve(request.args["number"]))}  # cause: memory_growth@firings


@app.get("/recent")
def recent() -> dict[str, int]:
    """What is kept is bounded: nothing is wrong here."""
    return {"kept": len(visits)}
