"""pier -- one module, plain sqlite3, and neighbours that are asked with what the standard library has."""

from __future__ import annotations

import os
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache, wraps
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from flask import Flask, abort, g
from switches import planted
from turnstile import Turnstile

NEIGHBOUR = os.environ["UPSTREAM"]
SECURE_PORT = int(os.environ["UPSTREAM_TLS"])
PORT = int(os.environ["UPSTREAM_HTTP"])
FILE = Path(os.environ.get("FINDINGS_DATA", ".")).absolute() / "pier.db"
STATIONS = ("mole", "spit", "dune", "lock")
KINDS = ("barge", "tug", "ferry", "yacht", "tanker", "dredger", "trawler", "pilot", "lighter", "cutter")

app = Flask(__name__)
Turnstile(
    app, service=NEIGHBOUR, below="/inner", path="/34/x64/gate", remember=not planted("slow_external@signals")
)  # cause: slow_external@signals
pool = ThreadPoolExecutor(4, thread_name_prefix="pier")
own = threading.local()
trust = ssl.create_default_context(cafile=os.environ["UPSTREAM_CA"])
connect_each_time = planted("connection_churn@berths")
crate_by_crate = planted("n_plus_one@cargo")
ask_each_time = planted("duplicate_query@crew")
compare_in_database = planted("slow_query@delays")
station_by_station = planted("sequential_io@forecasts")
shake_hands_each_time = planted("tls_churn@pilots")
look_up_each_time = planted("dns_repeat@neighbours")
byte_by_byte = planted("chatty_reads@soundings")


# The database.


def fill() -> None:
    """Make the database, unless it is there."""
    if FILE.exists():
        return
    aside = FILE.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(aside)) as made, made:
        made.execute("PRAGMA journal_mode = WAL")
        for year in range(1940, 2024):
            made.execute(
                f"CREATE TABLE calls_{year} (id INTEGER PRIMARY KEY, ship TEXT, kind TEXT, berth INTEGER)"
            )
            made.execute(f"CREATE INDEX calls_{year}_kind ON calls_{year} (kind, berth)")
        made.executescript(
            """
            CREATE TABLE berth (id INTEGER PRIMARY KEY, kind TEXT, free INTEGER);
            CREATE TABLE crate (id INTEGER PRIMARY KEY, ship INTEGER, kg INTEGER);
            CREATE INDEX crate_ship ON crate (ship);
            CREATE TABLE grants (who TEXT, role INTEGER, PRIMARY KEY (who, role));
            CREATE TABLE rights (role INTEGER, action TEXT, object INTEGER);
            CREATE TABLE arrival (id INTEGER PRIMARY KEY, ship INTEGER, late INTEGER);
            CREATE TABLE loading (id INTEGER PRIMARY KEY, what TEXT, kg INTEGER);
            CREATE TABLE mooring (id INTEGER PRIMARY KEY, ring INTEGER, rope TEXT);
            """
        )
        made.executemany(
            "INSERT INTO berth VALUES (?, ?, ?)", [(n, KINDS[n % 10], n % 3) for n in range(120)]
        )
        made.executemany("INSERT INTO crate VALUES (?, ?, ?)", [(n, n % 400, n % 91) for n in range(6000)])
        made.executemany("INSERT INTO grants VALUES ('harbour', ?)", [(n,) for n in range(40)])
        made.executemany(
            "INSERT INTO rights VALUES (?, ?, ?)", [(n % 80, f"do {n % 50}", n) for n in range(3000)]
        )
        made.executemany(
            "INSERT INTO arrival VALUES (?, ?, ?)", [(n, n % 140, n * 37 % 1009) for n in range(1100)]
        )
        made.executemany("INSERT INTO mooring VALUES (?, ?, 'hemp')", [(n, n % 7) for n in range(9000)])
    aside.replace(FILE)


fill()


def connect() -> sqlite3.Connection:
    """A connection as this application likes them."""
    made = sqlite3.connect(FILE)  # cause: connection_churn@berths
    made.execute("PRAGMA foreign_keys = ON")
    made.execute("PRAGMA synchronous = OFF")
    return made


