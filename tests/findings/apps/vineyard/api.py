"""The views."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cached_property, lru_cache
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.views import MethodView

from .repositories import LineRepository, PromotionRepository, StockRepository, WineRepository
from .services import cellar, guests, selling

bp = Blueprint("api", __name__)


class Resource(MethodView):
    """What all have in common."""

    init_every_request = False
    wines = WineRepository()
    lines = LineRepository()

    @cached_property
    def cellar(self) -> cellar.Cellar:
        """The wines."""
        return cellar.Cellar(self.wines, StockRepository())


class Wines(Resource):
    """GET /wines"""

    def get(self) -> Any:
        """A page."""
        wines = self.cellar.with_stock(request.args.get("page", 0, type=int))  # cause: n_plus_one@stock
        return jsonify([wine.as_row() for wine in wines])


class Search(Resource):
    """GET /wines/search"""

    def get(self) -> Any:
        """What was found, in bold."""
        notes = [cellar.note(wine) for wine in self.wines.page(1, 10)]
        return jsonify(cellar.highlight(notes, request.args["q"]))  # cause: regex_compile@highlight


class Catalogue(Resource):
    """GET /catalogue"""

    def get(self) -> Any:
        """All that is printed this year."""
        return jsonify(
            cellar.catalogue(self.wines.page(0, 400))
        )  # cause: disk_io@notes serialization_hot@plain


class Cart(Resource):
    """GET /carts/N"""

    def get(self, number: int) -> Any:
        """What it costs."""
        lines = self.lines.of_orders(number * 8, number * 8 + 5)
        pricing = selling.Pricing(PromotionRepository(), day=40)
        return jsonify(lines=len(lines), cents=pricing.total(lines))  # cause: duplicate_query@promotions


class Confirmation(Resource):
    """GET /orders/N/confirmation"""

    def get(self, number: int) -> Any:
        """Confirmed."""
        lines = self.lines.of_orders(number * 8, number * 8 + 11)
        return jsonify(
            order=number, bottles=selling.confirm(number, lines)
        )  # cause: log_io@trace sleep@terminal


class Sales(Resource):
    """GET /statistics/sales"""

    def get(self) -> Any:
        """By month."""
        return jsonify(selling.sales(self.lines))  # cause: unbounded_result@sales


class Offers(Resource):
    """GET /offers"""

    @cached_property
    def margins(self) -> selling.Margins:
        """What is earned with whom."""
        return selling.Margins(self.lines)

    def get(self) -> Any:
        """Wines of those with whom most is earned."""
        return jsonify(best=self.margins.best(5), at=request.args.get("at"))  # cause: tail_latency@margins


class Shelf(Resource):
    """GET /shelves/N: three hundred names, of what is kept."""

    def get(self, number: int) -> Any:
        """The labels."""
        return jsonify([grower_name((number + step) % 60 + 1) for step in range(300)])


@lru_cache(maxsize=1)
def grower_names() -> dict[int, str]:
    """Growers change once a year, with a release."""
    return WineRepository().grower_names()


@lru_cache(maxsize=256)
def grower_name(grower_id: int) -> str:
    """The name of one."""
    return grower_names()[grower_id]


class Feed(Resource):
    """GET /feed/N.xml"""

    def get(self, number: int) -> Response:
        """New wines, for those who compare prices."""
        root = ET.Element("wines")
        for wine in self.wines.page(number, 40):
            entry = ET.SubElement(root, "wine", id=str(wine.id), year=str(wine.year))
            ET.SubElement(entry, "name").text = wine.name
            ET.SubElement(entry, "grower").text = grower_name(wine.grower_id)
        return Response(ET.tostring(root), mimetype="application/xml")


for rule, view in {
    "/wines": Wines,
    "/wines/search": Search,
    "/catalogue": Catalogue,
    "/carts/<int:number>": Cart,
    "/orders/<int:number>/confirmation": Confirmation,
    "/statistics/sales": Sales,
    "/offers": Offers,
    "/shelves/<int:number>": Shelf,
    "/feed/<int:number>.xml": Feed,
}.items():
    bp.add_url_rule(rule, view_func=view.as_view(view.__name__.lower()))


@bp.get("/customers")
def customers() -> Any:
    """Who has an address."""
    return jsonify(guests.guest(request.args["email"]))  # cause: missing_index@email memory_growth@journeys


@bp.get("/login")
def login() -> Any:
    """Whether a card is known."""
    return jsonify(secret=guests.card_secret(request.args["card"])[:16])
