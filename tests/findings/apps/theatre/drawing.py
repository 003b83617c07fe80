"""What templates can call: filters, and a context processor."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from flask import Flask, g
from markupsafe import Markup, escape
from switches import planted

from . import store

compile_each = planted("regex_compile@linked")
choice_each_time = planted("duplicate_query@choice")

PERFORMERS = [f"{first} {last}" for first in ("Ida", "Jon", "Mona", "Olaf", "Pia", "Rut", "Sven", "Tilda", "Ulf",
              "Vera", "Yrsa", "Åke", "Bo", "Ebba", "Finn", "Gerd", "Hans", "Ilse", "Kaj", "Liv", "Moa", "Nils")
              for last in ("Holm", "Berg", "Lind", "Dahl", "Ström", "Falk", "Gran", "Hall", "Kvist", "Lund", "Mark",
              "Norr", "Palm", "Quist", "Rask", "Sjö", "Törn", "Uhr", "Wall", "Ek", "Ask", "Alm", "Björk", "Ceder",
              "Drake", "Engel", "Fors", "Gård", "Hed", "Is", "Jord", "Källa", "Löv", "Mo", "Näs", "Ort")]  # fmt: skip
PATTERNS = (
    {} if compile_each else {name: re.compile(rf"\b{re.escape(name)}(?:s|'s)?\b") for name in PERFORMERS}
)


def linked(text: str) -> Markup:
    """A text in which each performer is a link."""
    done = str(escape(text))
    for name in PERFORMERS:
        link = f'<a href="/people/{name}">{name}</a>'
        if compile_each:
            done = re.sub(rf"\b{re.escape(name)}(?:s|'s)?\b", link, done)  # cause: regex_compile@linked
        else:
            done = PATTERNS[name].sub(link, done)
    return Markup(done)


def choice(name: str) -> str:
    """What the theatre has chosen."""
    if choice_each_time:
        found = store.rows(
            "SELECT value FROM choice WHERE name = %s", (name,)
        )  # cause: duplicate_query@choice
        return str(found[0]["value"])
    if "choices" not in g:
        g.choices = {row["name"]: row["value"] for row in store.rows("SELECT name, value FROM choice")}
    return str(g.choices[name])


@lru_cache(maxsize=512)
def money(cents: int) -> str:
    """Euro and cents."""
    return f"{cents // 100},{cents % 100:02d} €"


def attach(app: Flask) -> None:
    """Make them known."""
    app.add_template_filter(linked)
    app.add_template_filter(money)

    @app.context_processor
    def looks() -> dict[str, Any]:
        return {"choice": choice}
