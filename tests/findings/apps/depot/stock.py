"""stock -- what lies on the shelves."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import Blueprint, render_template
from flask.views import MethodView
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload
from switches import planted

from depot.schemas import ItemSchema, branch
from depot.tables import Category, Item, db

stock = Blueprint("stock", __name__, template_folder="templates")
items_lazily = planted("n_plus_one@items")
sheet_lazily = planted("n_plus_one@sheet")
tree_lazily = planted("n_plus_one@categories")


class Items(MethodView):
    """The items of a shelf."""

    schema = ItemSchema()

    def get(self) -> list[dict[str, Any]]:
        """All of shelf 4."""
        query = select(Item).where(Item.shelf == 4).order_by(Item.name)
        if not items_lazily:
            query = query.options(joinedload(Item.supplier))
        return [self.schema.dump(item) for item in db.session.scalars(query)]  # cause: n_plus_one@items


class Full(MethodView):
    """Items with all that belongs to them."""

    def get(self) -> list[dict[str, Any]]:
        """All of shelf 5, loaded together: nothing is wrong here."""
        query = (
            select(Item)
            .where(Item.shelf == 5)
            .options(selectinload(Item.supplier), selectinload(Item.category))
        )
        return [
            {"name": item.name, "supplier": item.supplier.name, "category": item.category.name}
            for item in db.session.scalars(query)
        ]


class After(MethodView):
    """The next items."""

    def get(self, last: int) -> list[str]:
        """Twenty items after the last one seen: nothing is wrong here."""
        query = select(Item.name).where(Item.id > last).order_by(Item.id).limit(20)
        return list(db.session.scalars(query))


stock.add_url_rule("/items", view_func=Items.as_view("items"))
stock.add_url_rule("/items/full", view_func=Full.as_view("full"))
stock.add_url_rule("/items/after/<int:last>", view_func=After.as_view("after"))


@stock.get("/sheet")
def sheet() -> str:
    """A sheet to hang at the shelf."""
    query = select(Item).where(Item.shelf == 7)
    if not sheet_lazily:
        query = query.options(selectinload(Item.category))
    found = db.session.scalars(query).all()  # cause: n_plus_one@sheet
    return render_template("depot/sheet.html", items=found, shelf=7)


@stock.get("/categories")
def categories() -> dict[str, Any]:
    """The tree of goods."""
    if tree_lazily:
        return branch(db.session.scalars(select(Category).where(Category.parent_id.is_(None))).one())
    below: defaultdict[int | None, list[tuple[int, str]]] = defaultdict(list)
    for number, parent, name in db.session.execute(
        select(Category.id, Category.parent_id, Category.name).order_by(Category.name)
    ):
        below[parent].append((number, name))
    return whole_tree(below, None)[0]


def whole_tree(below: dict[int | None, list[tuple[int, str]]], parent: int | None) -> list[dict[str, Any]]:
    """All below a category, from what was read at once."""
    return [{"name": name, "below": whole_tree(below, number)} for number, name in below.get(parent, ())]
