"""What is in the database of a new shelter."""

from __future__ import annotations

import datetime

from sqlalchemy import insert

from .extensions import db
from .models import Adoption, Animal, Donation, House, Keeper, Person, Preference, Species, Treatment, Walk

FIRST = datetime.date(2021, 1, 4)
NAMES = ("Balu", "Cleo", "Dina", "Filou", "Gina", "Hektor", "Ivy", "Kuno", "Lotte", "Momo", "Nero", "Olga")
TOWNS = ("Aalen", "Bremen", "Celle", "Dachau", "Emden", "Fulda", "Gera")


def day(number: int) -> datetime.date:
    """Some day, later for a higher number."""
    return FIRST + datetime.timedelta(days=number)


def fill() -> None:
    """All tables, the same at each start."""
    add(Species, [{"name": name} for name in ("dog", "cat", "rabbit", "parrot", "tortoise", "hamster")])
    add(House, [{"name": f"House {n}", "places": 4 + n % 9} for n in range(24)])
    add(
        Animal,
        [
            {
                "name": f"{NAMES[n * 7 % 12]} {n % 9 + 1}",
                "species_id": n % 6 + 1,
                "house_id": n * 5 % 24 + 1,
                "arrived": day(n // 3),
                "grams": 300 + n * 977 % 40_000,
            }
            for n in range(3000)
        ],
    )
    add(
        Treatment,
        [
            {"animal_id": n % 3000 + 1, "day": day(n // 9), "what": f"dose {n % 40}", "cents": n * 31 % 9000}
            for n in range(12_000)
        ],
    )
    add(
        Person,
        [{"name": f"Person {n}", "mail": f"p{n}@example.org", "town": TOWNS[n * 3 % 7]} for n in range(7000)],
    )
    add(
        Adoption,
        [{"animal_id": n * 3 % 3000 + 1, "person_id": n * 37 % 2500 + 1, "day": day(n)} for n in range(1200)],
    )
    add(
        Donation,
        [
            {
                "person_id": n * 41 % 2500 + 1,
                "day": day(n // 8),
                "cents": 500 + n * 73 % 20_000,
                "purpose": ("food", "vet", "roof")[n % 3],
            }
            for n in range(9000)
        ],
    )
    add(
        Walk,
        [
            {"house_id": n % 24 + 1, "day": n % 42, "minutes": 15 + n % 50, "walker": NAMES[n % 12]}
            for n in range(1000)
        ],
    )
    add(Keeper, [{"name": name, "rights": "see edit move"} for name in NAMES])
    add(Preference, [{"key": "day", "value": "%d.%m.%Y"}, {"key": "money", "value": "EUR"}])
    db.session.commit()


def add(model: type, rows: list[dict[str, object]]) -> None:
    """Rows of a table."""
    db.session.execute(insert(model), rows)
