"""Animals: their list, one of them, and what the vet did."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from flask.views import MethodView
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from switches import planted

from ..extensions import db
from ..models import Adoption, Animal, Treatment
from ..serialise import Field, Schema, as_day

ask_for_each_card = planted("n_plus_one@cards")
ask_for_each_adopter = planted("n_plus_one@adopters")

bp = Blueprint("animals", __name__, template_folder="../templates")


class Animals(MethodView):
    """The list, with a card for each."""

    def get(self) -> str:
        """Those who came last."""
        wanted = select(Animal).options(joinedload(Animal.species), joinedload(Animal.house))
        if not ask_for_each_card:
            wanted = wanted.options(selectinload(Animal.treatments))
        found = db.session.scalars(
            wanted.order_by(Animal.arrived.desc()).limit(36)
        ).all()  # cause: n_plus_one@cards
        return render_template("kennel/animals.html", animals=found)


class Passport(MethodView):
    """One animal on one page: one statement and a template, nothing is wrong here."""

    def get(self, number: int) -> str:
        """All that is known."""
        loaded = joinedload(Animal.species), joinedload(Animal.house), selectinload(Animal.treatments)
        animal = db.session.get(Animal, number % 3000 + 1, options=loaded)
        if animal is None:
            abort(404)
        return render_template("kennel/passport.html", animal=animal)


adoption = Schema(
    id=Field("id"),
    day=Field("day", as_day),
    animal=Field("animal.name"),
    adopter=Field("person.name"),
    town=Field("person.town"),
)


class Adoptions(MethodView):
    """Who went home lately, for the newsletter."""

    def get(self) -> list[dict[str, object]]:
        """The last fifty."""
        wanted = select(Adoption).options(joinedload(Adoption.animal))
        if not ask_for_each_adopter:
            wanted = wanted.options(joinedload(Adoption.person))
        last = db.session.scalars(
            wanted.order_by(Adoption.day.desc()).limit(50)
        ).all()  # cause: n_plus_one@adopters
        return adoption.dump_all(last)  # cause: n_plus_one@adopters duplicate_query@preferences


class Treatments(MethodView):
    """What the vet did, a page after the other by the last one seen: nothing is wrong here."""

    def get(self) -> dict[str, object]:
        """The next forty."""
        after = int(request.args.get("after", 0))
        wanted = select(Treatment).options(joinedload(Treatment.animal).joinedload(Animal.species))
        page = db.session.scalars(wanted.where(Treatment.id > after).order_by(Treatment.id).limit(40)).all()
        shown = [
            {"what": each.what, "cents": each.cents, "whom": each.animal.name, "is": each.animal.species.name}
            for each in page
        ]
        return {"treatments": shown, "next": page[-1].id if page else None}


bp.add_url_rule("/animals", view_func=Animals.as_view("list"))
bp.add_url_rule("/animals/<int:number>", view_func=Passport.as_view("passport"))
bp.add_url_rule("/api/adoptions", view_func=Adoptions.as_view("adoptions"))
bp.add_url_rule("/api/treatments", view_func=Treatments.as_view("treatments"))
