"""Tables: who owns what, who stays where, and what guests say afterwards."""

from __future__ import annotations

import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from switches import planted

db = SQLAlchemy()
indexed = not planted("missing_index@availability")


class Owner(db.Model):
    """Who gets the rent."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    phone: Mapped[str] = mapped_column(String(20))
    homes: Mapped[list[Home]] = relationship(back_populates="owner", order_by="Home.id")


class Home(db.Model):
    """What is let."""

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"), index=True)
    title: Mapped[str] = mapped_column(String(80))
    town: Mapped[str] = mapped_column(String(40), index=True)
    sleeps: Mapped[int]
    owner: Mapped[Owner] = relationship(back_populates="homes")
    reviews: Mapped[list[Review]] = relationship(order_by="Review.id")

    @property
    def rating(self) -> float | None:
        """Stars, on average."""
        stars = [review.stars for review in self.reviews]  # cause: n_plus_one@ratings
        return round(sum(stars) / len(stars), 2) if stars else None


class Booking(db.Model):
    """Who stays when."""

    id: Mapped[int] = mapped_column(primary_key=True)
    home_id: Mapped[int] = mapped_column(  # cause: missing_index@availability
        ForeignKey("home.id"), index=indexed
    )
    guest: Mapped[str] = mapped_column(String(60))
    arrival: Mapped[datetime.date]
    departure: Mapped[datetime.date]
    cents: Mapped[int]
    note: Mapped[str] = mapped_column(String(120))

    @property
    def nights(self) -> int:
        """How long."""
        return (self.departure - self.arrival).days


class Review(db.Model):
    """What a guest says."""

    id: Mapped[int] = mapped_column(primary_key=True)
    home_id: Mapped[int] = mapped_column(ForeignKey("home.id"), index=True)
    stars: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    written: Mapped[datetime.datetime] = mapped_column(index=True)


class Staff(db.Model):
    """Who works here."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    role_id: Mapped[int] = mapped_column(ForeignKey("role.id"))
    role: Mapped[Role] = relationship()


class Role(db.Model):
    """What somebody may do."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    rights: Mapped[str] = mapped_column(String(200))


class Setting(db.Model):
    """How the agency wants it."""

    key: Mapped[str] = mapped_column(String(30), primary_key=True)
    value: Mapped[str] = mapped_column(String(60))
