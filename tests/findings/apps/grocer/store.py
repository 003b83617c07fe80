"""Tables, and how to get at them: a session of a pool, or a connection of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any

import postgresql_tables
import psycopg
from postgresql_tables import DSN
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool
from switches import planted

without_placed = planted("missing_index@placed")
connect_for_each = planted("connection_churn@card")

SCHEMA = f"grocer_{int(without_placed)}"
Row = dict[str, Any]
WAY_IN: dict[str, Any] = {"options": f"-c search_path={SCHEMA}", "row_factory": dict_row}


def make() -> None:
    """Tables and rows."""
    statements = [
        "CREATE TABLE customer (id INT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, tier INT NOT NULL,"
        " may TEXT NOT NULL)",
        "INSERT INTO customer SELECT n, 'Customer ' || n, 'Someone.' || n || '@Example.Org', n % 5, 'orders lines'"
        " FROM generate_series(1, 60000) n",
        "CREATE UNIQUE INDEX customer_email ON customer (email)",
        "CREATE TABLE product (id INT PRIMARY KEY, category INT NOT NULL, name TEXT NOT NULL, cents INT NOT NULL,"
        " stock INT NOT NULL)",
        "INSERT INTO product SELECT n, n % 400 + 1, 'Product ' || n, n * 37 % 9000 + 99, n % 100"
        " FROM generate_series(1, 2500) n",
        "CREATE INDEX product_category ON product (category)",
        "CREATE TABLE category (id INT PRIMARY KEY, parent INT, name TEXT NOT NULL, way INT[] NOT NULL)",
        "INSERT INTO category SELECT n, CASE WHEN n > 20 THEN n - 20 END, 'Shelf ' || n,"
        " ARRAY(SELECT generate_series(n, 1, -20)) FROM generate_series(1, 1600) n",
        "CREATE TABLE purchase (id INT PRIMARY KEY, customer INT NOT NULL, placed TIMESTAMP NOT NULL,"
        " cents INT NOT NULL, remark TEXT NOT NULL)",
        "INSERT INTO purchase SELECT n, n * 7919 % 60000 + 1, timestamp '2026-01-01' + n * 31 % 80000 * interval"
        " '5 minutes', n * 37 % 50000, 'ring twice, the dog is friendly' FROM generate_series(1, 80000) n",
        "CREATE INDEX purchase_customer ON purchase (customer)",
        "CREATE TABLE line (id INT PRIMARY KEY, purchase INT NOT NULL, product INT NOT NULL, pieces INT NOT NULL)",
        "INSERT INTO line SELECT n, n / 60, n * 17 % 2500 + 1, n % 9 + 1 FROM generate_series(1, 60000) n",
        "CREATE INDEX line_purchase ON line (purchase)",
        "CREATE INDEX line_product ON line (product)",
        "CREATE TABLE rebate (product INT NOT NULL, tier INT NOT NULL, percent INT NOT NULL,"
        " PRIMARY KEY (product, tier))",
        "INSERT INTO rebate SELECT n, t, (n + t) % 20 FROM generate_series(1, 2500) n, generate_series(0, 4) t",
    ]
    if not without_placed:
        statements.append("CREATE INDEX purchase_placed ON purchase (placed)")
    statements.append("ANALYZE customer, product, category, purchase, line, rebate")
    postgresql_tables.make(SCHEMA, statements)


@lru_cache(maxsize=1)
def pool() -> ConnectionPool[Any]:
    """A few connections that are handed round."""
    return ConnectionPool(DSN, kwargs=WAY_IN, min_size=2, max_size=4, open=True)


class Session:
    """What a request does with the database, in one transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def all(self, statement: str, **values: object) -> list[Row]:
        """Rows."""
        return list(self.connection.execute(statement, values).fetchall())

    def one(self, statement: str, **values: object) -> Row | None:
        """A row, if there is one."""
        found: Row | None = self.connection.execute(statement, values).fetchone()
        return found


@contextmanager
def session() -> Iterator[Session]:
    """One of the pool's."""
    with pool().connection() as connection:
        yield Session(connection)


def fetch(statement: str, **values: object) -> Row:
    """A row, for those who have no session."""
    if connect_for_each:
        with closing(psycopg.connect(DSN, **WAY_IN)) as connection:  # cause: connection_churn@card
            return Session(connection).one(statement, **values) or {}
    with session() as known:
        return known.one(statement, **values) or {}
