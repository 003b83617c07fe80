"""Who is there, and what they may see; templates ask for it."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, request
from sqlalchemy import select
from switches import planted

from .models import Role, Staff, db

ask_each_time = planted("duplicate_query@rights")


def rights() -> set[str]:
    """What whoever is there may do."""
    if ask_each_time or "rights" not in g:
        found = db.session.execute(  # cause: duplicate_query@rights
            select(Role.rights).join(Staff).where(Staff.id == g.staff_id)
        ).scalar_one()
        g.rights = set(found.split())
    return g.rights


def allowed(right: str) -> bool:
    """Whether a part of the page is for them."""
    owned = rights()  # cause: duplicate_query@rights
    return right in owned or "all" in owned


def who() -> None:
    """From the cookie, of which there is none here."""
    g.staff_id = int(request.cookies.get("staff", "1"))


def for_templates() -> dict[str, Any]:
    """What every template knows."""
    return {"allowed": allowed, "agency": "Costa Lets"}


def init_app(app: Flask) -> None:
    """Ask before each request, and hand it to each template."""
    app.before_request(who)
    app.context_processor(for_templates)
