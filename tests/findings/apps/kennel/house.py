"""What all pages ask the house for: who works now, and how things are written."""

from __future__ import annotations

from flask import Blueprint, g, request
from sqlalchemy import select, text
from switches import planted

from .extensions import db
from .models import Preference

ask_who_each_time = planted("duplicate_query@keeper")
ask_house_each_time = planted("duplicate_query@preferences")

bp = Blueprint("house", __name__, template_folder="templates")


def keeper() -> dict[str, str]:
    """Who is at the desk."""
    if not ask_who_each_time and "keeper" in g:
        return g.keeper
    row = db.session.execute(  # cause: duplicate_query@keeper
        text("SELECT name, rights FROM keeper WHERE id = :id"),
        {"id": int(request.headers.get("X-Keeper", "3"))},
    ).one()
    g.keeper = {"name": row.name, "rights": row.rights}
    return g.keeper


def may(what: str) -> bool:
    """Whether whoever is at the desk may do this."""
    return what in keeper()["rights"].split()  # cause: duplicate_query@keeper


bp.add_app_template_global(may)


def preference(key: str) -> str:
    """How the house wants it."""
    known: dict[str, str] = g.setdefault("preferences", {})
    if ask_house_each_time or key not in known:
        known[key] = db.session.scalars(  # cause: duplicate_query@preferences
            select(Preference.value).where(Preference.key == key)
        ).one()
    return known[key]
