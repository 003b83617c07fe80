"""The office: funds, lists and exports."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request, stream_with_context
from psycopg.rows import tuple_row

from .store import session

bp = Blueprint("office", __name__)


@bp.get("/funds/<int:number>")
def fund(number: int) -> dict[str, Any]:
    """Four statements in one transaction, each another: nothing is wrong here."""
    which = (number % 60 + 1,)
    with session() as connection:
        name = connection.execute("SELECT name, cents FROM fund WHERE id = %s", which).fetchone()
        paid = connection.execute(
            "SELECT sum(cents) AS cents FROM payment WHERE fund_id = %s", which
        ).fetchone()
        last = connection.execute(
            "SELECT applicant_id, cents FROM payment WHERE fund_id = %s ORDER BY day DESC LIMIT 10", which
        ).fetchall()
        first = connection.execute(
            "SELECT min(day)::text AS day FROM payment WHERE fund_id = %s", which
        ).fetchone()
    return {"fund": name, "paid": paid, "last": last, "since": first}


@bp.get("/audit")
def audit() -> dict[str, Any]:
    """Entries before the last one seen: nothing is wrong here."""
    before = request.args.get("before", 10**9, type=int)
    with session() as connection:
        rows = connection.execute(
            "SELECT id, who, what FROM audit WHERE id < %s ORDER BY id DESC LIMIT 50", (before,)
        ).fetchall()
    return {"audit": rows, "before": rows[-1]["id"] if rows else None}


@bp.get("/people")
def people() -> dict[str, Any]:
    """Members by a part of the name, a scan of a small table: nothing is wrong here."""
    with session() as connection:
        rows = connection.execute(
            "SELECT id, name FROM member WHERE name ILIKE %s ORDER BY id LIMIT 20",
            (f"%{request.args.get('q', '')}%",),
        ).fetchall()
    return {"people": rows}


def lines(year: int) -> Iterator[str]:
    """Essays of a year as CSV."""
    with session() as connection, connection.cursor("export", row_factory=tuple_row) as cursor:
        cursor.execute("SELECT id, title, words FROM essay WHERE year = %s ORDER BY id", (year,))
        while part := cursor.fetchmany(1000):
            buffer = io.StringIO()
            csv.writer(buffer).writerows(part)
            yield buffer.getvalue()


@bp.get("/export/essays.csv")
def export() -> Response:
    """A stream of a cursor on the server, a thousand rows at a time: nothing is wrong here."""
    year = 2000 + request.args.get("year", 0, type=int) % 26
    return Response(stream_with_context(lines(year)), mimetype="text/csv")
