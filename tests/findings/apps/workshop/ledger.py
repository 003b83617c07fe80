"""ledger -- pages over many small rows, with SQLAlchemy Core."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import func, select
from switches import planted

from .models import Customer, Job, Person, Skill, entries, session

pages = Blueprint("ledger", __name__)
PAGE = 20
PRICES = [
    {
        "part": f"P-{n:05d}",
        "name": f"part number {n}",
        "cents": n * 7 % 9973,
        "stock": {"here": n % 40, "there": n % 7},
    }
    for n in range(12000)
]

newest = select(entries).order_by(entries.c.id.desc())
if not planted("unbounded_result@history"):
    newest = newest.limit(PAGE)
price_list: bytes | None = None
keep_prices = not planted("serialization_hot@prices")

FIGURES = {
    "customers": select(func.count()).select_from(Customer),
    "towns": select(func.count(func.distinct(Customer.town))),
    "jobs": select(func.count()).select_from(Job),
    "longest": select(func.max(Job.hours)),
    "people": select(func.count()).select_from(Person),
    "skills": select(func.count(func.distinct(Skill.word))),
    "north": select(func.count()).where(Job.region == "north"),
    "newest": select(Job.title).order_by(Job.id.desc()).limit(1),
}


def as_dict(row: Any) -> dict[str, Any]:
    """A row for JSON."""
    return {"id": row.id, "amount": row.amount, "text": row.text}


@pages.get("/history")
def history() -> dict[str, Any]:
    """The newest entries."""
    rows = session().execute(newest).all()  # cause: unbounded_result@history
    return {"entries": [as_dict(row) for row in rows[:PAGE]]}


@pages.get("/history/after")
def history_after() -> dict[str, Any]:
    """A page by key: nothing is wrong here."""
    start = request.args.get("id", 0, type=int)
    rows = (
        session()
        .execute(select(entries).where(entries.c.id > start).order_by(entries.c.id).limit(PAGE))
        .all()
    )
    return {"entries": [as_dict(row) for row in rows], "next": rows[-1].id if rows else None}


@pages.get("/prices")
def prices() -> Response:
    """The price list, which changes with a release."""
    global price_list
    if not keep_prices:
        return jsonify(PRICES)  # cause: serialization_hot@prices
    if price_list is None:
        price_list = jsonify(PRICES).get_data()
    return Response(price_list, mimetype="application/json")


@pages.get("/figures")
def figures() -> dict[str, Any]:
    """Eight different cheap questions in a loop: nothing is wrong here."""
    return {name: session().scalar(query) for name, query in FIGURES.items()}
