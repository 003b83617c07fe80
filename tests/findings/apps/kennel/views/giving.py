"""Money and the people who give it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import Select, func, select
from switches import planted

from ..extensions import db
from ..models import Donation, Person

build_objects = planted("orm_overhead@donations")
fetch_all = planted("unbounded_result@people")
copy_through_json = planted("serialization_hot@forms")

bp = Blueprint("giving", __name__)


@bp.get("/donations.csv")
def donations() -> Response:
    """All of a purpose, for the tax office."""
    wanted = Donation.purpose == "vet", Donation.cents > 2000
    if build_objects:
        found = db.session.scalars(select(Donation).where(*wanted)).all()  # cause: orm_overhead@donations
    else:
        found = db.session.execute(
            select(Donation.day, Donation.person_id, Donation.cents).where(*wanted)
        ).all()
    lines = [f"{each.day.isoformat()};{each.person_id};{each.cents}" for each in found]
    return Response("\n".join(lines), mimetype="text/csv")


class Page:
    """Some rows of a statement."""

    size = 25

    def __init__(self, wanted: Select[Any], number: int) -> None:
        self.wanted = wanted
        self.start = number * self.size

    def rows(self) -> Sequence[Any]:
        """Those of this page."""
        if fetch_all:
            everything = db.session.execute(self.wanted).all()  # cause: unbounded_result@people
            return everything[self.start : self.start + self.size]
        return db.session.execute(self.wanted.limit(self.size).offset(self.start)).all()


@bp.get("/people")
def people() -> dict[str, Any]:
    """Who gives, a page at a time."""
    wanted = select(Person.name, Person.mail, Person.town).order_by(Person.id)
    page = Page(wanted, int(request.args.get("page", 1)))
    return {"people": [row._asdict() for row in page.rows()]}  # cause: unbounded_result@people


FORM: dict[str, Any] = {
    f"section{s}": {
        "title": f"Section {s}",
        "fields": [
            {
                "name": f"f{s}-{n}",
                "label": f"Question {n}",
                "kind": "text",
                "rules": ["filled", "short"],
                "value": "",
            }
            for n in range(120)
        ],
    }
    for s in range(40)
}


def own_copy(section: str) -> dict[str, Any]:
    """A form that may be changed without changing everybody's."""
    if copy_through_json:
        return json.loads(json.dumps(FORM))  # cause: serialization_hot@forms
    return {**FORM, section: json.loads(json.dumps(FORM[section]))}


@bp.get("/forms/<int:number>")
def form(number: int) -> dict[str, Any]:
    """The part of the form that somebody has come to, with what is known."""
    section = f"section{number % 40}"
    mine = own_copy(section)  # cause: serialization_hot@forms
    name, town = db.session.execute(
        select(Person.name, Person.town).where(Person.id == number % 2500 + 1)
    ).one()
    mine[section]["fields"][0]["value"] = f"{name}, {town}"
    return mine[section]


@bp.get("/search")
def search() -> dict[str, Any]:
    """Whose name has this in it: a scan that no index spares, over a small table; nothing is wrong here."""
    part = request.args.get("q", "9")
    rows = db.session.execute(
        select(Person.name, Person.town).where(func.lower(Person.name).like(f"%{part.lower()}%")).limit(60)
    ).all()
    return {"found": [row.name for row in rows], "towns": sorted({row.town for row in rows})}
