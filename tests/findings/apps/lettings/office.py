"""The office: the diary, what guests wrote, and figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, Response, request, stream_with_context
from sqlalchemy import func, select
from switches import planted

from .models import Booking, Home, Owner, Review, Setting, Staff, db

build_entities = planted("orm_overhead@diary")
take_all = planted("unbounded_result@reviews")

bp = Blueprint("office", __name__)


@dataclass(slots=True)
class Entry:
    """A line of the diary."""

    guest: str
    home: int
    arrival: str


@bp.get("/diary")
def diary() -> dict[str, Any]:
    """Who comes, all of them, on a wall."""
    if build_entities:
        bookings = db.session.scalars(  # cause: orm_overhead@diary
            select(Booking).where(Booking.id <= 1500).order_by(Booking.id)
        ).all()
        entries = [Entry(booking.guest, booking.home_id, booking.arrival.isoformat()) for booking in bookings]
    else:
        columns = select(Booking.guest, Booking.home_id, Booking.arrival).where(Booking.id <= 1500)
        rows = db.session.execute(columns.order_by(Booking.id))
        entries = [Entry(guest, home, arrival.isoformat()) for guest, home, arrival in rows]
    return {"diary": [(entry.guest, entry.home, entry.arrival) for entry in entries]}


def newest(count: int) -> list[Review]:
    """What was written last."""
    wanted = select(Review).order_by(Review.written.desc())
    if take_all:
        return list(db.session.scalars(wanted))[:count]  # cause: unbounded_result@reviews
    return list(db.session.scalars(wanted.limit(count)))


@bp.get("/reviews")
def reviews() -> dict[str, Any]:
    """What guests say."""
    found = newest(20)  # cause: unbounded_result@reviews
    return {"reviews": [{"stars": each.stars, "text": each.text} for each in found]}


@dataclass
class Figures:
    """What the office looks at in the morning."""

    homes: int
    owners: int
    staff: int
    agency: str
    last_booking: str
    last_review: str
    big_homes: int


@bp.get("/today")
def today() -> dict[str, Any]:
    """Seven statements, each another and cheap: nothing is wrong here."""
    ask = db.session.scalar
    return asdict(
        Figures(
            homes=ask(select(func.count()).select_from(Home)),
            owners=ask(select(func.count()).select_from(Owner)),
            staff=ask(select(func.count()).select_from(Staff)),
            agency=ask(select(Setting.value).where(Setting.key == "agency")),
            last_booking=ask(select(Booking.guest).order_by(Booking.id.desc()).limit(1)),
            last_review=str(ask(select(func.max(Review.written)))),
            big_homes=ask(select(func.count()).select_from(Home).where(Home.sleeps > 6)),
        )
    )


@bp.get("/search")
def search() -> dict[str, Any]:
    """Homes by a part of their title, a scan of a small table: nothing is wrong here."""
    wanted = Home.title.contains(request.args.get("q", ""), autoescape=True)
    rows = db.session.execute(select(Home.id, Home.title).where(wanted).order_by(Home.title).limit(15))
    return {"homes": [list(row) for row in rows]}


def lines() -> Iterator[str]:
    """The same as CSV, in pieces."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    rows = db.session.execute(
        select(Booking.id, Booking.guest, Booking.cents).where(Booking.id <= 2500).order_by(Booking.id),
        execution_options={"yield_per": 1000},
    )
    for part in rows.partitions():
        writer.writerows(part)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


@bp.get("/bookings.csv")
def export() -> Response:
    """A stream of columns, a thousand rows at a time: nothing is wrong here."""
    return Response(stream_with_context(lines()), mimetype="text/csv")
