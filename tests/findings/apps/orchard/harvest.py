"""harvest -- pages for the yard: lots, scales, the price board and the slips for the press."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, g, render_template, stream_with_context
from jinja2 import Environment
from switches import planted

from .services import Lots, Tariffs, Weighings, as_lines, in_blocks, without_crates
from .tables import SORTS, db

ask_for_each_row = planted("duplicate_query@board")
new_overlay_each_time = planted("template_hot@slips")

harvest = Blueprint("harvest", __name__, template_folder="templates")


@harvest.get("/lots")
def lots() -> dict[str, Any]:
    """Who waits for the press."""
    return {"lots": [f"{lot.grower.name}: {lot.kg}" for lot in Lots(db.session()).waiting(110)]}


@harvest.get("/weighings.csv")
def weighings() -> Response:
    """What the scales said, net, as a download."""
    lines = as_lines(without_crates(Weighings(db.engine).run()))
    return Response(stream_with_context(in_blocks(lines)), mimetype="text/csv")


def season_prices() -> dict[str, int]:
    """Cents a kilogram this season."""
    if ask_for_each_row:
        return Tariffs(db.session()).of(2024)  # cause: duplicate_query@board
    if "prices" not in g:
        g.prices = Tariffs(db.session()).of(2024)
    kept: dict[str, int] = g.prices
    return kept


@harvest.app_context_processor
def for_templates() -> dict[str, Any]:
    """Functions that every page may call."""
    return {"price": lambda sort: season_prices()[sort]}  # cause: duplicate_query@board


@harvest.get("/board")
def board() -> str:
    """The price board at the gate."""
    rows = [(sort, size) for sort in SORTS for size in ("small", "medium", "large", "extra", "juice")]
    return render_template("orchard/board.html", rows=rows)


def plain_text(environment: Environment) -> Environment:
    """The same templates for a printer, which knows no HTML."""
    return environment.overlay(  # cause: template_hot@slips
        autoescape=False, trim_blocks=True, lstrip_blocks=True
    )


def printer() -> Environment:
    """Where slips are made."""
    if new_overlay_each_time:
        return plain_text(current_app.jinja_env)  # cause: template_hot@slips
    made: Environment | None = current_app.extensions.get("printer")
    if made is None:
        made = current_app.extensions["printer"] = plain_text(current_app.jinja_env)
    return made


@harvest.get("/slips")
def slips() -> Response:
    """Slips for the press."""
    template = printer().get_template("orchard/slip.txt")  # cause: template_hot@slips
    text = template.render(lot=17, sort="Topaz", kg=412, crates=range(4), grower="Family 17")
    return Response(text, mimetype="text/plain")


@harvest.get("/ledger.csv")
def ledger() -> Response:
    """All weighings, line by line as they are read: nothing is wrong here."""
    lines = (f"{number};{gross}\n" for number, gross in Weighings(db.engine).receipts())
    return Response(stream_with_context(in_blocks(lines, 1000)), mimetype="text/csv")
