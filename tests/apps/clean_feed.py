"""clean_feed -- a healthy news site over SQLAlchemy Core: nothing here is worth a finding.

What may look like trouble and is none: /summary runs eight *different* cheap queries in a loop; /export runs
one statement a chunk of 400 rows, by cursor, because the table is large; /feed pages by key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, stream_with_context
from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    func,
    select,
)

POSTS = 4_000
CHUNK = 400

metadata = MetaData()
authors = Table("authors", metadata, Column("id", Integer, primary_key=True), Column("name", String(40)))
posts = Table(
    "posts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author_id", ForeignKey("authors.id"), index=True),
    Column("topic", String(20), index=True),
    Column("title", String(120)),
    Column("body", String(600)),
    Column("score", Float),
)
comments = Table(
    "comments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("post_id", ForeignKey("posts.id"), index=True),
    Column("words", Integer),
)

SUMMARIES = {
    "posts": select(func.count()).select_from(posts),
    "authors": select(func.count(func.distinct(posts.c.author_id))),
    "topics": select(func.count(func.distinct(posts.c.topic))),
    "comments": select(func.count()).select_from(comments),
    "best_score": select(func.max(posts.c.score)),
    "mean_score": select(func.round(func.avg(posts.c.score), 3)),
    "words": select(func.sum(comments.c.words)),
    "newest": select(posts.c.title).order_by(posts.c.id.desc()).limit(1),
}

path = Path(os.environ.get("CLEAN_DATA", ".")).absolute() / "clean_feed.db"
engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
app = Flask(__name__)


def prepare() -> None:
    """Make and fill the tables once; workers that start together wait for the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        metadata.create_all(connection)
        if not connection.scalar(SUMMARIES["posts"]):
            connection.execute(authors.insert(), [{"id": n, "name": f"Author {n}"} for n in range(1, 41)])
            connection.execute(posts.insert(), [post_row(n) for n in range(1, POSTS + 1)])
            connection.execute(
                comments.insert(), [{"post_id": 1 + n % POSTS, "words": 5 + n % 90} for n in range(POSTS * 2)]
            )
        connection.commit()
    engine.dispose()  # no connection of this process may live on in forked workers


def post_row(number: int) -> dict[str, Any]:
    """The same post for the same number."""
    return {
        "id": number,
        "author_id": 1 + number % 40,
        "topic": ("town", "sport", "weather", "culture")[number % 4],
        "title": f"Post {number} about {number * 7 % 1000}",
        "body": f"Paragraph {number}. " * 24,
        "score": (number * 37 % 1000) / 10,
    }


def excerpt(body: str) -> str:
    """The first dozen words."""
    words = body.split()
    return " ".join(words[:12]) + (" …" if len(words) > 12 else "")


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/summary")
def summary() -> dict[str, Any]:
    """Eight figures, a query each."""
    figures = {}
    with engine.connect() as connection:
        for name, query in SUMMARIES.items():
            figures[name] = connection.scalar(query)
    return figures


@app.get("/feed")
def feed() -> dict[str, Any]:
    """Two hundred posts after a key, newest first."""
    before = request.args.get("before", POSTS + 1, type=int)
    query = (
        select(
            posts.c.id, posts.c.title, posts.c.body, posts.c.score, authors.c.name, func.count(comments.c.id)
        )
        .join(authors, authors.c.id == posts.c.author_id)
        .outerjoin(comments, comments.c.post_id == posts.c.id)
        .where(posts.c.id < before)
        .group_by(posts.c.id)
        .order_by(posts.c.id.desc())
        .limit(200)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    items = [
        {
            "id": id_,
            "title": title,
            "text": excerpt(body),
            "score": score,
            "author": author,
            "comments": count,
        }
        for id_, title, body, score, author, count in rows
    ]
    return {"items": items, "next": items[-1]["id"] if items else None}


@app.get("/export")
def export() -> Response:
    """Half the posts as tab-separated lines, read by key in chunks and streamed."""

    def lines() -> Iterator[str]:
        last = POSTS // 2
        with engine.connect() as connection:
            while True:
                query = select(posts).where(posts.c.id > last).order_by(posts.c.id).limit(CHUNK)
                rows = connection.execute(query).all()
                if not rows:
                    return
                last = rows[-1].id
                yield "".join(f"{row.id}\t{row.topic}\t{row.title}\t{row.score:.1f}\n" for row in rows)

    return Response(stream_with_context(lines()), mimetype="text/tab-separated-values")


prepare()
