"""The catalogue: shelves, stock and what sells."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint
from psycopg import Rollback
from switches import planted

from .store import Row, Session, session

update_each = planted("n_plus_one@stock")
add_up_here = planted("unbounded_result@sales")
climb_shelf_by_shelf = planted("n_plus_one@shelf")
rank_each_row = planted("slow_query@rank")

bp = Blueprint("catalogue", __name__)


class Stock:
    """How much there is."""

    def __init__(self, work: Session) -> None:
        self.work = work

    def set(self, product: int, pieces: int) -> None:
        """What somebody has counted."""
        self.work.connection.execute(  # cause: n_plus_one@stock
            "UPDATE product SET stock = %s WHERE id = %s", (pieces, product)
        )

    def set_all(self, counted: dict[int, int]) -> None:
        """The same for all that was counted."""
        if update_each:
            for product, pieces in counted.items():  # cause: n_plus_one@stock
                self.set(product, pieces)  # cause: n_plus_one@stock
            return
        self.work.connection.execute(
            "UPDATE product p SET stock = n.pieces FROM unnest(%s::int[], %s::int[]) AS n (id, pieces)"
            " WHERE p.id = n.id",
            (list(counted), list(counted.values())),
        )


@bp.get("/stock/count/<int:number>")
def count_stock(number: int) -> dict[str, Any]:
    """Try out what somebody has counted."""
    counted = {number * 10 + step: step % 30 for step in range(1, 71)}
    found: Row | None = None
    with session() as work, work.connection.transaction():
        Stock(work).set_all(counted)  # cause: n_plus_one@stock
        found = work.one("SELECT sum(stock) AS pieces FROM product")
        raise Rollback
    return {"pieces": found and found["pieces"]}


@bp.get("/products/best")
def best() -> dict[str, Any]:
    """What sells best."""
    with session() as work:
        if not add_up_here:
            rows = work.all(
                "SELECT product, sum(pieces) AS pieces FROM line WHERE purchase < %(last)s GROUP BY product"
                " ORDER BY 2 DESC, 1 LIMIT 10",
                last=320,
            )
            return {"best": [[row["product"], row["pieces"]] for row in rows]}
        sold: Counter[int] = Counter()
        rows = work.all("SELECT id, purchase, product, pieces FROM line")  # cause: unbounded_result@sales
        for row in rows:  # cause: unbounded_result@sales
            if row["purchase"] < 320:  # cause: unbounded_result@sales
                sold[row["product"]] += row["pieces"]
    return {"best": sorted(sold.items(), key=lambda one: (-one[1], one[0]))[:10]}


class Shelves:
    """Categories, each in another."""

    def __init__(self, work: Session) -> None:
        self.work = work

    def above(self, shelf: int) -> list[str]:
        """The way up."""
        names, at = [], shelf
        while at:  # cause: n_plus_one@shelf
            row = self.work.one(  # cause: n_plus_one@shelf
                "SELECT name, parent FROM category WHERE id = %(id)s", id=at
            )
            if row is None:
                break
            names.append(row["name"])
            at = row["parent"]
        return names

    def above_at_once(self, shelf: int) -> list[str]:
        """The same, by the way that is kept with each."""
        rows = self.work.all(
            "SELECT o.name FROM category c CROSS JOIN unnest(c.way) WITH ORDINALITY AS step (id, number)"
            " JOIN category o ON o.id = step.id WHERE c.id = %(id)s ORDER BY step.number",
            id=shelf,
        )
        return [row["name"] for row in rows]


@bp.get("/shelves/<int:number>")
def shelf(number: int) -> dict[str, Any]:
    """Where something stands."""
    with session() as work:
        shelves, at = Shelves(work), 1500 + number
        way = (
            shelves.above(at) if climb_shelf_by_shelf else shelves.above_at_once(at)
        )  # cause: n_plus_one@shelf
    return {"way": way}


@bp.get("/shelves/<int:number>/tree")
def tree(number: int) -> dict[str, Any]:
    """All that is under a shelf, by one recursive statement: nothing is wrong here."""
    with session() as work:
        rows = work.all(
            "WITH RECURSIVE down AS (SELECT id, name FROM category WHERE id = %(id)s UNION ALL"
            " SELECT c.id, c.name FROM category c JOIN down ON c.parent = down.id) SELECT name FROM down LIMIT 60",
            id=number % 40 + 1500,
        )
    return {"tree": [row["name"] for row in rows]}


RANKED = (
    "SELECT p.id, (SELECT count(*) FROM product o WHERE o.cents > p.cents) + 1 AS place FROM product p"
    " WHERE p.category BETWEEN %(first)s AND %(last)s ORDER BY p.id"
)
RANKED_AT_ONCE = (
    "SELECT id, place FROM (SELECT id, category, rank() OVER (ORDER BY cents DESC) AS place FROM product) r"
    " WHERE category BETWEEN %(first)s AND %(last)s ORDER BY id"
)


@bp.get("/products/places/<int:number>")
def places(number: int) -> dict[str, Any]:
    """How dear the products of some shelves are among all."""
    with session() as work:
        statement = RANKED if rank_each_row else RANKED_AT_ONCE
        rows = work.all(statement, first=number + 1, last=number + 24)  # cause: slow_query@rank
    return {"places": [[row["id"], row["place"]] for row in rows]}


@bp.get("/overview/<int:number>")
def overview(number: int) -> dict[str, Any]:
    """Five questions that have nothing in common: nothing is wrong here."""
    with session() as work:
        return {
            "shelf": work.one("SELECT name FROM category WHERE id = %(id)s", id=number + 1),
            "cheapest": work.one(
                "SELECT min(cents) AS cents FROM product WHERE category = %(id)s", id=number + 1
            ),
            "sold": work.one("SELECT sum(pieces) AS pieces FROM line WHERE product = %(id)s", id=number + 1),
            "customer": work.one("SELECT name FROM customer WHERE id = %(id)s", id=number + 1),
            "orders": work.one(
                "SELECT count(*) AS orders FROM purchase WHERE customer = %(id)s", id=number + 1
            ),
        }
