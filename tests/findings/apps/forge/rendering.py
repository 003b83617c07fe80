"""rendering -- templates and serialised data."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, render_template
from jinja2 import Template
from switches import planted

pages = Blueprint("rendering", __name__)
GRID = [[(row * col * 7) % 100 for col in range(40)] for row in range(160)]
START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS = [{"at": START + timedelta(minutes=n), "what": f"event {n}", "where": n % 9} for n in range(3200)]
BASKET = pickle.dumps(
    [{"item": f"item {n}", "tags": [f"t{n % 50}", f"u{n}"], "at": (n, n * 2)} for n in range(14_000)]
)
SMITHS = [f"Smith {n}" for n in range(12)]
LETTER = (
    "{% macro line(text) %}<p>{{ text|trim|title }}</p>{% endmacro %}Dear {{ name }},"
    "{% for part in ('iron', 'coal') %}{{ line(part ~ ' for ' ~ name) }}{% endfor %}"
)
render_each_time = planted("template_hot@grid")
compile_each_letter = planted("template_hot@letters")
encode_each_time = planted("serialization_hot@events")
unpack_each_time = planted("serialization_hot@basket")
kept: dict[str, Any] = {}


@pages.get("/grid")
def grid() -> str:
    """A plan of the yard, which is rebuilt once a year."""
    if render_each_time:
        return render_template("grid.html", grid=GRID)  # cause: template_hot@grid
    if "grid" not in kept:
        kept["grid"] = render_template("grid.html", grid=GRID)
    return str(kept["grid"])


def letter_to(name: str) -> str:
    """A letter."""
    if compile_each_letter:
        return Template(LETTER).render(name=name)  # cause: template_hot@letters
    if "letter" not in kept:
        kept["letter"] = Template(LETTER)
    return str(kept["letter"].render(name=name))


@pages.get("/letters")
def letters() -> str:
    """Letters to all smiths."""
    return "\n".join(letter_to(name) for name in SMITHS)


def plain(value: object) -> str:
    """What JSON does not know."""
    assert isinstance(value, datetime)
    return value.isoformat()


def events_text() -> str:
    """All events of the year so far."""
    return json.dumps({"events": EVENTS}, default=plain, indent=1)  # cause: serialization_hot@events


@pages.get("/events")
def events() -> Response:
    """What happened, which changes with a release."""
    if encode_each_time:
        return Response(events_text(), mimetype="application/json")
    if "events" not in kept:
        kept["events"] = events_text()
    return Response(kept["events"], mimetype="application/json")


def load_basket() -> Any:
    """The basket as it was put away."""
    return pickle.loads(BASKET)  # cause: serialization_hot@basket


@pages.get("/basket")
def basket() -> dict[str, int]:
    """How much is in the basket."""
    if not unpack_each_time:
        if "basket" not in kept:
            kept["basket"] = load_basket()
        return {"items": len(kept["basket"])}
    return {"items": len(load_basket())}


@pages.get("/page")
def page() -> str:
    """A page of thirty lines: nothing is wrong here."""
    return render_template("page.html", names=SMITHS)
