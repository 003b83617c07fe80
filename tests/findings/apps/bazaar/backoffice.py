"""backoffice -- what the people of the shop see."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy import column, delete, func, insert, select, table, update
from sqlalchemy.orm import joinedload, selectinload
from switches import planted

from .models import Customer, Order, PageView, PriceChange, Product, db

backoffice = Blueprint("office", __name__)
load_customers_late = planted("n_plus_one@order_customer")
load_lines_late = planted("n_plus_one@order_lines")
count_in_python = planted("unbounded_result@totals")
search_visitor = planted("missing_index@visitor")
skip_rows = planted("slow_query@visits")
build_entities = planted("orm_overhead@catalogue")
update_one_by_one = planted("n_plus_one@printed")


@backoffice.get("/orders")
def orders() -> str:
    """The newest orders."""
    newest = select(Order).order_by(Order.placed.desc()).limit(40)
    if not load_customers_late:
        newest = newest.options(joinedload(Order.customer))
    if not load_lines_late:
        newest = newest.options(selectinload(Order.lines))
    return render_template("bazaar/orders.html", orders=db.session.scalars(newest).all())


def totals() -> dict[str, tuple[int, int]]:
    """How many orders there are of each status, and what they are worth."""
    if count_in_python:
        count: Counter[str] = Counter()
        worth: Counter[str] = Counter()
        for order in Order.query.all():  # cause: unbounded_result@totals
            count[order.status] += 1
            worth[order.status] += order.cents
        return {status: (count[status], worth[status]) for status in sorted(count)}
    asked = select(Order.status, func.count(), func.sum(Order.cents)).group_by(Order.status)
    return {status: (number, int(cents)) for status, number, cents in db.session.execute(asked)}


def views_of(visitor: str) -> list[str]:
    """What a visitor looked at."""
    if search_visitor:
        seen = (
            PageView.query.filter_by(visitor=visitor).order_by(PageView.id).all()
        )  # cause: missing_index@visitor
        return [view.path for view in seen]
    return views_by_visitor(visitor)


def views_by_visitor(visitor: str) -> list[str]:
    """The same from a copy of the table that has the index."""
    views = table("page_view_indexed", column("id"), column("visitor"), column("path"))
    return list(
        db.session.scalars(select(views.c.path).where(views.c.visitor == visitor).order_by(views.c.id))
    )


@backoffice.get("/dashboard")
def dashboard() -> str:
    """Where everybody starts: totals, and what the visitor of the day looked at."""
    return render_template("bazaar/dashboard.html", totals=totals(), paths=views_of("00000000012C"))


@backoffice.get("/visits")
def visits() -> dict[str, Any]:
    """A page of the list of visits, far at its end."""
    page = request.args.get("page", 1, type=int)
    asked = select(PageView).order_by(PageView.id).limit(25)
    if skip_rows:
        asked = asked.offset((page - 1) * 25)
    else:
        asked = asked.where(PageView.id > (page - 1) * 25)
    found = db.session.scalars(asked)  # cause: slow_query@visits
    return {"visits": [{"visitor": view.visitor, "path": view.path} for view in found]}


@backoffice.get("/catalogue.csv")
def catalogue() -> Response:
    """All products for the price search engines."""
    out = io.StringIO()
    write = csv.writer(out).writerow
    if build_entities:
        for each in Product.query.order_by(Product.id):  # cause: orm_overhead@catalogue
            write(
                [each.id, each.sku, each.name, each.cents, each.stock, each.grams, each.colour, each.material]
            )
    else:
        of = Product.__table__.c
        columns = (of.id, of.sku, of.name, of.cents, of.stock, of.grams, of.colour, of.material)
        for row in db.session.execute(select(*columns).order_by(of.id)):
            write(row)
    return Response(out.getvalue(), mimetype="text/csv")


@backoffice.get("/print")
def print_orders() -> dict[str, int]:
    """Mark the orders on the printer's list as printed."""
    numbers = [n * 37 % 3000 + 1 for n in range(50)]
    if update_one_by_one:
        for number in numbers:
            one = update(Order).where(Order.id == number)
            db.session.execute(one.values(printed=Order.printed + 1))  # cause: n_plus_one@printed
    else:
        db.session.execute(update(Order).where(Order.id.in_(numbers)).values(printed=Order.printed + 1))
    db.session.commit()
    return {"printed": len(numbers)}


@backoffice.get("/import")
def import_prices() -> dict[str, int]:
    """Take the price list of a supplier, in one statement: nothing is wrong here."""
    rows = [{"batch": 17, "sku": f"{n:08X}", "cents": 100 + n * 7} for n in range(300)]
    db.session.execute(delete(PriceChange).where(PriceChange.batch == 17))
    db.session.execute(insert(PriceChange), rows)
    db.session.commit()
    return {"imported": len(rows)}


@backoffice.get("/customers")
def customers() -> str:
    """A page of customers with their orders, which are fetched together: nothing is wrong here."""
    asked = select(Customer).options(selectinload(Customer.orders)).order_by(Customer.id)
    page = db.paginate(asked, page=request.args.get("page", 1, type=int) % 50 + 1, per_page=20)
    return render_template("bazaar/customers.html", page=page)
