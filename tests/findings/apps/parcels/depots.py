"""Depots: what comes in, and lists of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, request
from switches import planted

from .database import Work
from .repositories import Parcels

insert_each = planted("n_plus_one@intake")

bp = Blueprint("depots", __name__)
INSERT = "INSERT INTO intake (barcode, grams) VALUES (%s, %s)"


@bp.get("/depots/<int:number>/arrivals")
def arrivals(number: int) -> dict[str, Any]:
    """What came to a depot on a day."""
    day = date(2026, 1, 2) + timedelta(days=number * 7 % 250)
    with Work() as work:
        found = Parcels(work).arrived_on(day, number % 30)  # cause: slow_query@arrivals
    return {"day": day.isoformat(), "parcels": len(found), "grams": sum(one["grams"] for one in found)}


@contextmanager
def rehearsal() -> Iterator[Work]:
    """A unit of work that leaves nothing behind, to see whether a file could be taken in."""
    with Work() as work:
        try:
            yield work
        finally:
            work.connection.rollback()


def boxes(number: int, count: int) -> list[tuple[str, int]]:
    """What a file says."""
    return [(f"XX{number:06d}{at:06d}", 100 + at * 37 % 900) for at in range(count)]


@bp.get("/intake/<int:number>")
def intake(number: int) -> dict[str, Any]:
    """Whether a file can be taken in."""
    with rehearsal() as work, work.connection.cursor() as cursor:
        rows = boxes(number, 100)
        if insert_each:
            for barcode, grams in rows:  # cause: n_plus_one@intake
                cursor.execute(INSERT, (barcode, grams))  # cause: n_plus_one@intake
        else:
            cursor.executemany(INSERT, rows)
        cursor.execute("SELECT count(*) AS boxes FROM intake")
        return {"boxes": cursor.fetchone()["boxes"]}


@bp.get("/intake/<int:number>/bulk")
def bulk(number: int) -> dict[str, Any]:
    """The same for a bigger file, which the driver sends as one statement: nothing is wrong here."""
    with rehearsal() as work, work.connection.cursor() as cursor:
        return {"boxes": cursor.executemany(INSERT, boxes(number, 200))}


@bp.get("/manifest")
def manifest() -> dict[str, Any]:
    """A page of all parcels."""
    with Work() as work:
        return {
            "parcels": Parcels(work).page(request.args.get("page", 0, type=int))
        }  # cause: slow_query@manifest


@bp.get("/weights")
def weights() -> dict[str, Any]:
    """Sums by depot over a small table, which all its rows are needed for: nothing is wrong here."""
    with Work() as work:
        rows = work.all(
            "SELECT depot, count(*) AS boxes, max(grams) AS heaviest FROM weight_class"
            " WHERE grams > %s GROUP BY depot ORDER BY depot",
            50,
        )
    return {"depots": rows}
