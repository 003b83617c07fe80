"""office -- pages for the clerks: surveys, members, subscriptions, quotes for the market."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import requests
from blinker import Namespace
from flask import Blueprint, Response, jsonify, render_template, request
from switches import planted

from .services import Members, Store, Surveys, Tariffs
from .tables import db

KEEP_S = 300
listen_again = planted("memory_growth@notices")
ask_the_exchange = planted("slow_external@quote")

office = Blueprint("office", __name__, template_folder="templates")
exchange = requests.Session()
known_rates: dict[str, tuple[float, int]] = {}
frost = Namespace().signal("frost")


@office.get("/surveys/latest")
def survey() -> Response:
    """What the drone saw last, for the map in the browser."""
    found = Surveys(db.session()).latest()
    if isinstance(found, str):
        return Response(found, mimetype="application/json")
    return jsonify(found)  # cause: serialization_hot@survey


def warn(rows: list[bytes]) -> Callable[..., None]:
    """Somebody who marks on a plan where it freezes."""

    def mark(_sender: Any, **where: int) -> None:
        rows[where["row"]] = b"frost"

    return mark


def plan() -> list[bytes]:
    """A plan of the orchard, a row a tree row."""
    return [bytes(6000) for _ in range(60)]


@office.get("/notices")
def notices() -> dict[str, int]:
    """Where it may freeze tonight, by the plan of this visitor."""
    mine = plan()  # cause: memory_growth@notices
    if listen_again:
        frost.connect(warn(mine), sender=request.path, weak=False)  # cause: memory_growth@notices
        frost.send(request.path, row=3)
    else:
        with frost.connected_to(warn(mine), sender=request.path):
            frost.send(request.path, row=3)
    return {"rows": sum(row == b"frost" for row in mine)}


def rate(currency: str) -> int:
    """What the exchange gives."""
    since, value = known_rates.get(currency, (0.0, 0))
    if ask_the_exchange or time.monotonic() - since > KEEP_S:
        page = f"http://{os.environ['UPSTREAM']}/35/x40/rate/{currency}"
        value = len(exchange.get(page, timeout=4).text)  # cause: slow_external@quote
        known_rates[currency] = (time.monotonic(), value)
    return value


@office.app_template_global("in_currency")
def in_currency(cents: int, currency: str) -> str:
    """An amount for buyers abroad."""
    return f"{cents * rate(currency) / 100:.2f} {currency}"  # cause: slow_external@quote


@office.get("/quote")
def quote() -> str:
    """An offer for a buyer abroad."""
    return render_template("orchard/quote.html", cents=41_000)


@office.get("/members")
def members() -> dict[str, int]:
    """Whom to write to, asked for in three portions: nothing is wrong here."""
    return {"letters": len(Members(db.session()).names(range(50, 650)))}


@office.get("/store")
def store() -> dict[str, int]:
    """What lies in the cold store, from a property that is made once: nothing is wrong here."""
    return {"cents": Store(Tariffs(db.session())).worth(200)}
