"""pages -- the portal for customers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from switches import planted

from .store import ask

pages = Blueprint("pages", __name__, template_folder="templates")
count_in_python = planted("unbounded_result@unread")
CUSTOMER = 7


def unread() -> int:
    """How many notices a customer has not seen."""
    if count_in_python:
        notices = ask("SELECT * FROM notice ORDER BY id")  # cause: unbounded_result@unread
        return len(
            [each for each in notices if each["customer"] == CUSTOMER and not each["seen"]]
        )  # cause: unbounded_result@unread
    return ask("SELECT count(*) FROM notice WHERE customer = ? AND NOT seen", CUSTOMER)[0][0]


@pages.context_processor
def badge() -> dict[str, Any]:
    """What stands in the head of each page."""
    return {"unread": unread()}  # cause: unbounded_result@unread


@pages.get("/")
def home() -> str:
    """Where customers start."""
    used = ask(
        "SELECT day, litres FROM reading WHERE meter_id IN (7, 307, 607, 907) ORDER BY day DESC, litres LIMIT 90"
    )
    return render_template("conduit/home.html", used=used)
