"""archive -- papers in SQLite, asked with plain SQL through sqlite3: scans, indexes, connections, and near misses.

The pages below /near/ scan, filter or sort in ways that no index of theirs would change for the better.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, g
from switches import planted

FOLDER = Path(os.environ.get("FINDINGS_DATA", ".")).absolute()
INDEXED = not planted("missing_index@shelf")
PATH = FOLDER / ("archive-indexed.db" if INDEXED else "archive.db")
PAPERS, READERS, LOANS = 300_000, 1_500, 7_500

SCHEMA = """
CREATE TABLE papers (
  id INTEGER PRIMARY KEY, shelf TEXT, title TEXT, author INTEGER, year INTEGER, pages INTEGER, state TEXT
);
CREATE INDEX papers_year_author ON papers (year, author);
CREATE TABLE readers (id INTEGER PRIMARY KEY, name TEXT, town TEXT, card TEXT);
CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT, floor INTEGER);
CREATE TABLE loans (id INTEGER PRIMARY KEY, reader INTEGER, paper INTEGER, day INTEGER);
CREATE INDEX loans_reader ON loans (reader);
CREATE TABLE notes (
  id INTEGER PRIMARY KEY, word TEXT, kind TEXT, code TEXT, author INTEGER, written INTEGER, body TEXT
);
CREATE INDEX notes_code ON notes (code);
CREATE INDEX notes_author ON notes (author);
CREATE INDEX notes_written ON notes (written);
"""

app = Flask(__name__)
near = Blueprint("near", __name__, url_prefix="/near")
reader_by_reader = planted("n_plus_one@readers")
connect_each_time = planted("connection_churn@desk")
count_by_fetching = planted("unbounded_result@volume")
rank_each_time = planted("slow_query@ranking")
rate_twice = planted("duplicate_query@fees")
ranking_kept: list[Any] = []


def prepare() -> None:
    """Make and fill the file once, aside, so that processes that start together see it whole."""
    if PATH.exists():
        return
    aside = PATH.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(aside)) as connection:
        connection.executescript("PRAGMA journal_mode = off; PRAGMA synchronous = off;" + SCHEMA)
        for year in range(1860, 2000):
            connection.execute(
                f"CREATE TABLE inventory_{year} (id INTEGER PRIMARY KEY, paper INTEGER, shelf TEXT)"
            )
        if INDEXED:
            connection.execute("CREATE INDEX papers_shelf ON papers (shelf)")
        fill(connection)
        connection.commit()
    aside.replace(PATH)


def fill(connection: sqlite3.Connection) -> None:
    """The same rows every time."""
    papers = (
        (
            f"S{n % 15_000:05d}",
            f"paper {n} on things",
            n % 700,
            1900 + n % 120,
            n % 83,
            "kept" if n % 11 else "lent",
        )
        for n in range(PAPERS)
    )
    connection.executemany(
        "INSERT INTO papers (shelf, title, author, year, pages, state) VALUES (?, ?, ?, ?, ?, ?)", papers
    )
    rooms = ((f"Room {n}", n // 10) for n in range(90))
    connection.executemany("INSERT INTO rooms (name, floor) VALUES (?, ?)", rooms)
    readers = ((f"Reader {n}", f"Town {n % 9}", f"C{n:04d}") for n in range(READERS))
    connection.executemany("INSERT INTO readers (name, town, card) VALUES (?, ?, ?)", readers)
    loans = ((1 + n % READERS, n * 31 % PAPERS, n % 365) for n in range(LOANS))
    connection.executemany("INSERT INTO loans (reader, paper, day) VALUES (?, ?, ?)", loans)
    notes = (
        (f"Word{n % 997}", ("open", "done")[n % 2], f"{n:06d}", n % 300, n, f"body of note {n}")
        for n in range(8000)
    )
    connection.executemany(
        "INSERT INTO notes (word, kind, code, author, written, body) VALUES (?, ?, ?, ?, ?, ?)", notes
    )


def connected() -> sqlite3.Connection:
    """This request's connection."""
    if "connection" not in g:
        g.connection = sqlite3.connect(PATH)
    found: sqlite3.Connection = g.connection
    return found


@app.teardown_appcontext
def disconnect(_error: BaseException | None) -> None:
    """End of the request."""
    if (one := g.pop("connection", None)) is not None:
        one.close()


def rows(query: str, *values: object) -> list[Any]:
    """All rows of a query."""
    return connected().execute(query, values).fetchall()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/shelf")
def shelf() -> dict[str, Any]:
    """What stands on one shelf of thousands."""
    query = "SELECT id, title FROM papers WHERE shelf = ? AND state = 'kept'"
    found = connected().execute(query, ("S00042",)).fetchall()  # cause: missing_index@shelf
    return {"papers": [title for _, title in found]}


@app.get("/ranking")
def ranking() -> dict[str, Any]:
    """Authors by pages written, against the years in which they wrote; changes once a night."""
    global ranking_kept
    if rank_each_time or not ranking_kept:
        ranking_kept = most_written()
    return {"ranking": ranking_kept[:10]}


