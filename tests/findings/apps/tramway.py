"""tramway -- departures for the stops of a town: async views over aiosqlite and asyncio's own streams."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType

import aiosqlite
from flask import Flask
from switches import planted

HOST, PORT = "127.0.0.1", int(os.environ["UPSTREAM_HTTP"])
FILE = Path(os.environ.get("FINDINGS_DATA", ".")).absolute() / "tramway.db"
LINES = (1, 2, 4, 5, 7, 8, 11, 12)
KINDS = ("adult", "child", "dog", "bicycle", "senior")
one_after_the_other = planted("sequential_io@departures")
block_the_loop = planted("blocking_in_async@kiosks")
ask_by_stop = planted("n_plus_one@platforms")
connect_by_line = planted("connection_churn@lines")
ask_for_every_cell = planted("duplicate_query@fares")

app = Flask(__name__)


# The database.


def fill() -> None:
    """Make the database, unless it is there."""
    if FILE.exists():
        return
    aside = FILE.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(aside)) as made, made:
        made.execute("PRAGMA journal_mode = WAL")
        made.executescript(
            """
            CREATE TABLE stop (id INTEGER PRIMARY KEY, name TEXT, zone INTEGER);
            CREATE TABLE platform (id INTEGER PRIMARY KEY, stop INTEGER, side TEXT);
            CREATE INDEX platform_stop ON platform (stop);
            CREATE TABLE run (id INTEGER PRIMARY KEY, line INTEGER, minute INTEGER);
            CREATE INDEX run_line ON run (line, minute);
            CREATE TABLE fare (zone INTEGER, kind TEXT, cents INTEGER);
            """
        )
        made.executemany("INSERT INTO stop VALUES (?, ?, ?)", ((n, f"Stop {n}", n % 5) for n in range(300)))
        made.executemany(
            "INSERT INTO platform VALUES (?, ?, ?)", ((n, n % 300, "ns"[n % 2]) for n in range(900))
        )
        made.executemany("INSERT INTO run VALUES (?, ?, ?)", ((n, n % 13, n * 7 % 1440) for n in range(4000)))
        made.executemany(
            "INSERT INTO fare VALUES (?, ?, ?)",
            ((zone, kind, 180 + 60 * zone) for zone in range(16) for kind in KINDS),
        )
    aside.replace(FILE)


fill()


@asynccontextmanager
async def opened() -> AsyncIterator[aiosqlite.Connection]:
    """A connection to the timetable."""
    async with aiosqlite.connect(FILE) as connection:  # cause: connection_churn@lines
        await connection.execute("PRAGMA query_only = ON")  # cause: connection_churn@lines
        yield connection


@app.get("/health")
async def health() -> str:
    """For whoever waits."""
    return "ok"


# Statements.


async def sides(connection: aiosqlite.Connection, stop: int) -> list[str]:
    """The platforms of one stop."""
    found = await connection.execute_fetchall(  # cause: n_plus_one@platforms
        "SELECT side FROM platform WHERE stop = ? ORDER BY id", (stop,)
    )
    return [side for (side,) in found]


async def sides_of_all(connection: aiosqlite.Connection, stops: Sequence[int]) -> list[list[str]]:
    """The platforms of each stop."""
    marks = ", ".join("?" * len(stops))
    found: dict[int, list[str]] = {stop: [] for stop in stops}
    statement = f"SELECT stop, side FROM platform WHERE stop IN ({marks}) ORDER BY id"
    async with connection.execute(statement, stops) as rows:
        async for stop, side in rows:
            found[stop].append(side)
    return list(found.values())


@app.get("/platforms")
async def platforms() -> dict[str, int]:
    """How many platforms look to the north."""
    stops = range(20, 260)
    async with opened() as connection:
        if ask_by_stop:
            found = await asyncio.gather(  # cause: n_plus_one@platforms
                *(sides(connection, stop) for stop in stops)
            )
        else:
            found = await sides_of_all(connection, stops)
    return {"north": sum(each.count("n") for each in found)}


class Line:
    """One line, and when it runs."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def first(self, connection: aiosqlite.Connection) -> int | None:
        """When its first tram leaves."""
        async with connection.execute("SELECT min(minute) FROM run WHERE line = ?", (self.number,)) as rows:
            row = await rows.fetchone()
        return row[0] if row else None

    async def first_by_itself(self) -> int | None:
        """The same, for those who have no connection."""
        async with opened() as connection:  # cause: connection_churn@lines
            return await self.first(connection)


