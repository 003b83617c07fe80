"""The API: resources over schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from flask import Flask, g, request
from flask.views import MethodView
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from switches import planted

from .models import Booking, Home, Owner, Setting, db

load_reviews_later = planted("n_plus_one@ratings")
ask_each_price = planted("duplicate_query@currency")


class Schema:
    """Turns entities into what JSON can hold; a field is a name, or a function of the entity."""

    fields: ClassVar[dict[str, str | Callable[[Any], Any]]] = {}

    def dump(self, entity: Any) -> dict[str, Any]:
        """One entity."""
        return {
            name: getattr(entity, source) if isinstance(source, str) else source(entity)
            for name, source in self.fields.items()
        }

    def dump_many(self, entities: Iterable[Any]) -> list[dict[str, Any]]:
        """Several."""
        return [self.dump(each) for each in entities]


def setting(key: str) -> str:
    """How the agency wants it."""
    if ask_each_price or key not in g:
        setattr(
            g, key, db.session.scalars(select(Setting.value).where(Setting.key == key)).one()
        )  # cause: duplicate_query@currency
    return str(getattr(g, key))


def price(booking: Booking) -> str:
    """As it is printed."""
    return f"{booking.cents / 100:.2f} {setting('currency')}"  # cause: duplicate_query@currency


class HomeSchema(Schema):
    """A home in a list."""

    fields: ClassVar = {"id": "id", "title": "title", "town": "town", "rating": "rating"}


class ReviewSchema(Schema):
    """A review."""

    fields: ClassVar = {"stars": "stars", "text": "text"}


class HomeDetailSchema(HomeSchema):
    """A home by itself."""

    fields: ClassVar = {
        **HomeSchema.fields,
        "owner": lambda home: home.owner.name,
        "reviews": lambda home: ReviewSchema().dump_many(home.reviews),
    }


class BookingSchema(Schema):
    """A booking."""

    fields: ClassVar = {"guest": "guest", "nights": "nights", "price": price}


class OwnerSchema(Schema):
    """An owner with what is owned."""

    fields: ClassVar = {"name": "name", "homes": lambda owner: [home.title for home in owner.homes]}


class Homes(MethodView):
    """Homes, a page at a time."""

    def get(self) -> dict[str, Any]:
        """A page."""
        page = request.args.get("page", 1, type=int)
        wanted = select(Home).order_by(Home.id).limit(32).offset(32 * (page - 1))  # cause: n_plus_one@ratings
        if not load_reviews_later:
            wanted = wanted.options(selectinload(Home.reviews))
        found = db.session.scalars(wanted)  # cause: n_plus_one@ratings
        return {"homes": HomeSchema().dump_many(found)}  # cause: n_plus_one@ratings


class OneHome(MethodView):
    """A home with its owner and its reviews, in two statements: nothing is wrong here."""

    def get(self, number: int) -> dict[str, Any]:
        """It."""
        loaded = (joinedload(Home.owner), selectinload(Home.reviews))
        return HomeDetailSchema().dump(db.get_or_404(Home, number + 1, options=loaded))


class Availability(MethodView):
    """When a home is taken."""

    def get(self, number: int) -> dict[str, Any]:
        """The next stays."""
        taken = db.session.execute(  # cause: missing_index@availability
            select(Booking.arrival, Booking.departure)
            .where(Booking.home_id == number * 7 % 300 + 1)
            .order_by(Booking.arrival)
            .limit(12)
        )
        return {"taken": [[arrival.isoformat(), departure.isoformat()] for arrival, departure in taken]}


class Bookings(MethodView):
    """Bookings, newest first."""

    def get(self) -> dict[str, Any]:
        """The last fifty."""
        newest = db.session.scalars(select(Booking).order_by(Booking.id.desc()).limit(50))
        return {"bookings": BookingSchema().dump_many(newest)}  # cause: duplicate_query@currency


class Owners(MethodView):
    """Owners; what belongs to them is loaded with them: nothing is wrong here."""

    def get(self) -> dict[str, Any]:
        """The first twenty."""
        wanted = select(Owner).options(selectinload(Owner.homes)).order_by(Owner.id).limit(20)
        return {"owners": OwnerSchema().dump_many(db.session.scalars(wanted))}


def register(app: Flask) -> None:
    """All resources."""
    for rule, resource in (
        ("/homes", Homes),
        ("/homes/<int:number>", OneHome),
        ("/homes/<int:number>/availability", Availability),
        ("/bookings", Bookings),
        ("/owners", Owners),
    ):
        app.add_url_rule(f"/api{rule}", view_func=resource.as_view(f"api_{resource.__name__.lower()}"))