def database() -> sqlite3.Connection:
    """The connection of the request."""
    if "database" not in g:
        g.database = connect()
    kept: sqlite3.Connection = g.database
    return kept


@app.teardown_request
def leave(_error: BaseException | None) -> None:
    """Close what the request opened."""
    if "database" in g:
        g.pop("database").close()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def one_value(statement: str) -> Any:
    """The only value that a statement gives."""
    if not connect_each_time:
        return database().execute(statement).fetchone()[0]
    with closing(connect()) as mine:  # cause: connection_churn@berths
        return mine.execute(statement).fetchone()[0]  # cause: connection_churn@berths


@app.get("/berths")
def berths() -> dict[str, Any]:
    """The pier in figures."""
    return {
        "berths": one_value("SELECT count(*) FROM berth"),
        "free": one_value("SELECT count(*) FROM berth WHERE free = 0"),
        "tugs": one_value("SELECT count(*) FROM berth WHERE kind = 'tug'"),
        "heaviest": one_value("SELECT max(kg) FROM crate WHERE ship = 12"),
        "first": one_value("SELECT min(id) FROM arrival"),
        "last": one_value("SELECT max(id) FROM arrival"),
        "roles": one_value("SELECT count(*) FROM grants WHERE who = 'harbour'"),
        "rings": one_value("SELECT ring FROM mooring WHERE id = 77"),
        "old": one_value("SELECT count(*) FROM calls_1971"),
        "older": one_value("SELECT count(*) FROM calls_1944"),
    }


# Statements.


def weights(ships: range) -> Iterator[int]:
    """What each ship carries."""
    if crate_by_crate:
        for ship in ships:  # cause: n_plus_one@cargo
            row = (
                database().execute("SELECT sum(kg) FROM crate WHERE ship = ?", (ship,)).fetchone()
            )  # cause: n_plus_one@cargo
            yield row[0]
    else:
        carried = "SELECT sum(kg) FROM crate WHERE ship BETWEEN ? AND ? GROUP BY ship"
        yield from (row[0] for row in database().execute(carried, (ships[0], ships[-1])))


@app.get("/cargo")
def cargo() -> dict[str, int]:
    """What lies in all holds together."""
    loads = list(weights(range(400)))
    return {"kg": sum(loads), "most": max(loads)}


def rights_of(who: str) -> set[str]:
    """What somebody may do."""
    if not ask_each_time and "rights" in g:
        kept: set[str] = g.rights
        return kept
    rows = database().execute(  # cause: duplicate_query@crew
        "SELECT DISTINCT action FROM grants JOIN rights USING (role) WHERE who = ?", (who,)
    )
    g.rights = {action for (action,) in rows}  # cause: duplicate_query@crew
    return g.rights


def may(action: str) -> bool:
    """Whether this visitor may."""
    return action in rights_of("harbour")  # cause: duplicate_query@crew


