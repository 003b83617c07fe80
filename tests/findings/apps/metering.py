"""metering -- a power company's meters: readings, invoices, forecasts; MariaDB by hand, gateways over sockets."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from math import sin
from typing import Any

import mariadb_tables
import pymysql
from flask import Flask, abort, request
from switches import planted

without_serial = planted("missing_index@serial")
ask_each_customer = planted("n_plus_one@customers")
thread_each_invoice = planted("thread_churn@barcodes")
connect_each_time = planted("connection_churn@balance")
sum_each_time = planted("slow_query@peaks")
read_each_byte = planted("chatty_reads@gateway")
smooth_twice = planted("regression@forecast")
ask_each_unit = planted("duplicate_query@units")

HOST, _, PORT = os.environ["UPSTREAM"].partition(":")
DATABASE = f"metering_{int(without_serial)}"

app = Flask(__name__)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def make_tables() -> None:
    """Meters, their readings and what is paid for them."""
    statements = [
        "CREATE TABLE meter (id INT PRIMARY KEY, serial VARCHAR(20) NOT NULL, customer INT NOT NULL, kind INT NOT NULL,"
        " street VARCHAR(60) NOT NULL)",
        "INSERT INTO meter SELECT seq, concat('M', lpad(seq * 7919 % 60013, 8, '0')), seq % 4000 + 1, seq % 5,"
        " concat('Street ', seq % 700, ', house ', seq % 90) FROM seq_1_to_60000",
        "CREATE TABLE customer (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, unit VARCHAR(8) NOT NULL)",
        "INSERT INTO customer SELECT seq, concat('Customer ', seq), if(seq % 3, 'kWh', 'MWh') FROM seq_1_to_4000",
        "CREATE TABLE reading (meter INT NOT NULL, day INT NOT NULL, kwh INT NOT NULL, note VARCHAR(30) NOT NULL,"
        " PRIMARY KEY (meter, day))",
        "INSERT INTO reading SELECT seq % 800 + 1, seq DIV 800, seq * 31 % 97, if(seq % 50, '', concat('hand ', seq))"
        " FROM seq_1_to_80000",
        "CREATE TABLE peak (week INT PRIMARY KEY, kwh INT NOT NULL, readings INT NOT NULL)",
        "INSERT INTO peak SELECT day DIV 7, max(kwh), count(*) FROM reading GROUP BY day DIV 7",
        "CREATE TABLE invoice (id INT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, month INT NOT NULL,"
        " cents INT NOT NULL, KEY month_of (month, customer), KEY customer_of (customer, month))",
        "INSERT INTO invoice (customer, month, cents) SELECT seq * 13 % 4000 + 1, seq % 24, 900 + seq * 37 % 30000"
        " FROM seq_1_to_24000",
        "CREATE TABLE unit (name VARCHAR(8) PRIMARY KEY, watts INT NOT NULL)",
        "INSERT INTO unit VALUES ('kWh', 1000), ('MWh', 1000000)",
        "CREATE TABLE fault (id INT PRIMARY KEY AUTO_INCREMENT, meter INT NOT NULL, code INT NOT NULL,"
        " told VARCHAR(80) NOT NULL, KEY code_of (code))",
        "INSERT INTO fault (meter, code, told) SELECT seq * 11 % 60000, seq % 30, concat('display ', seq, ' dark')"
        " FROM seq_1_to_1500",
        "ANALYZE TABLE meter, reading, invoice, fault",
    ]
    if not without_serial:
        statements.insert(-1, "CREATE INDEX serial_of ON meter (serial)")
    mariadb_tables.make(DATABASE, statements)


make_tables()
kept = threading.local()


def kept_connection() -> Any:
    """This thread's connection."""
    if not hasattr(kept, "connection"):
        kept.connection = mariadb_tables.connect(DATABASE)
    return kept.connection


@contextmanager
def cursor(fresh: bool = False) -> Iterator[Any]:
    """A cursor, where wanted on a connection of its own."""
    if fresh:
        own = pymysql.connect(**mariadb_tables.settings(DATABASE))  # cause: connection_churn@balance
        with closing(own), own.cursor() as opened:
            yield opened
    else:
        with kept_connection().cursor() as opened:
            yield opened


def rows(statement: str, *values: object, fresh: bool = False) -> list[tuple[Any, ...]]:
    """What a statement gives."""
    with cursor(fresh) as opened:  # cause: connection_churn@balance
        opened.execute(statement, values)  # cause: missing_index@serial slow_query@peaks
        return list(opened.fetchall())


