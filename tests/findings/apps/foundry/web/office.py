"""What the office looks at: orders, the parts list, what is late."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, stream_with_context
from flask.views import MethodView, View
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload
from switches import planted

from ..store import Session
from ..store.models import Alloy, Customer, Order, OrderLine, Part
from .filters import site_setting

customer_when_drawn = planted("n_plus_one@customer")
whole_parts = planted("orm_overhead@parts")
add_up_here = planted("unbounded_result@backorders")

bp = Blueprint("office", __name__, template_folder="../templates")
PAGE = 30


class OrderList(View):
    """Orders, a page at a time."""

    init_every_request = False

    def page(self, number: int) -> list[Order]:
        """The rows."""
        query = Session.query(Order)  # cause: n_plus_one@customer
        if not customer_when_drawn:
            query = query.options(joinedload(Order.customer))
        return (
            query.order_by(Order.id).offset(number % 100 * PAGE).limit(PAGE).all()
        )  # cause: n_plus_one@customer

    def dispatch_request(self) -> str:
        """The page."""
        orders = self.page(request.args.get("page", 0, type=int))
        return render_template(  # cause: n_plus_one@customer duplicate_query@currency
            "foundry/orders.html", orders=orders
        )


class OrderDetail(MethodView):
    """An order with lines, parts and alloys: four statements, whatever the size."""

    def get(self, number: int) -> dict[str, Any]:
        """All of it."""
        order = Session.get(
            Order,
            number + 1,
            options=[
                joinedload(Order.customer),
                selectinload(Order.lines).selectinload(OrderLine.part).selectinload(Part.alloy),
            ],
        )
        if order is None:
            abort(404)
        return {
            "reference": order.reference,
            "customer": order.customer.name,
            "lines": [[each.quantity, each.part.name, each.part.alloy.name] for each in order.lines],
        }


bp.add_url_rule("/orders", view_func=OrderList.as_view("orders"))
bp.add_url_rule("/orders/<int:number>", view_func=OrderDetail.as_view("order"))


def parts_list() -> Iterator[tuple[Any, ...]]:
    """Parts for the price list of the sales people."""
    if whole_parts:
        parts = (
            Session.query(Part)
            .options(joinedload(Part.alloy))
            .order_by(Part.number)
            .all()  # cause: orm_overhead@parts
        )
        for part in parts:  # cause: orm_overhead@parts
            yield part.number, part.name, part.alloy.name, part.grams  # cause: orm_overhead@parts
        return
    yield from Session.execute(
        select(Part.number, Part.name, Alloy.name, Part.grams).join(Part.alloy).order_by(Part.number)
    )


@bp.get("/parts.csv")
def parts() -> Response:
    """The list."""
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(parts_list())  # cause: orm_overhead@parts
    return Response(text.getvalue(), mimetype="text/csv")


@bp.get("/dashboard")
def dashboard() -> dict[str, Any]:
    """Sums for the screen in the corridor; the settings are kept, the tables are small."""
    tiles: dict[str, Any] = {}
    for name in ("site", "shift_hours", "locale") * 20:
        tiles[name] = site_setting(name)
    regions = Session.execute(select(Customer.region, func.count()).group_by(Customer.region)).tuples().all()
    tiles["customers"] = dict(regions)
    tiles["next"] = Session.scalar(select(Order.reference).order_by(Order.due_on).limit(1))
    tiles["alloys"] = list(Session.scalars(select(Alloy.name)))
    return tiles


@bp.get("/deliveries")
def deliveries() -> Response:
    """Lines of the orders that are next, told as they are put together."""
    week = request.args.get("week", 0, type=int) % 50
    ids = [week * 40 + place + 1 for place in range(40)]
    lines: dict[int, list[str]] = defaultdict(list)
    wanted = select(OrderLine.order_id, OrderLine.quantity, Part.number).join(OrderLine.part)
    for order_id, quantity, number in Session.execute(wanted.where(OrderLine.order_id.in_(ids))):
        lines[order_id].append(f"{quantity} x {number}")

    def told() -> Iterator[str]:
        for order_id in ids:
            yield f"{order_id}: {', '.join(lines[order_id])}\n"

    return Response(stream_with_context(told()), mimetype="text/plain")


class Backorders:
    """Parts of which most is still to be poured."""

    def __init__(self, limit: int = 10) -> None:
        self.limit = limit

    def of_lines(self) -> list[tuple[int, int]]:
        """Added up from the lines."""
        missing: Counter[int] = Counter()
        lines = Session.scalars(
            select(OrderLine).where(OrderLine.id <= 6000)
        )  # cause: unbounded_result@backorders
        for line in lines:  # cause: unbounded_result@backorders
            missing[line.part_id] += line.quantity - line.poured
        return missing.most_common(self.limit)

    def of_sums(self) -> list[tuple[int, int]]:
        """Added up by the server."""
        missing = func.sum(OrderLine.quantity - OrderLine.poured).label("missing")
        sums = select(OrderLine.part_id, missing).where(OrderLine.id <= 6000).group_by(OrderLine.part_id)
        rows = Session.execute(sums.order_by(missing.desc()).limit(self.limit))
        return [(part, int(count)) for part, count in rows]


@bp.get("/backorders")
def backorders() -> dict[str, Any]:
    """The ten worst."""
    found = Backorders()
    worst = found.of_lines() if add_up_here else found.of_sums()  # cause: unbounded_result@backorders
    return {"worst": worst}
