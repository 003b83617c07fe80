"""overview -- one page that asks an account service, a code host over TLS and a database, none of them well."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import mariadb_tables
import pymysql
import requests
from flask import Flask, g
from keeper import Keeper
from switches import planted

HOST = f"https://localhost:{os.environ['UPSTREAM_TLS']}"
AUTHORITY = os.environ["UPSTREAM_CA"]
BUGS = 90_000
count_here = planted("chatty_reads@overview")
no_project_key = planted("missing_index@overview")
connect_each_time = planted("connection_churn@overview")
session = None if planted("tls_churn@overview") else requests.Session()
kept = threading.local()
DATABASE = f"overview_{int(no_project_key)}"

mariadb_tables.make(
    DATABASE,
    [
        "CREATE TABLE bugs (id INT PRIMARY KEY, project INT NOT NULL, state VARCHAR(8) NOT NULL, title VARCHAR(120))",
        "CREATE TABLE teams (id INT PRIMARY KEY, name VARCHAR(40))",
        "INSERT INTO bugs SELECT seq, seq MOD 997, if(seq MOD 3, 'open', 'shut'), repeat('t', 60)"
        f" FROM seq_1_to_{BUGS}",
        "INSERT INTO teams SELECT seq, concat('team ', seq) FROM seq_1_to_60",
        *([] if no_project_key else ["CREATE INDEX by_project ON bugs (project)"]),
        "ANALYZE TABLE bugs, teams",
    ],
)

app = Flask(__name__)
Keeper(  # cause: dns_repeat@overview
    app,
    host="login.keeper.test",
    port=int(os.environ["UPSTREAM_HTTP"]),
    remember_address=not planted("dns_repeat@overview"),
)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def connect() -> Any:
    """A connection to the database."""
    parts = urlsplit(os.environ["FINDINGS_MARIADB"])
    return pymysql.connect(  # cause: connection_churn@overview
        host=parts.hostname, port=parts.port or 3306, user="root", database=DATABASE, ssl_disabled=True
    )


def query(statement: str, *values: object) -> Any:
    """The first row of a query."""
    if connect_each_time:
        with closing(connect()) as connection:  # cause: connection_churn@overview
            return first_row(connection, statement, values)  # cause: connection_churn@overview
    if not hasattr(kept, "connection"):
        kept.connection = connect()
    return first_row(kept.connection, statement, values)


def first_row(connection: Any, statement: str, values: tuple[object, ...]) -> Any:
    """The first row of a query on a connection."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)  # cause: missing_index@overview
        return cursor.fetchone()


def download(path: str) -> bytes:
    """What the code host has at a path."""
    if session is None:
        answer = requests.get(
            HOST + path, timeout=5, verify=AUTHORITY, stream=True
        )  # cause: tls_churn@overview
    else:
        answer = session.get(HOST + path, timeout=5, verify=AUTHORITY)
    return answer.content  # cause: chatty_reads@overview


def open_bugs(project: int) -> int:
    """How many bugs of a project are open."""
    found = query(
        "SELECT count(*) FROM bugs WHERE project = %s AND state = 'open'", project
    )  # cause: missing_index@overview
    return int(found[0])


@app.get("/overview")
def overview() -> dict[str, Any]:
    """Repositories, bugs and teams of the visitor."""
    if count_here:
        repositories = download("/1/x18144/p6/repositories")  # cause: chatty_reads@overview
    else:
        repositories = download("/1/x20/repositories/summary")
    readme = download(f"/1/readme/{repositories[:4].hex()}")
    return {
        "user": g.user,
        "repositories": len(repositories),
        "readme": len(readme),
        "bugs": open_bugs(421),
        "teams": query("SELECT count(*) FROM teams")[0],
        "first": query("SELECT min(name) FROM teams")[0],
        "last": query("SELECT max(name) FROM teams")[0],
        "newest": query("SELECT max(id) FROM teams")[0],
        "oldest": query("SELECT min(id) FROM teams")[0],
        "letters": int(query("SELECT sum(length(name)) FROM teams")[0]),
        "bugs_ever": query("SELECT max(id) FROM bugs")[0],
        "first_bug": query("SELECT min(id) FROM bugs")[0],
    }
