"""Orders: who may see them, what they cost, and how they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from flask import Blueprint, Response, abort, g, stream_with_context
from switches import planted
from werkzeug.local import LocalProxy

from .store import Row, Session, fetch, session

look_up_viewer = planted("duplicate_query@viewer")
ask_each_product = planted("n_plus_one@product")
lower_the_column = planted("slow_query@email")
ask_each_rebate = planted("n_plus_one@rebate")

bp = Blueprint("orders", __name__)


class Visitor:
    """Who is logged in."""

    def __init__(self, row: Row) -> None:
        self.row = row

    @property
    def tier(self) -> int:
        """How good a customer."""
        return int(self.row["tier"])

    def may(self, what: str) -> bool:
        """Whether he is allowed to see it."""
        return what in self.row["may"].split()


def load_visitor() -> Visitor:
    """From the session cookie, which here is always the same."""
    if not look_up_viewer and "visitor" in g:
        return g.visitor  # type: ignore[no-any-return]
    row = g.work.one(
        "SELECT id, tier, may FROM customer WHERE id = %(id)s", id=77
    )  # cause: duplicate_query@viewer
    g.visitor = Visitor(row or abort(401))
    return g.visitor  # type: ignore[no-any-return]


visitor: Any = LocalProxy(load_visitor)


def working(view: Callable[..., Any]) -> Callable[..., Any]:
    """With a session in g."""

    @wraps(view)
    def inner(*args: Any, **kwargs: Any) -> Any:
        with session() as g.work:
            return view(*args, **kwargs)

    return inner


def restricted(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Only for who may."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs) if visitor.may(what) else abort(403)

        return inner

    return decorate


class Lines:
    """Lines of an order."""

    def __init__(self, work: Session) -> None:
        self.work = work

    def of(self, purchase: int) -> list[Row]:
        """Those of one."""
        return self.work.all(
            "SELECT id, product, pieces FROM line WHERE purchase = %(id)s ORDER BY id", id=purchase
        )

    def with_products(self, purchase: int) -> list[Row]:
        """Those of one, with what is in them."""
        if not ask_each_product:
            return self.work.all(
                "SELECT l.id, l.pieces, l.product, p.name, p.cents, max(r.percent) AS percent FROM line l"
                " JOIN product p ON p.id = l.product JOIN rebate r ON r.product = p.id"
                " WHERE l.purchase = %(id)s GROUP BY l.id, p.id ORDER BY l.id",
                id=purchase,
            )
        found = self.of(purchase)
        for each in found:  # cause: n_plus_one@product
            each |= self.product(each["product"])  # cause: n_plus_one@product
        return found

    def product(self, number: int) -> Row:
        """What is sold."""
        chosen = (
            "SELECT p.name, p.cents, max(r.percent) AS percent FROM product p JOIN rebate r ON r.product = p.id"
            " WHERE p.id = %(id)s GROUP BY p.id"
        )
        return self.work.one(chosen, id=number) or {}  # cause: n_plus_one@product


def visible(line: Row) -> bool:
    """Whether the visitor sees the line, and its price."""
    return visitor.may("lines") and visitor.tier < 9  # cause: duplicate_query@viewer


@bp.get("/orders/<int:number>")
@working
@restricted("orders")
def order(number: int) -> dict[str, Any]:
    """An order."""
    found = Lines(g.work).with_products(number + 1)  # cause: n_plus_one@product
    shown = [each for each in found if visible(each)]  # cause: duplicate_query@viewer
    return {"lines": [[each["name"], each["pieces"], each["cents"], each["percent"]] for each in shown]}


@bp.get("/customers/by-email/<int:number>")
@working
def by_email(number: int) -> dict[str, Any]:
    """Who writes to us."""
    address = f"someone.{number + 9000}@example.org"
    if lower_the_column:
        found = g.work.one(  # cause: slow_query@email
            "SELECT id, name FROM customer WHERE lower(email) = lower(%(email)s)", email=address
        )
    else:
        spelled = address.title()
        found = g.work.one("SELECT id, name FROM customer WHERE email = %(email)s", email=spelled)
    return {"customer": found}


@bp.get("/orders/latest")
@working
def latest() -> dict[str, Any]:
    """What came in last."""
    rows = g.work.all(  # cause: missing_index@placed
        "SELECT id, customer, cents FROM purchase WHERE placed < %(now)s ORDER BY placed DESC, id DESC LIMIT 25",
        now="2026-09-01",
    )
    return {"orders": rows}


@bp.get("/orders/export")
def export() -> Response:
    """Orders as they come from a cursor of the server: nothing is wrong here."""

    def rows() -> Iterator[str]:
        with session() as work, work.connection.cursor(name="export") as cursor:
            cursor.itersize = 500
            cursor.execute("SELECT id, customer, cents FROM purchase WHERE id <= 1500 ORDER BY id")
            yield "id;customer;cents\n"
            for row in cursor:
                yield f"{row['id']};{row['customer']};{row['cents']}\n"

    return Response(stream_with_context(rows()), mimetype="text/csv")


class Pricing:
    """What somebody pays."""

    def __init__(self, work: Session, tier: int) -> None:
        self.work, self.tier = work, tier

    def percent(self, product: int) -> int:
        """How much less it is for this customer."""
        chosen = "SELECT percent FROM rebate WHERE product = %(product)s AND tier = %(tier)s"
        row = self.work.one(chosen, product=product, tier=self.tier)  # cause: n_plus_one@rebate
        return int(row["percent"]) if row else 0

    def percents(self, products: list[int]) -> Callable[[int], int]:
        """The same for many."""
        rows = self.work.all(
            "SELECT product, percent FROM rebate WHERE tier = %(tier)s AND product = ANY(%(products)s)",
            tier=self.tier,
            products=products,
        )
        known = {row["product"]: row["percent"] for row in rows}
        return lambda product: int(known.get(product, 0))


@bp.get("/baskets/<int:number>/price")
@working
def basket(number: int) -> dict[str, Any]:
    """What a basket costs."""
    rows = g.work.all(
        "SELECT l.product, l.pieces, p.cents FROM line l JOIN product p ON p.id = l.product"
        " WHERE l.purchase = ANY(%(orders)s) ORDER BY l.id",
        orders=[number + 1, number + 2],
    )
    pricing = Pricing(g.work, 3)
    percent = pricing.percent if ask_each_rebate else pricing.percents([row["product"] for row in rows])
    total = sum(  # cause: n_plus_one@rebate
        row["cents"] * row["pieces"] * (100 - percent(row["product"])) for row in rows
    )
    return {"cents": total // 100}


@bp.get("/customers/<int:number>/card")
def card(number: int) -> dict[str, Any]:
    """What is printed on a card, field by field."""
    of = {"id": number + 1}
    return {
        **fetch("SELECT name, email FROM customer WHERE id = %(id)s", **of),
        **fetch("SELECT count(*) AS orders FROM purchase WHERE customer = %(id)s", **of),
        **fetch("SELECT coalesce(max(cents), 0) AS dearest FROM purchase WHERE customer = %(id)s", **of),
    }  # cause: connection_churn@card


@bp.get("/deliveries/<int:number>")
@working
def deliveries(number: int) -> dict[str, Any]:
    """Lines of some orders, by one ANY: nothing is wrong here."""
    orders = list(range(number * 5 + 1, number * 5 + 13))
    rows = g.work.all(
        "SELECT purchase, count(*) AS lines, sum(pieces) AS pieces FROM line WHERE purchase = ANY(%(orders)s)"
        " GROUP BY purchase ORDER BY purchase",
        orders=orders,
    )
    return {"deliveries": rows}
