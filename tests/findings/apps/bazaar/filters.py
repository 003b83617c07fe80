"""filters -- how templates write things."""

from __future__ import annotations

from flask import g
from sqlalchemy import select
from switches import planted

from .models import Setting, db

ask_each_time = planted("duplicate_query@currency")


def setting(name: str) -> str:
    """What the shop keeper set."""
    if ask_each_time:
        return db.session.scalar(
            select(Setting.value).where(Setting.name == name)
        )  # cause: duplicate_query@currency
    if "settings" not in g:
        g.settings = dict(db.session.execute(select(Setting.name, Setting.value)).all())
    return g.settings[name]


def money(cents: int) -> str:
    """A price as people read it."""
    return f"{cents / 100:.2f} {setting('currency')}"  # cause: duplicate_query@currency
