"""pages -- what is printed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Blueprint, current_app, render_template
from switches import planted

pages = Blueprint("pages", __name__)
whole_board = planted("template_hot@board")
letters_anew = planted("template_hot@letters")
LETTERS = ("welcome", "reminder", "farewell")
ADVERTISEMENTS = [
    {"title": f"offer {n}", "cents": n * 37, "tags": {"region": n % 7, "colour": n % 5}} for n in range(900)
]


@pages.get("/board")
def board() -> str:
    """The board of advertisements."""
    shown = ADVERTISEMENTS if whole_board else ADVERTISEMENTS[:30]
    return render_template("gazette/board.html", advertisements=shown)  # cause: template_hot@board


@pages.get("/letters")
def letters() -> dict[str, str]:
    """Letters to subscribers, as they go to the post."""
    return {name: letter(name, subscriber="Ms Holt") for name in LETTERS}


def letter(name: str, **values: Any) -> str:
    """A letter; those who write them see their changes at once."""
    env = current_app.jinja_env
    if letters_anew:
        env = env.overlay(cache_size=0)  # cause: template_hot@letters
    return env.get_template(f"gazette/{name}.txt").render(values)  # cause: template_hot@letters


@pages.get("/front")
def front() -> str:
    """The front page: nothing is wrong here."""
    return render_template("gazette/board.html", advertisements=ADVERTISEMENTS[40:60])


@lru_cache(maxsize=32)
def outlook(region: int) -> str:
    """What the weather will be."""
    return ("rain", "fair", "fog")[region % 3]


@pages.get("/weather")
def weather() -> list[str]:
    """The outlook for every place: nothing is wrong here."""
    return [f"place {n}: {outlook(n % 20)}" for n in range(300)]
