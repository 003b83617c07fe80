"""sales -- what went out, and when."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, request
from sqlalchemy import func, select
from switches import planted

from depot.tables import Category, Item, Lot, Movement, Sale, Supplier, db

sales = Blueprint("sales", __name__)
whole_objects = planted("orm_overhead@chart")
all_movements = planted("unbounded_result@movements")
PAGE = 25


@sales.get("/chart")
def chart() -> list[list[int]]:
    """A point for each sale of a month."""
    if whole_objects:
        sold = db.session.scalars(select(Sale).where(Sale.month == 5)).all()  # cause: orm_overhead@chart
        return [[sale.day, sale.amount * sale.cents] for sale in sold]
    rows = db.session.execute(select(Sale.day, Sale.amount, Sale.cents).where(Sale.month == 5))
    return [[day, amount * cents] for day, amount, cents in rows]


@sales.get("/movements")
def movements() -> dict[str, Any]:
    """A page of what was carried about."""
    first = (request.args.get("page", 1, type=int) - 1) * PAGE
    query = select(Movement.id, Movement.item_id, Movement.note).order_by(Movement.id)
    if all_movements:
        rows = db.session.execute(query).all()[first : first + PAGE]  # cause: unbounded_result@movements
    else:
        rows = db.session.execute(query.offset(first).limit(PAGE)).all()
    return {"movements": [row._asdict() for row in rows]}


@sales.get("/lots/<code>")
def lot(code: str) -> dict[str, Any]:
    """The lot of a code."""
    found = db.session.scalars(select(Lot).where(Lot.code == code)).first()  # cause: missing_index@lots
    return {"lot": found.id if found else None}


@sales.get("/lots/newest")
def newest() -> list[str]:
    """The last lots that came in: nothing is wrong here."""
    return list(db.session.scalars(select(Lot.code).order_by(Lot.id.desc()).limit(15)))


@sales.get("/summary")
def summary() -> dict[str, Any]:
    """How many there are of everything: nothing is wrong here."""
    models = (Supplier, Category, Item)
    counts = {
        each.__tablename__: db.session.scalar(select(func.count()).select_from(each)) for each in models
    }
    counts["dear"] = db.session.scalar(select(func.count(Item.id)).where(Item.price > 4000))
    counts["sold"] = db.session.scalar(select(func.sum(Sale.amount)).where(Sale.month == 2))
    if not counts["item"]:
        abort(500)
    return counts
