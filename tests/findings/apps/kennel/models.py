"""Tables of the shelter."""

from __future__ import annotations

import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .extensions import db


class Species(db.Model):
    """What an animal is."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))


class House(db.Model):
    """Where it sleeps."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    places: Mapped[int]


class Animal(db.Model):
    """Somebody who lives here, or did."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"))
    house_id: Mapped[int] = mapped_column(ForeignKey("house.id"), index=True)
    arrived: Mapped[datetime.date] = mapped_column(index=True)
    grams: Mapped[int]
    species: Mapped[Species] = relationship()
    house: Mapped[House] = relationship()
    treatments: Mapped[list[Treatment]] = relationship(order_by="Treatment.day", back_populates="animal")


class Treatment(db.Model):
    """What the vet did."""

    id: Mapped[int] = mapped_column(primary_key=True)
    animal_id: Mapped[int] = mapped_column(ForeignKey("animal.id"), index=True)
    day: Mapped[datetime.date]
    what: Mapped[str] = mapped_column(String(60))
    cents: Mapped[int]
    animal: Mapped[Animal] = relationship(back_populates="treatments")


class Person(db.Model):
    """Somebody who adopts, or gives."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    mail: Mapped[str] = mapped_column(String(80))
    town: Mapped[str] = mapped_column(String(40))


class Adoption(db.Model):
    """Who took whom home."""

    id: Mapped[int] = mapped_column(primary_key=True)
    animal_id: Mapped[int] = mapped_column(ForeignKey("animal.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    day: Mapped[datetime.date]
    animal: Mapped[Animal] = relationship()
    person: Mapped[Person] = relationship()


class Donation(db.Model):
    """What somebody gave."""

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    day: Mapped[datetime.date]
    cents: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(20))


class Walk(db.Model):
    """Who walks which dog, and when."""

    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int] = mapped_column(ForeignKey("house.id"))
    day: Mapped[int]
    minutes: Mapped[int]
    walker: Mapped[str] = mapped_column(String(40))


class Keeper(db.Model):
    """Somebody who works here."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    rights: Mapped[str] = mapped_column(String(80))


class Preference(db.Model):
    """How the house wants things."""

    key: Mapped[str] = mapped_column(String(20), primary_key=True)
    value: Mapped[str] = mapped_column(String(40))