@app.get("/lines")
async def lines() -> dict[str, int | None]:
    """When each line begins."""
    if connect_by_line:
        return {str(n): await Line(n).first_by_itself() for n in LINES}  # cause: connection_churn@lines
    async with opened() as connection:
        return {str(n): await Line(n).first(connection) for n in LINES}


class Fares:
    """What a ride costs, read when somebody asks."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self.connection = connection
        self.known: dict[tuple[int, str], int] = {}

    async def load(self) -> None:
        """Read them."""
        rows = await self.connection.execute_fetchall(  # cause: duplicate_query@fares
            "SELECT zone, kind, cents FROM fare"
        )
        self.known = {(zone, kind): cents for zone, kind, cents in rows}

    async def price(self, zone: int, kind: str) -> int:
        """One of them."""
        if ask_for_every_cell or not self.known:
            await self.load()  # cause: duplicate_query@fares
        return self.known[zone, kind]


@app.get("/fares")
async def fares() -> dict[str, list[int]]:
    """The table at the machine."""
    async with opened() as connection:
        table = Fares(connection)
        return {
            kind: [await table.price(zone, kind) for zone in range(16)]  # cause: duplicate_query@fares
            for kind in KINDS
        }


# Neighbours.


async def ask(path: str) -> str:
    """What the operator answers."""
    reader, writer = await asyncio.open_connection(HOST, PORT)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: operator\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].split()[0])
    body = await reader.readexactly(size)
    writer.close()
    return body.decode()


async def leaving(stops: Sequence[str]) -> AsyncIterator[tuple[str, str]]:
    """What leaves from each stop."""
    for stop in stops:
        yield stop, await ask(f"/14/x90/leaving/{stop}")  # cause: sequential_io@departures


@app.get("/departures")
async def departures() -> dict[str, str]:
    """What leaves around here."""
    stops = ("market", "bridge", "station", "castle")
    if one_after_the_other:
        return {stop: found async for stop, found in leaving(stops)}  # cause: sequential_io@departures
    found = await asyncio.gather(*(ask(f"/14/x90/leaving/{stop}") for stop in stops))
    return dict(zip(stops, found, strict=True))


class Kiosk:
    """A shop that sells tickets, and says whether it is open."""

    def __init__(self, name: str) -> None:
        self.name = name

    def greet(self) -> HTTPConnection:
        """Ring it up."""
        line = HTTPConnection(HOST, PORT, timeout=5)
        line.request("GET", f"/13/x40/kiosk/{self.name}")  # cause: blocking_in_async@kiosks
        self.said = line.getresponse().read()  # cause: blocking_in_async@kiosks
        return line

    async def __aenter__(self) -> Kiosk:
        if block_the_loop:
            self.line = self.greet()  # cause: blocking_in_async@kiosks
        else:
            self.line = await asyncio.to_thread(self.greet)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.line.close()


async def is_open(name: str) -> bool:
    """Whether one sells now."""
    async with Kiosk(name) as kiosk:  # cause: blocking_in_async@kiosks
        return len(kiosk.said) > 10


@app.get("/kiosks")
async def kiosks() -> dict[str, bool]:
    """Who sells tickets now."""
    names = ("north", "east", "south", "west")
    found = await asyncio.gather(*map(is_open, names))  # cause: blocking_in_async@kiosks
    return dict(zip(names, found, strict=True))


# Nothing is wrong with these.


@app.get("/crowding")
async def crowding() -> dict[str, int]:
    """How full the trams are, four asked at a time: nothing is wrong here."""
    gate = asyncio.Semaphore(4)

    async def one(line: int) -> int:
        async with gate:
            return len(await ask(f"/9/x64/crowding/{line}"))

    return dict(zip(map(str, LINES), await asyncio.gather(*map(one, LINES)), strict=True))


@app.get("/ticket")
async def ticket() -> dict[str, int]:
    """A token, and with it a ticket: nothing is wrong here."""
    async with asyncio.timeout(3):
        token = await ask("/5/x12/token")
        return {"ticket": len(await ask(f"/5/x80/ticket?token={token}"))}


def read_plan() -> list[tuple[int, int]]:
    """Today's runs of one line."""
    with closing(sqlite3.connect(FILE)) as connection:
        return connection.execute("SELECT id, minute FROM run WHERE line = 4 ORDER BY minute").fetchall()


@app.get("/plan")
async def plan() -> dict[str, list[int]]:
    """One line's day, read beside the loop: nothing is wrong here."""
    return {"minutes": [minute for _, minute in await asyncio.to_thread(read_plan)]}
