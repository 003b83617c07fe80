"""Pages for the desk."""

from __future__ import annotations

import datetime
from collections import defaultdict
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from switches import planted

from .models import Booking, Home, db

load_on_demand = planted("n_plus_one@owners")
search_in_template = planted("template_hot@calendar")

bp = Blueprint("pages", __name__, template_folder="templates")


def homes_of(town: str) -> list[Home]:
    """Homes of a town, as cards."""
    wanted = select(Home).where(Home.town == town).order_by(Home.title).limit(45)  # cause: n_plus_one@owners
    if not load_on_demand:
        wanted = wanted.options(joinedload(Home.owner))
    return list(db.session.scalars(wanted))  # cause: n_plus_one@owners


@bp.get("/")
def homes() -> str:
    """What there is in a town."""
    return render_template("homes.html", homes=homes_of("Lagos"), town="Lagos")


def days_of(year: int) -> list[datetime.date]:
    """All days of a year."""
    first = datetime.date(year, 1, 1)
    return [first + datetime.timedelta(days=n) for n in range(365)]


@bp.get("/<int:number>/calendar")
def calendar(number: int) -> str:
    """When a home is taken, day by day."""
    rows = db.session.execute(
        select(Booking.arrival, Booking.departure, Booking.guest)
        .where(Booking.id.between(number * 50 + 1, number * 50 + 50))
        .order_by(Booking.arrival)
    ).all()
    stays: list[Any] = [row for row in rows if row.arrival.year == 2025]
    if search_in_template:
        return render_template("calendar_by_search.html", days=days_of(2025), stays=stays)
    taken: dict[datetime.date, list[str]] = defaultdict(list)
    for stay in stays:
        for n in range((stay.departure - stay.arrival).days):
            taken[stay.arrival + datetime.timedelta(days=n)].append(stay.guest)
    return render_template("calendar.html", days=days_of(2025), taken=taken)
