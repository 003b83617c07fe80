"""The foyer: what everybody sees."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, render_template, session
from switches import planted

from . import store

include_each_seat = planted("template_hot@seat")
count_in_template = planted("template_hot@genres")
by_chance_in_sql = planted("slow_query@chance")

bp = Blueprint("foyer", __name__)
SEATS = [{"row": n // 24 + 1, "number": n % 24 + 1, "cents": 1500 + n // 48 * 250, "free": n % 7 != 0}
         for n in range(480)]  # fmt: skip
NEWS = ("Ida Holm and Sven Falk sang, Vera Palm's voice filled the hall", "nobody could hear Ulf Gran",
        "an evening of Moa Lund and of Kaj Berg", "Liv Näs was ill, Ebba Ask took over")  # fmt: skip


@bp.get("/seats/<int:number>")
def seats(number: int) -> str:
    """The hall, seat by seat."""
    return render_template("seats.html", seats=SEATS, each=include_each_seat, evening=number)


@bp.get("/repertoire")
def repertoire() -> str:
    """All that is played, each with how many others there are of the kind and in the hall."""
    found = store.rows("SELECT id, title, hall, genre FROM production WHERE id <= 120 ORDER BY id")
    if count_in_template:
        return render_template("repertoire.html", productions=found)
    counts: dict[str, int] = {}
    for one in found:
        for key in (one["genre"], one["hall"]):
            counts[key] = counts.get(key, 0) + 1
    return render_template("repertoire.html", productions=found, counts=counts)


@bp.get("/reviews/<int:number>")
def reviews(number: int) -> str:
    """What the papers wrote."""
    texts = [NEWS[number % 4]]
    stars = [(n % 5 + 1, f"reader {n}") for n in range(number % 10, number % 10 + 70)]
    return render_template(
        "reviews.html", texts=texts, stars=stars
    )  # cause: duplicate_query@choice regex_compile@linked


@bp.get("/tonight")
def tonight() -> dict[str, Any]:
    """Three quotes, by chance."""
    if by_chance_in_sql:
        chosen = store.rows(
            "SELECT id, quote FROM poster ORDER BY RAND() LIMIT 3"
        )  # cause: slow_query@chance
    else:
        start = time.monotonic_ns() // 1000 % 11_900
        chosen = store.rows("SELECT id, quote FROM poster WHERE id > %s ORDER BY id LIMIT 3", (start,))
    return {"quotes": [one["quote"][:40] for one in chosen]}


@bp.get("/tickets/<int:number>")
def tickets(number: int) -> str:
    """A basket: macros, a cached filter and a signed session; nothing is wrong here."""
    session["basket"] = [number, number + 1]
    return render_template("tickets.html", seats=SEATS[:40], evening=number)


menu_kept: dict[str, tuple[float, str]] = {}


@bp.get("/menu")
def menu() -> str:
    """The card of the bar, drawn once an hour: nothing is wrong here."""
    until, text = menu_kept.get("bar", (0.0, ""))
    if time.monotonic() > until:
        text = render_template("menu.html", drinks=[(f"drink {n}", n * 30 + 200) for n in range(200)])
        menu_kept["bar"] = (time.monotonic() + 3600, text)
    return text
