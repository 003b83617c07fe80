"""store -- the meters and what they showed, in SQLite."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

PATH = Path(os.environ["FINDINGS_DATA"]) / f"conduit-{os.getpid()}.db"
mine = threading.local()


def make() -> None:
    """The tables and their rows."""
    with sqlite3.connect(PATH) as database:
        database.executescript(
            """
            CREATE TABLE meter (id INTEGER PRIMARY KEY, serial TEXT, street TEXT, household TEXT, kind TEXT,
              installed TEXT, zone INTEGER, factor REAL, active INTEGER);
            CREATE TABLE reading (id INTEGER PRIMARY KEY, meter_id INTEGER, day TEXT, litres INTEGER);
            CREATE INDEX reading_by_meter ON reading (meter_id, day);
            CREATE TABLE notice (id INTEGER PRIMARY KEY, customer INTEGER, body TEXT, seen INTEGER);
            CREATE INDEX notice_by_customer ON notice (customer);
            """
        )
        streets = ("Weir Road", "Lock Lane", "Pump Street", "Mill Race")
        database.executemany(
            "INSERT INTO meter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (n, f"WM-{n:06d}", streets[n % 4], f"Household {n}", ("cold", "warm")[n % 2],
                 f"20{n % 20 + 5:02d}-0{n % 9 + 1}-1{n % 9}", n % 12, 1 + n % 5 / 10, 1)
                for n in range(1, 1201)
            ],
        )  # fmt: skip
        database.executemany(
            "INSERT INTO reading (meter_id, day, litres) VALUES (?, ?, ?)",
            [
                (n % 1200 + 1, f"2026-{n // 1200 % 12 + 1:02d}-{n // 14400 % 28 + 1:02d}", n * 37 % 900)
                for n in range(40_000)
            ],
        )
        database.executemany(
            "INSERT INTO notice (customer, body, seen) VALUES (?, ?, ?)",
            [(n % 300, f"Notice {n}", n % 4 > 0) for n in range(12_000)],
        )


def ask(statement: str, *values: Any) -> list[sqlite3.Row]:
    """Rows of a statement, by this thread's connection."""
    if not hasattr(mine, "database"):
        mine.database = sqlite3.connect(PATH)
        mine.database.row_factory = sqlite3.Row
    return mine.database.execute(statement, values).fetchall()
