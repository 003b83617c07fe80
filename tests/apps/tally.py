"""tally -- requests that are easy to count: one that does nothing, one with SQL.

    PYTHONPATH=tests/apps flask --app tally run            or: python tests/apps/tally.py PORT

With TALLY_THREADS=forbidden no Python thread can be started in this process, as in servers that forbid it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from typing import Any

from flask import Flask


def refuse(_thread: threading.Thread) -> None:
    """What Thread.start does where threads are forbidden."""
    raise RuntimeError("can't start new thread")


if os.environ.get("TALLY_THREADS") == "forbidden":
    threading.Thread.start = refuse  # type: ignore[method-assign]

app = Flask(__name__)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/noop")
def noop() -> str:
    """Next to nothing."""
    return "done"


@app.get("/sql")
def sql() -> dict[str, Any]:
    """Three statements on a database of this request's own."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO item (name) VALUES (?)", [("a",), ("b",)])
        rows = connection.execute("SELECT name FROM item ORDER BY id").fetchall()
    finally:
        connection.close()
    return {"pid": os.getpid(), "names": [name for (name,) in rows]}


@app.get("/work")
def work() -> dict[str, int]:
    """A few thousand small calls, so that a request takes long enough to be caught in the middle."""
    return {"sum": sum(small(n) for n in range(5000))}


def small(number: int) -> int:
    """A small call."""
    return number & 7


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
