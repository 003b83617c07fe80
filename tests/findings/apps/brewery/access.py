"""Who may do what."""

from __future__ import annotations

from flask import g
from sqlalchemy import select
from switches import planted

from .store import Grant, session

grants_each_time = planted("duplicate_query@grants")


def grants_of(login: str) -> set[str]:
    """All that somebody may do."""
    return set(
        session().scalars(select(Grant.verb).where(Grant.login == login))
    )  # cause: duplicate_query@grants


def may(verb: str, login: str = "user7") -> bool:
    """Whether somebody may."""
    if grants_each_time:
        return verb in grants_of(login)  # cause: duplicate_query@grants
    if "grants" not in g:
        g.grants = grants_of(login)
    return verb in g.grants
