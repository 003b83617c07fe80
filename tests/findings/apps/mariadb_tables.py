"""mariadb_tables -- databases of the corpus on the private MariaDB: each made once, by whoever comes first."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pymysql


def settings(database: str | None = None) -> dict[str, Any]:
    """How to connect to the server, or to one of its databases."""
    parts = urlsplit(os.environ["FINDINGS_MARIADB"])
    return {
        "host": parts.hostname,
        "port": parts.port or 3306,
        "user": parts.username or "root",
        "database": database,
        "autocommit": True,
        "ssl_disabled": True,
    }


def connect(database: str | None = None) -> Any:
    """A connection to the server, or to one of its databases."""
    return pymysql.connect(**settings(database))


def make(database: str, statements: list[str]) -> None:
    """Make a database with these statements, unless it is there; those who start together wait for the first."""
    with closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT get_lock(%s, 60)", (database,))
        cursor.execute("SHOW DATABASES LIKE %s", (database,))
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
            cursor.execute(f"USE {database}")
            for statement in statements:
                cursor.execute(statement)
        cursor.execute("SELECT release_lock(%s)", (database,))


def url(database: str) -> str:
    """Where SQLAlchemy finds a database."""
    parts = urlsplit(os.environ["FINDINGS_MARIADB"])
    return f"mysql+pymysql://{parts.netloc}/{database}"
