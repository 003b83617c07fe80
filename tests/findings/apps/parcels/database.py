"""Tables, a small pool of connections, and units of work over them."""

from __future__ import annotations

import os
import queue
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import mariadb_tables
import pymysql
from pymysql.cursors import DictCursor
from switches import planted

without_barcode = planted("missing_index@barcode")
connect_each_time = planted("connection_churn@invoice")

DATABASE = f"parcels_{int(without_barcode)}"
SERVER = urlsplit(os.environ["FINDINGS_MARIADB"])


def make() -> None:
    """Tables and rows."""
    statements = [
        "CREATE TABLE customer (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, town VARCHAR(40) NOT NULL,"
        " discount INT NOT NULL)",
        "INSERT INTO customer SELECT seq, concat('Customer ', seq), concat('Town ', seq % 300), seq % 12"
        " FROM seq_1_to_5000",
        "CREATE TABLE parcel (id INT PRIMARY KEY AUTO_INCREMENT, shipment INT NOT NULL, customer INT NOT NULL,"
        " barcode VARCHAR(24) NOT NULL, depot INT NOT NULL, grams INT NOT NULL, arrived DATETIME NOT NULL,"
        " remark VARCHAR(80) NOT NULL, KEY shipment_of (shipment), KEY customer_of (customer),"
        " KEY arrived_at (arrived))",
        "INSERT INTO parcel (shipment, customer, barcode, depot, grams, arrived, remark)"
        " SELECT seq DIV 40, seq * 17 % 5000 + 1, concat('JD', lpad(seq * 7919 % 80021, 12, '0')), seq % 30,"
        " 100 + seq * 37 % 20000, '2026-01-01' + INTERVAL seq * 5 MINUTE, 'leave it with the neighbours'"
        " FROM seq_1_to_80000",
        "CREATE TABLE scan (id INT PRIMARY KEY AUTO_INCREMENT, parcel INT NOT NULL, at DATETIME NOT NULL,"
        " place VARCHAR(40) NOT NULL, KEY parcel_of (parcel, at))",
        "INSERT INTO scan (parcel, at, place) SELECT seq % 8000 + 1, '2026-01-01' + INTERVAL seq MINUTE,"
        " concat('Belt ', seq % 40) FROM seq_1_to_40000",
        "CREATE TABLE surcharge (day DATE PRIMARY KEY, percent INT NOT NULL)",
        "INSERT INTO surcharge SELECT '2026-01-01' + INTERVAL seq DAY, seq % 9 FROM seq_0_to_400",
        "CREATE TABLE claim (id INT PRIMARY KEY AUTO_INCREMENT, parcel INT NOT NULL, cents INT NOT NULL,"
        " state VARCHAR(10) NOT NULL, told TEXT NOT NULL, KEY state_of (state, cents))",
        "INSERT INTO claim (parcel, cents, state, told) SELECT seq * 3, seq * 7919 % 90000,"
        " if(seq % 4, 'open', 'paid'), repeat('The box was wet and the vase in it broken. ', 3 + seq % 5)"
        " FROM seq_1_to_5000",
        "CREATE TABLE intake (id INT PRIMARY KEY AUTO_INCREMENT, barcode VARCHAR(24) NOT NULL, grams INT NOT NULL)",
        "CREATE TABLE weight_class (id INT PRIMARY KEY, depot INT NOT NULL, grams INT NOT NULL)",
        "INSERT INTO weight_class SELECT seq, seq % 30, seq * 31 % 20000 FROM seq_1_to_1200",
        "ANALYZE TABLE parcel, scan, claim, customer",
    ]
    if not without_barcode:
        statements.insert(-1, "CREATE INDEX barcode_of ON parcel (barcode)")
    mariadb_tables.make(DATABASE, statements)


def connect() -> pymysql.Connection[DictCursor]:
    """A connection of one's own."""
    return pymysql.connect(  # cause: connection_churn@invoice
        host=SERVER.hostname,
        port=SERVER.port or 3306,
        user=SERVER.username or "root",
        database=DATABASE,
        cursorclass=DictCursor,
        ssl_disabled=True,
    )


class Pool:
    """A few connections that are handed round."""

    def __init__(self, size: int) -> None:
        self.free: queue.LifoQueue[Any] = queue.LifoQueue()
        for _ in range(size):
            self.free.put(None)

    def take(self) -> Any:
        """One, made when it is first wanted."""
        return self.free.get() or connect()

    def give(self, connection: Any) -> None:
        """It may be used again."""
        self.free.put(connection)


pool = Pool(3)


class Work:
    """A unit of work: what is done in it is done or not done."""

    def __init__(self, own: bool = False) -> None:
        self.own = own

    def __enter__(self) -> Work:
        self.connection = connect() if self.own else pool.take()  # cause: connection_churn@invoice
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.connection.commit()
        else:
            self.connection.rollback()
        if self.own:
            self.connection.close()
        else:
            pool.give(self.connection)

    def all(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Rows."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def one(self, statement: str, *values: object) -> dict[str, Any] | None:
        """A row, if there is one."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            found: dict[str, Any] | None = cursor.fetchone()
            return found
