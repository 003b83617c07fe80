"""bench_orm -- the application that overhead is measured on: Flask + Jinja + SQLAlchemy on SQLite.

    /hello   next to nothing, so a request's fixed cost shows
    /orm     the reference request: 20 ORM queries and a template compiled in the request (about 20,000 calls)
    /json    a few hundred records to JSON
    /cpu     Python functions only: recursion and a loop of small calls
    /talk/N  N times a byte sent and received: calls that probes see; says how long they took the thread

Every request does exactly the same work, so that call counts and instruction counts repeat. It runs on
SQLAlchemy 1.4 and 2.x alike. The database is a file of this process's own, gone when it ends.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from flask import Flask, jsonify, render_template_string
from sqlalchemy import Column, ForeignKey, Integer, String, create_engine
from sqlalchemy.orm import declarative_base, relationship, scoped_session, sessionmaker
from sqlalchemy.pool import QueuePool

Base: Any = declarative_base()


class Author(Base):
    """Who wrote books."""

    __tablename__ = "authors"
    id = Column(Integer, primary_key=True)
    name = Column(String(40), nullable=False)
    books = relationship("Book", back_populates="author", order_by="Book.id")


class Book(Base):
    """What an author wrote."""

    __tablename__ = "books"
    id = Column(Integer, primary_key=True)
    author_id = Column(ForeignKey("authors.id"), nullable=False, index=True)
    title = Column(String(80), nullable=False)
    year = Column(Integer, nullable=False)
    author = relationship(Author, back_populates="books")


QUERIES = 20
BOOKS_PER_AUTHOR = 6

PAGE = """<!doctype html>
<title>Books</title>
<body>
{% macro row(book) %}<tr><td>{{ book.title|upper }}</td><td>{{ book.year }}</td></tr>{% endmacro %}
{% for author, books in shelves %}
<h2 id="a{{ author.id }}">{{ loop.index }}. {{ author.name }}</h2>
<table>
{% for book in books %}{{ row(book) }}
{% else %}<tr><td>none</td></tr>
{% endfor %}</table>
{% endfor %}
<p>{{ shelves|length }} authors</p>
</body>
"""

maker = os.getpid()
folder = Path(tempfile.mkdtemp(prefix="bench-orm-"))
# A kept connection for each of many threads: 1.4 would open the file anew for every session.
engine = create_engine(
    f"sqlite:///{folder / 'books.db'}",
    poolclass=QueuePool,
    pool_size=40,
    connect_args={"check_same_thread": False},
)
session = scoped_session(sessionmaker(bind=engine))
app = Flask(__name__)


def prepare() -> None:
    """Fill the database and leave no connection for a fork to inherit."""
    Base.metadata.create_all(engine)
    for number in range(1, QUERIES + 1):
        author = Author(id=number, name=f"Author {number}")
        author.books = [
            Book(title=f"Book {number}.{n}", year=1950 + (number * 7 + n * 3) % 70)
            for n in range(BOOKS_PER_AUTHOR)
        ]
        session.add(author)
    session.commit()
    session.remove()
    engine.dispose()


@atexit.register
def remove_folder() -> None:
    """Delete the database, unless this is a forked worker."""
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)


def fibonacci(n: int) -> int:
    """The slow way, on purpose."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def mix(value: int, step: int) -> int:
    """A small call."""
    return (value * 31 + step) & 0xFFFF


def talk(times: int) -> int:
    """Send a byte and receive it, so often; nanoseconds of this thread's processor time."""
    one, other = socket.socketpair()
    with one, other:
        start = time.thread_time_ns()
        for _ in range(times):
            one.send(b"x")
            other.recv(1)
        return time.thread_time_ns() - start


@app.teardown_appcontext
def close_session(_error: BaseException | None) -> None:
    """Give the connection back."""
    session.remove()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/hello")
def hello() -> str:
    """Next to nothing."""
    return "hello"


@app.get("/orm")
def orm() -> str:
    """Twenty ORM queries, half by author and half by year, and a freshly compiled page."""
    authors = session.query(Author).order_by(Author.id).limit(QUERIES // 2).all()
    shelves = []
    for author in authors:
        books = session.query(Book).filter(Book.author_id == author.id).order_by(Book.year).all()
        shelves.append((author, books))
    for decade in range(1950, 1950 + 10 * (QUERIES - 1 - len(authors)), 10):
        session.query(Book).filter(Book.year >= decade, Book.year < decade + 10).order_by(Book.id).first()
    return render_template_string(PAGE, shelves=shelves)


@app.get("/json")
def as_json() -> Any:
    """Three hundred records."""
    records = [
        {"id": n, "name": f"record {n}", "tags": ["a", "b", str(n % 7)], "share": n / 300} for n in range(300)
    ]
    return jsonify(records=records, count=len(records))


@app.get("/cpu")
def cpu() -> dict[str, int]:
    """About ten thousand Python calls."""
    value = 1
    for step in range(4000):
        value = mix(value, step)
    return {"fibonacci": fibonacci(18), "mixed": value}


@app.get("/talk/<int:times>")
def talking(times: int) -> str:
    """Two calls a time."""
    return str(talk(times))


prepare()
