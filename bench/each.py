"""What one request and one statement cost at monitor level: capture on and off by turns within one process.

    each.py [--rounds 12]

A process of its own for each tool would differ by more than these few microseconds. "Off" is a stopped
capture: its wrappers stay in place and only look whether there is work. Shown is the least of the rounds'
lower quartiles of thread CPU time, on minus off: a busy machine only makes a round longer. Exit 1 when a
figure is above its limit.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from hotplate import _capture, _hotplate
from hotplate._settings import Settings

REQUEST_US = 3.5
QUERY_US = 1.0
MONITOR = 2
QUERIES = 200

store = tempfile.mkdtemp(prefix="bench-store-") + "/hotplate.db"
app = Flask(__name__)
spent: list[float] = []


@app.get("/hello")
def hello() -> str:
    """Next to nothing."""
    return "hello"


@app.get("/sqlite3")
def by_sqlite3() -> str:
    """Many trivial statements by the driver alone."""
    cursor = sqlite3.connect(":memory:").cursor()
    start = time.thread_time_ns()
    for number in range(QUERIES):
        cursor.execute("SELECT 1 WHERE 1 = ?", (number,)).fetchall()
    spent.append((time.thread_time_ns() - start) / QUERIES)
    return "done"


def add_sqlalchemy() -> None:
    """The same statements by SQLAlchemy; imported late, since it brings greenlet, which makes each event dearer."""
    from sqlalchemy import create_engine, text

    engine = create_engine("sqlite://")
    statement = text("SELECT 1 WHERE 1 = :number")

    @app.get("/sqlalchemy")
    def by_sqlalchemy() -> str:
        with engine.connect() as connection:
            start = time.thread_time_ns()
            for number in range(QUERIES):
                connection.execute(statement, {"number": number}).all()
            spent.append((time.thread_time_ns() - start) / QUERIES)
        return "done"


def start_response(_status: str, _headers: Any, _error: Any = None) -> Callable[[bytes], Any]:
    """Whatever the application says."""
    return lambda data: data


def ask(path: str, requests: int, inner: bool) -> float:
    """Lower quartile of so many requests in nanoseconds: of each whole one, or of a statement within it."""
    from werkzeug.test import EnvironBuilder

    environ = EnvironBuilder(path=path).get_environ()
    spent.clear()
    for _ in range(requests):
        own = environ.copy()
        start = time.thread_time_ns()
        body: Any = app(own, start_response)
        for _chunk in body:
            pass
        body.close()
        if not inner:
            spent.append(time.thread_time_ns() - start)
    return sorted(spent)[len(spent) // 4]


def difference(path: str, requests: int, inner: bool, rounds: int) -> float:
    """On minus off, in microseconds."""
    on, off = [], []
    ask(path, requests, inner)
    for _ in range(rounds):
        _hotplate.stop(5000)
        ask(path, requests // 8, inner)
        off.append(ask(path, requests, inner))
        _hotplate.start(store=store, level=MONITOR)
        ask(path, requests // 8, inner)
        on.append(ask(path, requests, inner))
    return (min(on) - min(off)) / 1000


def main() -> int:
    """Print a line a figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    _capture.start(Settings(store=store, level="monitor"))
    request = difference("/hello", 1500, False, options.rounds)
    driver = difference("/sqlite3", 40, True, options.rounds)
    app._got_first_request = False  # Flask would refuse a late route
    add_sqlalchemy()
    orm = difference("/sqlalchemy", 40, True, options.rounds)
    failed = False
    for name, took, limit in (
        ("a request", request, REQUEST_US),
        ("a query, sqlite3", driver, QUERY_US),
        ("a query, SQLAlchemy", orm, QUERY_US),
    ):
        failed = failed or took > limit
        print(f"  {name:20} {took:+6.2f} us  (limit {limit}{', ABOVE IT' if took > limit else ''})")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
