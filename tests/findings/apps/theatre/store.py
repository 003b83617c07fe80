"""What the theatre knows, in MariaDB, and how it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from threading import local
from typing import Any

import mariadb_tables
import pymysql
from pymysql.cursors import DictCursor
from switches import planted

own_connection = planted("connection_churn@prices")
no_hall_index = planted("missing_index@bookings")

DATABASE = "theatre" if no_hall_index else "theatre_indexed"
DDL = [
    "CREATE TABLE production (id INT PRIMARY KEY, title VARCHAR(60), hall VARCHAR(8), genre VARCHAR(12))",
    "INSERT INTO production SELECT seq, CONCAT('The play of ', seq), CONCAT('H', seq % 5),"
    " ELT(seq % 4 + 1, 'drama', 'opera', 'dance', 'farce') FROM seq_1_to_400",
    "CREATE TABLE role (id INT PRIMARY KEY, production_id INT, name VARCHAR(40), performer VARCHAR(40),"
    " KEY (production_id))",
    "INSERT INTO role SELECT seq, seq % 400 + 1, CONCAT('Role ', seq), CONCAT('Player ', seq % 300)"
    " FROM seq_1_to_3200",
    "CREATE TABLE booking (id INT PRIMARY KEY, production_id INT, visitor VARCHAR(40), seat VARCHAR(8), cents INT,"
    " code VARCHAR(12))",
    "INSERT INTO booking SELECT seq, seq * 7 % 400 + 1, CONCAT('visitor-', seq * 31 % 9000), CONCAT('S', seq % 300),"
    " 1500 + seq % 60 * 50, CONCAT('B', seq * 7919 % 1000003) FROM seq_1_to_60000",
    "CREATE TABLE choice (name VARCHAR(20) PRIMARY KEY, value VARCHAR(20))",
    "INSERT INTO choice VALUES ('colour', 'crimson'), ('stars', 'gold'), ('size', '14'), ('season', '26/27')",
    "CREATE TABLE poster (id INT PRIMARY KEY, production_id INT, quote TEXT)",
    "INSERT INTO poster SELECT seq, seq % 400 + 1, REPEAT(CONCAT('what an evening ', seq, ' '), 12)"
    " FROM seq_1_to_12000",
]
INDEX = "CREATE INDEX booking_code ON booking (code)"
kept = local()


def prepare() -> None:
    """Make the tables."""
    mariadb_tables.make(DATABASE, DDL if no_hall_index else [*DDL, INDEX])


def connection() -> Any:
    """The one of this thread."""
    if not hasattr(kept, "connection"):
        kept.connection = mariadb_tables.connect(DATABASE)
    return kept.connection


def rows(text: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """What a statement finds."""
    with connection().cursor(DictCursor) as cursor:
        cursor.execute(text, values or None)
        return list(cursor.fetchall())


@contextmanager
def box_office() -> Iterator[Any]:
    """A cursor for the box office, which commits for itself."""
    if own_connection:
        own = pymysql.connect(**mariadb_tables.settings(DATABASE))  # cause: connection_churn@prices
        with closing(own), own.cursor() as cursor:
            yield cursor
        return
    with connection().cursor() as cursor:
        yield cursor