def asked(statement: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Hand the first row of a statement to a function."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def of(*values: object) -> Any:
            found = rows(statement, *values)  # cause: n_plus_one@customers duplicate_query@units
            return function(*found[0]) if found else None

        return of

    return decorate


@asked("SELECT name, unit FROM customer WHERE id = %s")
def customer(name: str, unit: str) -> dict[str, str]:
    """A customer."""
    return {"name": name, "unit": unit}


@asked("SELECT watts FROM unit WHERE name = %s")
def watts(value: int) -> int:
    """What a unit is in watt-hours."""
    return value


@app.get("/meters/<int:number>")
def meter(number: int) -> dict[str, Any]:
    """A meter by what is printed on it."""
    serial = f"M{(number + 1) * 7919 % 60013:08d}"
    found = rows(
        "SELECT id, customer, street FROM meter WHERE serial = %s", serial
    )  # cause: missing_index@serial
    if not found:
        abort(404)
    return {"meter": found[0][0], "customer": customer(found[0][1]), "street": found[0][2]}


def barcode(number: int, cents: int, into: dict[int, str]) -> None:
    """What a bank reads."""
    digits = f"{number:09d}{cents:08d}"
    check = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits)) % 10
    into[number] = f"{digits}{check}"


def barcodes(invoices: list[tuple[Any, ...]]) -> dict[int, str]:
    """All of them."""
    made: dict[int, str] = {}
    if thread_each_invoice:
        workers = [
            threading.Thread(target=barcode, args=(number, cents, made))  # cause: thread_churn@barcodes
            for number, _, cents in invoices
        ]
        for worker in workers:
            worker.start()  # cause: thread_churn@barcodes
        for worker in workers:
            worker.join()  # cause: thread_churn@barcodes
    else:
        for number, _, cents in invoices:
            barcode(number, cents, made)
    return made


def month(number: int, limit: int) -> list[tuple[Any, ...]]:
    """Invoices of a month."""
    statement = "SELECT id, customer, cents FROM invoice WHERE month = %s ORDER BY customer LIMIT %s"
    return rows(statement, number % 24, limit)


@app.get("/slips/<int:number>")
def slips(number: int) -> dict[str, Any]:
    """Slips to pay with, as a bank reads them."""
    codes = barcodes(month(number, 48))  # cause: thread_churn@barcodes
    return {"slips": sorted(codes.values())}


@app.get("/invoices/<int:number>")
def invoices(number: int) -> dict[str, Any]:
    """Invoices of a month, as they are printed."""
    found = month(number, 100)
    if ask_each_customer:
        names = {who: customer(who)["name"] for _, who, _ in found}  # cause: n_plus_one@customers
    else:
        marks = ", ".join(["%s"] * len(found))
        names = dict(
            rows(f"SELECT id, name FROM customer WHERE id IN ({marks})", *(who for _, who, _ in found))
        )
    return {"invoices": [{"to": names[who], "cents": cents, "number": one} for one, who, cents in found]}


@app.get("/usage/<int:number>")
def usage(number: int) -> dict[str, Any]:
    """What a meter counted, day by day, in watt-hours."""
    days = rows("SELECT day, kwh FROM reading WHERE meter = %s ORDER BY day DESC LIMIT 90", number % 800 + 1)
    if ask_each_unit:
        counted = [(day, kwh * watts("kWh")) for day, kwh in days]  # cause: duplicate_query@units
    else:
        factor = watts("kWh")
        counted = [(day, kwh * factor) for day, kwh in days]
    return {"usage": counted}


def one(statement: str, *values: object) -> Any:
    """The only value of a statement, as an account shows it."""
    found = rows(statement, *values, fresh=connect_each_time)  # cause: connection_churn@balance
    return str(found[0][0])


def account(number: int) -> dict[str, Any]:
    """What somebody has to pay, and what with."""
    who, meter = number % 4000 + 1, number % 800 + 1
    return {
        "name": one("SELECT name FROM customer WHERE id = %s", who),  # cause: connection_churn@balance
        "due": one("SELECT sum(cents) FROM invoice WHERE customer = %s", who),
        "highest": one("SELECT max(cents) FROM invoice WHERE customer = %s", who),
        "since": one("SELECT min(month) FROM invoice WHERE customer = %s", who),
        "kind": one("SELECT kind FROM meter WHERE id = %s", meter),
        "last": one("SELECT max(day) FROM reading WHERE meter = %s", meter),
        "used": one("SELECT sum(kwh) FROM reading WHERE meter = %s", meter),
        "faults": one("SELECT count(*) FROM fault WHERE code = %s", number % 30),
        "unit": one("SELECT unit FROM customer WHERE id = %s", who),
        "watts": one("SELECT watts FROM unit WHERE name = %s", "kWh"),
        "invoices": one("SELECT count(*) FROM invoice WHERE customer = %s", who),
        "street": one("SELECT street FROM meter WHERE id = %s", meter),
        "first": one("SELECT min(day) FROM reading WHERE meter = %s", meter),
        "by_hand": one("SELECT count(*) FROM reading WHERE meter = %s AND note <> ''", meter),
    }