def most_written() -> list[Any]:
    """The ranking, over everything there is."""
    found = connected().execute(  # cause: slow_query@ranking
        "SELECT author, count(DISTINCT year), sum(pages) AS written FROM papers"
        " WHERE pages > 40 GROUP BY author % 350 ORDER BY written DESC"
    )
    return found.fetchall()


def last_loans(reader: int) -> list[Any]:
    """A reader's loans since autumn, the last one first."""
    query = "SELECT paper, day FROM loans WHERE reader = ? AND day > 330 ORDER BY day DESC"
    return rows(query, reader)  # cause: n_plus_one@readers


def last_loans_of_all() -> dict[int, list[Any]]:
    """The loans of all readers since autumn, in one query."""
    found: dict[int, list[Any]] = {}
    for reader, paper, day in rows("SELECT reader, paper, day FROM loans WHERE day > 330 ORDER BY day DESC"):
        found.setdefault(reader, []).append((paper, day))
    return found


@app.get("/readers")
def readers() -> dict[str, Any]:
    """Readers with what they borrowed last."""
    everybody = rows("SELECT id, name FROM readers")
    if reader_by_reader:
        borrowed = {id_: last_loans(id_) for id_, _ in everybody}  # cause: n_plus_one@readers
    else:
        borrowed = last_loans_of_all()
    return {"readers": {name: borrowed.get(id_, []) for id_, name in everybody}}


class Desk:
    """Numbers for the desk; opens the file for each question, unless it is given a connection."""

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self.connection = connection

    def answer(self, query: str) -> Any:
        """The one value of a query."""
        if self.connection is not None:
            return self.connection.execute(query).fetchone()[0]
        with closing(sqlite3.connect(PATH)) as connection:  # cause: connection_churn@desk
            return connection.execute(query).fetchone()[0]


QUESTIONS = {
    f"{word} {column}": f"SELECT {word}({column}) FROM {table}"
    for table, columns in {
        "readers": ("id", "name", "town", "card"),
        "loans": ("reader", "paper", "day"),
    }.items()
    for column in columns
    for word in ("min", "max", "count", "total", "hex")
}


@app.get("/desk")
def desk() -> dict[str, Any]:
    """Figures of the day, each a question of its own."""
    numbers = Desk(None if connect_each_time else connected())
    return {name: numbers.answer(question) for name, question in QUESTIONS.items()}


@app.get("/volume")
def volume() -> dict[str, int]:
    """How many notes are open."""
    if count_by_fetching:
        found = rows(
            "SELECT id, word, kind, code, author, written, body FROM notes"
        )  # cause: unbounded_result@volume
        return {"notes": len(found)}
    return {"notes": rows("SELECT count(*) FROM notes")[0][0]}


def fee() -> int:
    """Fee of a day, from the busiest day so far."""
    return int(rows("SELECT max(day) % 7 FROM loans")[0][0])  # cause: duplicate_query@fees


@app.get("/fees")
def fees() -> dict[str, Any]:
    """What each reader owes."""
    everybody = rows("SELECT id, name FROM readers LIMIT 120")
    daily = None if rate_twice else fee()
    return {
        "fees": [[name, id_ * (fee() if daily is None else daily)] for id_, name in everybody]
    }  # cause: duplicate_query@fees


@near.get("/small")
def small() -> dict[str, Any]:
    """A scan of a small table."""
    return {"rooms": rows("SELECT floor FROM rooms WHERE name = ?", "Room 17")}


@near.get("/selective")
def selective() -> dict[str, Any]:
    """Half of the rows fit: an index would not help."""
    return {"open": rows("SELECT count(*), max(body) FROM notes WHERE kind = ?", "open")}


@near.get("/lower")
def lower() -> dict[str, Any]:
    """A function of the column."""
    return {"notes": rows("SELECT id FROM notes WHERE lower(word) = ?", "word42")}


@near.get("/suffix")
def suffix() -> dict[str, Any]:
    """A pattern that starts with anything."""
    return {"notes": rows("SELECT id FROM notes WHERE word LIKE ?", "%996")}


@near.get("/either")
def either() -> dict[str, Any]:
    """One side of an OR has no index that could serve it."""
    return {"notes": rows("SELECT id FROM notes WHERE author = ? OR body LIKE ?", 17, "%note 4242")}


@near.get("/cast")
def cast() -> dict[str, Any]:
    """A column turned into a number."""
    return {"notes": rows("SELECT id FROM notes WHERE CAST(code AS INTEGER) = ?", 4711)}


@near.get("/composite")
def composite() -> dict[str, Any]:
    """Served by an index over two columns."""
    return {"papers": rows("SELECT id, pages FROM papers WHERE year = ? AND author = ?", 1960, 60)}


@near.get("/newest")
def newest() -> dict[str, Any]:
    """Order and limit, by an index."""
    return {"notes": rows("SELECT id, word FROM notes ORDER BY written DESC LIMIT 20")}


@near.get("/count")
def count() -> dict[str, Any]:
    """A count that has to look at every row."""
    return {"long": rows("SELECT count(*) FROM notes WHERE length(body) > 17")[0][0]}


app.register_blueprint(near)
prepare()
