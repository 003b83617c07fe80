"""The database: a connection for each thread, kept."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

from switches import planted

COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
SCHEMA = [
    "CREATE TABLE growers (id INTEGER PRIMARY KEY, name TEXT)",
    COUNT.format(60) + "INSERT INTO growers SELECT i, 'Domaine ' || i FROM n",
    "CREATE TABLE wines (id INTEGER PRIMARY KEY, name TEXT, grower_id INTEGER, year INTEGER, cents INTEGER)",
    COUNT.format(1200)
    + "INSERT INTO wines SELECT i, 'Wine ' || i, i % 60 + 1, 1990 + i % 34, 600 + i % 90 * 50 FROM n",
    "CREATE TABLE stock (wine_id INTEGER, cellar TEXT, bottles INTEGER, PRIMARY KEY (wine_id, cellar)) WITHOUT ROWID",
    *(
        COUNT.format(1200) + f"INSERT INTO stock SELECT i, '{cellar}', i * {weight} % 71 FROM n"
        for weight, cellar in ((3, "front"), (5, "hill"), (7, "quay"))
    ),
    "CREATE TABLE promotions (id INTEGER PRIMARY KEY, grower_id INTEGER, percent INTEGER, starts INTEGER,"
    " ends INTEGER)",
    COUNT.format(260)
    + "INSERT INTO promotions SELECT i, i % 60 + 1, i % 20, i % 9, i % 9 + 100 + i % 2 * 200 FROM n",
    "CREATE TABLE order_lines (id INTEGER PRIMARY KEY, order_id INTEGER, wine_id INTEGER, bottles INTEGER,"
    " cents INTEGER, month INTEGER)",
    COUNT.format(16000)
    + "INSERT INTO order_lines SELECT i, i / 8, i * 7 % 1200 + 1, i % 6 + 1, i % 900 * 10, i % 12 + 1 FROM n",
    "CREATE INDEX lines_of_order ON order_lines (order_id)",
    "CREATE INDEX lines_of_month ON order_lines (month, bottles, cents)",
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, joined INTEGER)",
    COUNT.format(90000)
    + "INSERT INTO customers SELECT i, 'guest' || (i - 60000) || '@wine.test', 'Guest ' || i, i % 3000 FROM n",
    "CREATE TABLE clicks (customer_id INTEGER, at INTEGER, page TEXT, PRIMARY KEY (customer_id, at)) WITHOUT ROWID",
    COUNT.format(66000)
    + "INSERT INTO clicks SELECT 60000 + i / 60, i % 60, '/wines/' || i || '/of/the/house/and/its/neighbours' FROM n",
]
INDEXES = [] if planted("missing_index@email") else ["CREATE INDEX customers_email ON customers (email)"]


class Database:
    """Connections to the file."""

    def __init__(self) -> None:
        self.file = Path(os.environ["FINDINGS_DATA"]) / f"vineyard-{os.getpid()}.db"
        self.mine = threading.local()

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's."""
        if not hasattr(self.mine, "connection"):
            self.mine.connection = sqlite3.connect(self.file)
        connection: sqlite3.Connection = self.mine.connection
        return connection

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        return self.connection.execute(statement, values).fetchall()

    def create(self) -> None:
        """Make the file."""
        self.file.unlink(missing_ok=True)
        with self.connection as connection:
            for statement in SCHEMA + INDEXES:
                connection.execute(statement)


database = Database()
