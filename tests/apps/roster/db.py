"""db -- raw connections to MariaDB (PyMySQL), or to SQLite where there is none; kept between requests."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pymysql
from flask import Flask

TEAMS = ("north", "east", "south", "west", *(f"reserve{n:03d}" for n in range(176)))
MEMBERS_PER_TEAM = 36
TABLES = (
    "CREATE TABLE IF NOT EXISTS members (code VARCHAR(40) PRIMARY KEY, team VARCHAR(40), name VARCHAR(80))",
    "CREATE TABLE IF NOT EXISTS shifts"
    " (member VARCHAR(40), place VARCHAR(40), starts VARCHAR(5), ends VARCHAR(5))",
)


class Database:
    """Connections of one DSN; idle ones wait in a stack for the next request."""

    def __init__(self, dsn: str) -> None:
        self._dsn = urlsplit(dsn)
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()

    def sql(self, text: str) -> str:
        """The statement with this driver's placeholders."""
        return text if self._dsn.scheme == "mysql" else text.replace("%s", "?")

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor on an idle connection, or on a new one."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self.connect()
        cursor = connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()
            self._idle.put(connection)

    def connect(self) -> Any:
        """A new connection that commits by itself."""
        if self._dsn.scheme == "sqlite":
            return sqlite3.connect(
                self._dsn.path[1:], check_same_thread=False, isolation_level=None, timeout=30
            )
        return pymysql.connect(
            host=self._dsn.hostname or "127.0.0.1",
            port=self._dsn.port or 3306,
            user=self._dsn.username or "root",
            password=self._dsn.password or "",
            database=self._dsn.path[1:],
            autocommit=True,
        )

    def prepare(self) -> None:
        """Make and fill the tables once, also when several workers start together."""
        connection = self.connect()
        cursor = connection.cursor()
        mysql = self._dsn.scheme == "mysql"
        try:
            cursor.execute("SELECT GET_LOCK('roster', 30)" if mysql else "BEGIN EXCLUSIVE")
            for table in TABLES:
                cursor.execute(table)
            cursor.execute("SELECT COUNT(*) FROM shifts")
            if cursor.fetchone()[0] == 0:
                fill(self, cursor)
            cursor.execute("SELECT RELEASE_LOCK('roster')" if mysql else "COMMIT")
        finally:
            connection.close()


def fill(database: Database, cursor: Any) -> None:
    """The same teams every time. Nobody has given shifts.member an index."""
    members = [
        (f"{team}-{n:02d}", team, f"Member {n} of {team}") for team in TEAMS for n in range(MEMBERS_PER_TEAM)
    ]
    cursor.executemany(database.sql("INSERT INTO members VALUES (%s, %s, %s)"), members)
    shifts = [
        (code, f"gate {n % 9}", f"{6 + n % 3 * 8:02d}:00", f"{(14 + n % 3 * 8) % 24:02d}:00")
        for n, (code, _team, _name) in enumerate(members)
    ]
    cursor.executemany(database.sql("INSERT INTO shifts VALUES (%s, %s, %s, %s)"), shifts)


def init_app(app: Flask) -> None:
    """Prepare the application's database and keep it as an extension."""
    database = Database(app.config["DSN"])
    database.prepare()
    app.extensions["roster_db"] = database
