"""Tables of the orchard, and what is in them."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

FILE = Path(os.environ.get("FINDINGS_DATA", ".")).absolute() / "orchard.db"
SORTS = ("Boskoop", "Topaz", "Gala", "Elstar", "Rubinette", "Santana", "Pinova", "Braeburn")


class Base(DeclarativeBase):
    """What all tables share."""


db = SQLAlchemy(model_class=Base)


class Grower(Base):
    """A member of the co-operative."""

    __tablename__ = "grower"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    village: Mapped[str]


class Lot(Base):
    """Fruit that was brought in together."""

    __tablename__ = "lot"

    id: Mapped[int] = mapped_column(primary_key=True)
    grower_id: Mapped[int] = mapped_column(ForeignKey("grower.id"))
    sort: Mapped[str]
    kg: Mapped[int]
    grower: Mapped[Grower] = relationship()


class Weighing(Base):
    """One run over the scales."""

    __tablename__ = "weighing"

    id: Mapped[int] = mapped_column(primary_key=True)
    lot_id: Mapped[int]
    scales: Mapped[str]
    gross: Mapped[int]
    tare: Mapped[int]
    sugar: Mapped[float]
    clerk: Mapped[str]


class Tariff(Base):
    """What a sort brings in a season."""

    __tablename__ = "tariff"

    id: Mapped[int] = mapped_column(primary_key=True)
    season: Mapped[int]
    sort: Mapped[str]
    cents: Mapped[int]


class Survey(Base):
    """What the drone saw over one field, as it was sent in."""

    __tablename__ = "survey"

    id: Mapped[int] = mapped_column(primary_key=True)
    field: Mapped[str]
    body: Mapped[Any] = mapped_column(JSON)


def fill(app: Flask) -> None:
    """Make the tables, unless they are there."""
    if FILE.exists():
        return
    dice = random.Random(8)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        db.session.add_all(
            Grower(id=n, name=f"Family {n * 7919 % 1000:03}", village=f"Village {n % 30}")
            for n in range(1, 701)
        )
        db.session.add_all(
            Lot(id=n, grower_id=n, sort=SORTS[n % 8], kg=dice.randrange(90, 900)) for n in range(1, 701)
        )
        db.session.execute(
            Weighing.__table__.insert(),
            [
                {
                    "id": n,
                    "lot_id": n % 700,
                    "scales": f"S{n % 4}",
                    "gross": 400 + n % 91,
                    "tare": 12 + n % 5,
                    "sugar": 11 + n % 30 / 10,
                    "clerk": f"clerk {n % 9}",
                }
                for n in range(6000)
            ],
        )
        db.session.add_all(
            Tariff(season=season, sort=sort, cents=30 + season % 7 + len(sort))
            for season in range(1990, 2025)
            for sort in SORTS
        )
        trees = [
            {
                "tree": n,
                "row": n // 40,
                "height": dice.random() * 4,
                "leaves": [dice.random() for _ in range(6)],
            }
            for n in range(4000)
        ]
        db.session.add(Survey(id=1, field="Long Acre", body=trees))
        db.session.commit()
        db.engine.dispose()