@app.get("/accounts/<int:number>")
def balance(number: int) -> dict[str, Any]:
    """An account."""
    return account(number)  # cause: connection_churn@balance


@app.get("/peaks")
def peaks() -> dict[str, Any]:
    """The highest readings of the last weeks."""
    if sum_each_time:
        found = rows(  # cause: slow_query@peaks
            "SELECT p.week, (SELECT max(r.kwh) FROM reading r WHERE r.day DIV 7 = p.week),"
            " (SELECT count(*) FROM reading r WHERE r.day DIV 7 = p.week)"
            " FROM peak p ORDER BY p.week DESC LIMIT 3"
        )
    else:
        found = rows("SELECT week, kwh, readings FROM peak ORDER BY week DESC LIMIT 3")
    return {"peaks": found}


def until_blank(peer: socket.socket) -> int:
    """The length that a head tells."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # cause: chatty_reads@gateway
        head += peer.recv(1)  # cause: chatty_reads@gateway
    return int(head.lower().partition(b"content-length:")[2].split()[0])


def telegram(path: str) -> bytes:
    """What a gateway tells, which speaks something like HTTP."""
    with socket.create_connection((HOST, int(PORT)), timeout=5) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
        if not read_each_byte:
            with peer.makefile("rb", buffering=65536) as lines:
                size = 0
                for line in iter(lines.readline, b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.split()[1])
                return lines.read(size)
        body = b""
        for _ in range(until_blank(peer)):  # cause: chatty_reads@gateway
            body += peer.recv(1)  # cause: chatty_reads@gateway
        return body


@app.get("/gateways/<int:number>")
def gateway(number: int) -> dict[str, Any]:
    """What a gateway has heard from its meters."""
    text = telegram(f"/6/x6000/gateway/{number}")  # cause: chatty_reads@gateway
    return {"telegrams": len(text) // 40, "last": text[-40:].decode()}


def around(values: list[float], at: int, width: int) -> float:
    """The mean of a value and those beside it."""
    near = values[max(0, at - width) : at + width + 1]
    return sum(near) / len(near)


def smoothed(values: list[float]) -> list[float]:
    """Less noise than there is."""
    for width in (36, 24, 18, 12, 6):
        values = [around(values, at, width) for at in range(len(values))]  # cause: regression@forecast
    return values


@app.get("/forecast/<int:number>")
def forecast(number: int) -> dict[str, Any]:
    """What a house will use."""
    days = rows("SELECT day, kwh FROM reading WHERE meter = %s ORDER BY day", number % 800 + 1)
    hours = [kwh / 24 * (1.2 + sin(hour / 4 + number)) for _, kwh in days for hour in range(24)]
    if smooth_twice:
        hours = smoothed(hours)  # cause: regression@forecast
    return {"next": [round(value, 3) for value in hours[-24:]], "mean": round(sum(hours) / len(hours), 4)}


@app.get("/meters/<int:number>/readings")
def readings(number: int) -> dict[str, Any]:
    """The last readings of a meter, by the key that is made for it: nothing is wrong here."""
    last = rows(
        "SELECT day, kwh, note FROM reading WHERE meter = %s ORDER BY day DESC LIMIT 60", number % 800 + 1
    )
    return {"readings": [{"day": day, "kwh": kwh, "note": note} for day, kwh, note in last]}


@app.get("/faults")
def faults() -> dict[str, Any]:
    """Faults of a kind, or with a word in what was told: a scan of a small table, nothing is wrong here."""
    found = rows(
        "SELECT id, meter, told FROM fault WHERE code = %s OR told LIKE %s ORDER BY id",
        int(request.args.get("code", 3)),
        f"%{request.args.get('word', '77')}%",
    )
    return {"faults": [{"fault": one, "meter": which, "told": told} for one, which, told in found]}


@app.get("/overview/<int:number>")
def overview(number: int) -> dict[str, Any]:
    """Five statements, each another, one after the other on a connection that is kept: nothing is wrong here."""
    who = number % 4000 + 1
    return {
        "name": rows("SELECT name FROM customer WHERE id = %s", who)[0][0],
        "open": rows("SELECT count(*) FROM invoice WHERE customer = %s", who)[0][0],
        "latest": rows("SELECT max(day) FROM reading WHERE meter = %s", number % 800 + 1)[0][0],
        "faults": rows("SELECT count(*) FROM fault WHERE code = %s", number % 30)[0][0],
        "units": rows("SELECT name, watts FROM unit ORDER BY name"),
    }
