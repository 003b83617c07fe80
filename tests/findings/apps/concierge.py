"""concierge -- a hotel's front desk: what is only made when somebody first asks for it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from flask import Flask
from switches import planted

prices_at_first = planted("cold_start@prices")
names_at_first = planted("cold_start@names")
import_at_first = planted("import_in_request@statement")

app = Flask(__name__)
DATABASE = Path(os.environ["FINDINGS_DATA"]) / f"concierge-{os.getpid()}.db"
mine = threading.local()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def make_tables() -> None:
    """Guests, rooms and stays."""
    with sqlite3.connect(DATABASE) as filling:
        filling.execute("CREATE TABLE guest (id INTEGER PRIMARY KEY, name TEXT, town TEXT)")
        filling.execute(
            "CREATE TABLE stay (id INTEGER PRIMARY KEY, guest INTEGER, room INTEGER, night INTEGER, cents INTEGER)"
        )
        filling.execute("CREATE INDEX stay_guest ON stay (guest, night)")
        filling.execute("CREATE INDEX stay_night ON stay (night, room)")
        filling.executemany(
            "INSERT INTO guest (name, town) VALUES (?, ?)",
            [
                (
                    f"{('Anke', 'Bodo', 'Cem', 'Dora')[n % 4]} {('Brandt', 'Kraus', 'Wolff')[n % 3]}{n}",
                    f"Town {n % 60}",
                )
                for n in range(30_000)
            ],
        )
        filling.executemany(
            "INSERT INTO stay (guest, room, night, cents) VALUES (?, ?, ?, ?)",
            [(n * 13 % 30_000 + 1, n % 120, n // 120, 7000 + n * 37 % 9000) for n in range(40_000)],
        )


def database() -> sqlite3.Connection:
    """This thread's connection, made when it is first wanted."""
    if not hasattr(mine, "database"):
        mine.database = sqlite3.connect(DATABASE)
    return mine.database


make_tables()


class Prices:
    """What each room costs on each night of two years."""

    def __init__(self) -> None:
        self.table: list[list[int]] = []

    def season(self, night: int) -> float:
        """How dear that part of the year is."""
        return 1.0 + 0.3 * ((night % 365) > 150) - 0.1 * (night % 7 in (0, 1))

    def calculate(self) -> None:
        """All of them."""
        self.table = [
            [int((6000 + room * 45) * self.season(night)) for night in range(730)]
            for room in range(500)  # cause: cold_start@prices
        ]

    def of(self, room: int, night: int) -> int:
        """One price."""
        if not self.table:
            self.calculate()  # cause: cold_start@prices
        return self.table[room][night]


prices = Prices()


@app.get("/rooms/<int:number>")
def rooms(number: int) -> dict[str, Any]:
    """What is free, and what it costs."""
    taken = {
        room
        for (room,) in database().execute("SELECT room FROM stay WHERE night = ? AND room < 40", (number,))
    }
    free = [room for room in range(90) if room not in taken]
    return {"free": {room: prices.of(room, number % 730) for room in free}}  # cause: cold_start@prices


names: dict[str, list[str]] = {}


def index_names() -> dict[str, list[str]]:
    """Who is found by which first three letters of a part of the name."""
    found: dict[str, list[str]] = defaultdict(list)
    with sqlite3.connect(DATABASE) as reading:
        for name, town in reading.execute("SELECT name, town FROM guest"):  # cause: cold_start@names
            for part in name.casefold().split():  # cause: cold_start@names
                found[part[:3]].append(f"{name}, {town}")  # cause: cold_start@names
    return found


def found_by(start: str) -> list[str]:
    """Those whose name starts so."""
    if not names:
        names.update(index_names())  # cause: cold_start@names
    return names.get(start, [])


@app.get("/guests")
def guests() -> dict[str, Any]:
    """Who may be meant."""
    known = found_by("kra")  # cause: cold_start@names
    return {"guests": known[:30], "all": len(known)}


def statement_of(number: int) -> list[tuple[int, int]]:
    """Nights and what they cost, by the accounting's own way to the database."""
    from sqlalchemy import create_engine, text  # cause: import_in_request@statement

    if "engine" not in app.extensions:
        app.extensions["engine"] = create_engine(f"sqlite:///{DATABASE}")
    with app.extensions["engine"].connect() as connection:
        rows = connection.execute(
            text("SELECT night, cents FROM stay WHERE guest = :guest ORDER BY night"),
            {"guest": number % 30_000 + 1},
        )
        return [(row.night, row.cents) for row in rows]


@app.get("/statements/<int:number>")
def statement(number: int) -> dict[str, Any]:
    """What a guest has to pay."""
    nights = statement_of(number)  # cause: import_in_request@statement
    return {"nights": nights, "cents": sum(cents for _, cents in nights)}


NOTICE = app.jinja_env.from_string(
    "<h1>{{ day }}</h1>{% for name, town in guests %}<p>{{ name }} of {{ town }}</p>{% endfor %}"
)


@app.get("/notice/<int:number>")
def notice(number: int) -> str:
    """Who comes today: the template is compiled when the process starts and then kept; nothing is wrong here."""
    rows = (
        database()
        .execute("SELECT name, town FROM guest WHERE id BETWEEN ? AND ?", (number, number + 50))
        .fetchall()
    )
    return NOTICE.render(day=f"Day {number}", guests=rows)


@app.get("/occupancy/<int:number>")
def occupancy(number: int) -> dict[str, Any]:
    """Nights that were sold, summed by the database: nothing is wrong here."""
    rows = (
        database()
        .execute(
            "SELECT night / 30, count(*), sum(cents) FROM stay WHERE room <> ? GROUP BY 1 ORDER BY 1",
            (number % 120,),
        )
        .fetchall()
    )
    return {"months": rows}


@app.get("/arrivals/<int:number>")
def arrivals(number: int) -> dict[str, Any]:
    """Nights of one guest, by an index, on a connection that is made when it is first wanted: nothing is wrong here."""
    rows = (
        database()
        .execute(
            "SELECT night, room, cents FROM stay WHERE guest BETWEEN ? AND ? ORDER BY guest, night LIMIT 80",
            (number % 30_000, number % 30_000 + 60),
        )
        .fetchall()
    )
    return {"nights": [{"night": night, "room": room, "cents": cents} for night, room, cents in rows]}


if not prices_at_first:
    prices.calculate()
if not names_at_first:
    names.update(index_names())
if not import_at_first:
    statement_of(0)