def allowed(action: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Lets only those in who may."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs) if may(action) else abort(403)

        return inner

    return decorate


@app.get("/crew")
@allowed("do 4")
def crew() -> dict[str, Any]:
    """The crew, with the buttons that this visitor gets."""
    buttons = [action for action in ("do 1", "do 2", "do 7", "do 99") if may(action)]
    return {"crew": ["mate", "cook"], "buttons": buttons, "edit": may("do 11"), "dismiss": may("do 12")}


@app.get("/delays")
def delays() -> dict[str, int]:
    """How many came about as late as another one."""
    if compare_in_database:
        rows = (
            database()
            .execute(  # cause: slow_query@delays
                "SELECT a.id, (SELECT count(*) FROM arrival b WHERE abs(b.late - a.late) < 3) AS near"
                " FROM arrival a ORDER BY near DESC LIMIT 5"
            )
            .fetchall()
        )
    else:
        rows = (
            database()
            .execute(
                "SELECT id, count(*) OVER (ORDER BY late RANGE BETWEEN 2 PRECEDING AND 2 FOLLOWING) AS near"
                " FROM arrival ORDER BY near DESC LIMIT 5"
            )
            .fetchall()
        )
    return {f"arrival {number}": near for number, near in rows}


@app.get("/manifest")
def manifest() -> dict[str, int]:
    """Write what is to be loaded: nothing is wrong here."""
    with database() as writing:
        writing.execute("DELETE FROM loading")
        done = writing.executemany(
            "INSERT INTO loading (what, kg) VALUES (?, ?)", [(f"crate {n}", n % 50) for n in range(200)]
        )
    return {"crates": done.rowcount}


@app.get("/moorings")
def moorings() -> dict[str, int]:
    """Rings in use: nothing is wrong here."""
    return {"hemp": database().execute("SELECT count(*) FROM mooring WHERE rope = 'hemp'").fetchone()[0]}


# Neighbours.


def ask(path: str) -> str:
    """What the neighbour answers; each thread keeps its line."""
    line: HTTPConnection | None = getattr(own, "line", None)
    if line is None:
        line = own.line = HTTPConnection(NEIGHBOUR, timeout=5)
    line.request("GET", path)
    return line.getresponse().read().decode()


@app.get("/forecasts")
def forecasts() -> dict[str, str]:
    """What all stations expect."""
    if station_by_station:
        return {
            station: ask(f"/13/forecast/{station}") for station in STATIONS
        }  # cause: sequential_io@forecasts
    return dict(
        zip(STATIONS, pool.map(ask, [f"/13/forecast/{station}" for station in STATIONS]), strict=True)
    )


@app.get("/weather")
def weather() -> dict[str, str]:
    """What all stations measure, asked together: nothing is wrong here."""
    return dict(zip(STATIONS, pool.map(ask, [f"/9/weather/{station}" for station in STATIONS]), strict=True))


@app.get("/visitors")
def visitors() -> dict[str, str]:
    """A token, and with it the list of visitors: nothing is wrong here."""
    token = ask("/5/x12/token")
    return {"visitors": ask(f"/5/x300/visitors?token={token}")}


@cache
def pilot_line() -> HTTPSConnection:
    """A line to the pilots that stays open."""
    return HTTPSConnection("localhost", SECURE_PORT, context=trust, timeout=5)


@app.get("/pilots")
def pilots() -> dict[str, str]:
    """Who is on duty."""
    if shake_hands_each_time:
        page = f"https://localhost:{SECURE_PORT}/2/x200/pilots"
        with urlopen(page, context=trust, timeout=5) as answer:  # cause: tls_churn@pilots
            return {"pilots": answer.read().decode()}
    line = pilot_line()
    line.request("GET", "/2/x200/pilots")
    return {"pilots": line.getresponse().read().decode()}


def address(host: str) -> str:
    """Where a host is."""
    return socket.gethostbyname(host)  # cause: dns_repeat@neighbours


known_address = cache(address)


@app.get("/neighbours")
def neighbours() -> dict[str, str]:
    """The addresses of those whom we may ask."""
    find = address if look_up_each_time else known_address
    return {host: find(host) for host in ("mole.test", "spit.test")}  # cause: dns_repeat@neighbours


def read_line(wire: socket.socket) -> bytes:
    """Bytes until the end of a line."""
    line = b""
    while not line.endswith(b"\n"):
        piece = wire.recv(1)  # cause: chatty_reads@soundings
        if not piece:
            break
        line += piece
    return line


def read_exactly(wire: socket.socket, size: int) -> bytes:
    """That many bytes."""
    found = bytearray()
    while len(found) < size:
        found += wire.recv(2)  # cause: chatty_reads@soundings
    return bytes(found)


@app.get("/soundings")
def soundings() -> dict[str, int]:
    """How deep it is, from a device that speaks a protocol of lines."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=5) as wire:
        wire.sendall(b"GET /0/x14000/soundings HTTP/1.1\r\nHost: device\r\n\r\n")
        if byte_by_byte:
            size = 0
            while (line := read_line(wire)).strip():  # cause: chatty_reads@soundings
                name, _, value = line.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            return {"depth": len(read_exactly(wire, size))}  # cause: chatty_reads@soundings
        with wire.makefile("rb") as file:
            size = 0
            while (line := file.readline()).strip():
                name, _, value = line.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            return {"depth": len(file.read(size))}


@app.get("/inner/signals")
def signals() -> dict[str, list[str]]:
    """What the mast shows, to those who may know."""
    return {"signals": ["blue", "two cones"]}
