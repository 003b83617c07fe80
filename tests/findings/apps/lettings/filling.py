"""Fills the tables."""

from __future__ import annotations

import datetime

from sqlalchemy import insert

from .models import Booking, Home, Owner, Review, Role, Setting, Staff, db

TOWNS = ("Aljezur", "Burgau", "Carrapateira", "Lagos", "Odeceixe", "Sagres")
START = datetime.date(2025, 1, 1)


def day(number: int) -> datetime.date:
    """A day of the two years that are known."""
    return START + datetime.timedelta(days=number % 730)


def add(model: type, rows: list[dict[str, object]]) -> None:
    """Rows of one table."""
    db.session.execute(insert(model), rows)


def fill() -> None:
    """All tables."""
    db.create_all()
    add(Owner, [{"name": f"Owner {n}", "phone": f"+351 282 {n:06d}"} for n in range(120)])
    add(
        Home,
        [
            {
                "owner_id": n * 7 % 119 + 1,
                "title": f"House {n} by the sea",
                "town": TOWNS[n % 6],
                "sleeps": 2 + n % 7,
            }
            for n in range(300)
        ],
    )
    add(
        Booking,
        [
            {
                "home_id": n * 11 % 300 + 1,
                "guest": f"Guest {n * 31 % 9000}",
                "arrival": day(n * 13),
                "departure": day(n * 13) + datetime.timedelta(days=2 + n % 9),
                "cents": 9000 + n * 77 % 80_000,
                "note": "late arrival, two dogs, asks for a cot" if n % 3 else "",
            }
            for n in range(36_000)
        ],
    )
    add(
        Review,
        [
            {
                "home_id": n * 17 % 300 + 1,
                "stars": 1 + n * 7 % 5,
                "text": f"We stayed for {n % 12} nights and would come again. " * (1 + n % 3),
                "written": datetime.datetime(2025, 1, 1) + datetime.timedelta(minutes=n * 97),
            }
            for n in range(3000)
        ],
    )
    add(Role, [{"name": "clerk", "rights": "homes bookings owners"}, {"name": "boss", "rights": "all"}])
    add(Staff, [{"name": f"Staff {n}", "role_id": n % 2 + 1} for n in range(20)])
    add(Setting, [{"key": "currency", "value": "EUR"}, {"key": "agency", "value": "Costa Lets"}])
    db.session.commit()
