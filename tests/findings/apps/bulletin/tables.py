"""Tables of the board."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import mariadb_tables
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
)
from switches import planted

without_topic = planted("missing_index@answers")

DATABASE = f"bulletin_{int(without_topic)}"
metadata = MetaData()
member = Table(
    "member",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("card", String(20)),
    Column("name", String(60)),
)
topic = Table(
    "topic",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("member", Integer, ForeignKey("member.id")),
    Column("title", String(80)),
    Column("body", Text),
)
post = Table(
    "post",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("parent", Integer),
    Column("topic", Integer, ForeignKey("topic.id")),
    Column("words", String(120)),
)
switch = Table("switch", metadata, Column("name", String(30), primary_key=True), Column("on_for", Integer))
label = Table(
    "label",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("post", Integer),
    Column("word", String(30)),
)


def make() -> None:
    """Tables and rows."""
    statements = [
        "CREATE TABLE member (id INT PRIMARY KEY, card VARCHAR(20) NOT NULL, name VARCHAR(60) NOT NULL, KEY (card))",
        "INSERT INTO member SELECT seq, concat(1000000 + seq * 7), concat('Member ', seq) FROM seq_1_to_40000",
        "CREATE TABLE topic (id INT PRIMARY KEY, member INT NOT NULL, title VARCHAR(80) NOT NULL, body TEXT NOT NULL,"
        " KEY (member))",
        "INSERT INTO topic SELECT seq, seq % 500 + 1, concat('What about ', seq, '?'),"
        " repeat('Somebody had asked this before. ', 20) FROM seq_1_to_8000",
        "CREATE TABLE post (id INT PRIMARY KEY, parent INT, topic INT NOT NULL, words VARCHAR(120) NOT NULL,"
        " KEY (parent))",
        "INSERT INTO post SELECT seq, if(seq % 24 = 0, NULL, seq DIV 24 * 24 + (seq % 24 - 1) DIV 2), seq DIV 8 % 8000,"
        " concat('I think so too, said ', seq) FROM seq_1_to_60000",
        "CREATE TABLE switch (name VARCHAR(30) PRIMARY KEY, on_for INT NOT NULL)",
        "INSERT INTO switch VALUES ('votes', 100), ('avatars', 100), ('polls', 0)",
        "CREATE TABLE label (id INT PRIMARY KEY AUTO_INCREMENT, post INT NOT NULL, word VARCHAR(30) NOT NULL)",
        "ANALYZE TABLE member, topic, post",
    ]
    if not without_topic:
        statements.insert(-1, "CREATE INDEX topic_of ON post (topic)")
    mariadb_tables.make(DATABASE, statements)


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The pool."""
    return create_engine(mariadb_tables.url(DATABASE), pool_size=3)


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection to ask."""
    with engine().connect() as connection:
        yield connection
