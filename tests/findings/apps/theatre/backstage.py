"""Backstage: casts, prices, bookings and posters."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request
from switches import planted

from . import store

roles_of_each = planted("n_plus_one@roles")
look_for_quicker = planted("import_in_request@dumps")
keep_all_pages = planted("memory_growth@pages")
dynamic_palette = planted("attribute_lookup_hot@palette")

bp = Blueprint("backstage", __name__)

try:
    from orjson import dumps as quick_dumps
except ImportError:
    quick_dumps = json.dumps


class Casting:
    """Who plays what."""

    def __init__(self, productions: list[int]) -> None:
        self.productions = productions

    def roles(self, production: int) -> list[str]:
        """Of one."""
        wanted = "SELECT name, performer FROM role WHERE production_id = %s ORDER BY id"
        return [
            f"{one['name']}: {one['performer']}" for one in store.rows(wanted, (production,))
        ]  # cause: n_plus_one@roles

    def all(self) -> dict[str, list[str]]:
        """Of all."""
        if roles_of_each:
            return {str(one): self.roles(one) for one in self.productions}  # cause: n_plus_one@roles
        found: dict[str, list[str]] = {str(one): [] for one in self.productions}
        wanted = "SELECT production_id, name, performer FROM role WHERE production_id IN %s ORDER BY id"
        for one in store.rows(wanted, (self.productions,)):
            found[str(one["production_id"])].append(f"{one['name']}: {one['performer']}")
        return found


@bp.get("/cast/<int:number>")
def cast(number: int) -> dict[str, Any]:
    """The casts of a season."""
    return Casting([(number + n) % 400 + 1 for n in range(90)]).all()  # cause: n_plus_one@roles


FACTS = {
    "title": "SELECT title FROM production WHERE id = %s",
    "genre": "SELECT genre FROM production WHERE id = %s",
    "roles": "SELECT COUNT(*) FROM role WHERE production_id = %s",
    "lead": "SELECT MIN(performer) FROM role WHERE production_id = %s",
    "quote": "SELECT LEFT(quote, 30) FROM poster WHERE id = %s",
    "seat": "SELECT seat FROM booking WHERE id = %s",
    "last": "SELECT cents FROM booking WHERE id = %s * 9",
    "next": "SELECT title FROM production WHERE id = %s + 1",
    "before": "SELECT title FROM production WHERE id = %s - 1",
    "parts": "SELECT COUNT(DISTINCT performer) FROM role WHERE production_id = %s",
    "praise": "SELECT LENGTH(quote) FROM poster WHERE id = %s * 2",
    "guest": "SELECT visitor FROM booking WHERE id = %s * 3",
    "price": "SELECT MAX(cents) FROM booking WHERE id BETWEEN 5 AND 5 + %s",
    "first": "SELECT name FROM role WHERE production_id = %s ORDER BY id LIMIT 1",
    "code": "SELECT code FROM booking WHERE id = %s + 7",
}


def fact(name: str, production: int) -> Any:
    """What the box office knows."""
    with store.box_office() as cursor:  # cause: connection_churn@prices
        cursor.execute(FACTS[name], (production,))
        return cursor.fetchone()[0]


@bp.get("/prices/<int:number>")
def prices(number: int) -> dict[str, Any]:
    """What one should know of an evening."""
    return {name: fact(name, number % 390 + 2) for name in FACTS}  # cause: connection_churn@prices


@bp.get("/bookings/<int:number>")
def bookings(number: int) -> dict[str, Any]:
    """A booking by the code that is printed on the ticket."""
    code = f"B{(number + 1) * 7919 % 1000003}"
    found = store.rows(
        "SELECT visitor, seat, cents FROM booking WHERE code = %s", (code,)
    )  # cause: missing_index@bookings
    return {"found": found}


@bp.get("/attendance")
def attendance() -> dict[str, Any]:
    """Takings by production, of all bookings there are: all are needed, and nothing is wrong here."""
    wanted = (
        "SELECT production_id % 5 AS hall, COUNT(*) AS seats, MAX(cents) AS most FROM booking GROUP BY hall"
    )
    return {"halls": store.rows(wanted)}


def dumps(row: dict[str, Any]) -> str:
    """As JSON, as quick as can be."""
    if not look_for_quicker:
        return str(quick_dumps(row))
    try:
        import orjson  # cause: import_in_request@dumps
    except ImportError:
        return json.dumps(row)
    return str(orjson.dumps(row))


pages: OrderedDict[str, str] = OrderedDict()


def paged(address: str, draw: Callable[[], str]) -> str:
    """A page, drawn once."""
    if address not in pages:
        pages[address] = draw()  # cause: memory_growth@pages
        if not keep_all_pages and len(pages) > 3:
            pages.popitem(last=False)
    return pages[address]


@bp.get("/visitors/<int:number>")
def visitors(number: int) -> Response:
    """Who came, a line each."""

    def draw() -> str:
        wanted = "SELECT id, visitor, seat FROM booking WHERE id > %s ORDER BY id LIMIT 240"
        lines = map(dumps, store.rows(wanted, (number * 10,)))  # cause: import_in_request@dumps
        return "\n".join(f"{line:<700}" for line in lines)

    return Response(
        paged(request.full_path, draw), mimetype="application/x-ndjson"
    )  # cause: memory_growth@pages


class Palette:
    """The colours of a house."""

    def __init__(self, **colours: int) -> None:
        self._colours = colours

    def __getattr__(self, name: str) -> int:
        """A colour by its name."""
        try:
            return self.__dict__["_colours"][name]
        except KeyError:
            raise AttributeError(name) from None


palette = Palette(ink=3, paper=17, accent=91)


@bp.get("/poster/<int:number>")
def poster(number: int) -> dict[str, Any]:
    """A poster, pixel by pixel."""
    picture = []
    if dynamic_palette:
        for place in range(26_000):
            if (place * number) & 12:
                picture.append(palette.ink + palette.accent)  # cause: attribute_lookup_hot@palette
            else:
                picture.append(palette.paper)  # cause: attribute_lookup_hot@palette
    else:
        dark, light = palette.ink + palette.accent, palette.paper
        picture = [dark if (place * number) & 12 else light for place in range(26_000)]
    return {"sum": sum(picture), "pixels": len(picture)}
