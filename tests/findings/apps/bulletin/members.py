"""Members: who they are, and letters to them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Blueprint, current_app, render_template_string, request
from jinja2 import Template
from sqlalchemy import select, text
from switches import planted

from .tables import member, reading, switch, topic

compare_as_number = planted("slow_query@card")
template_for_each = planted("template_hot@letters")

bp = Blueprint("members", __name__)


@bp.get("/members/by-card/<int:number>")
def by_card(number: int) -> dict[str, Any]:
    """Whose card this is."""
    card = 1_000_000 + (number + 1) * 7
    with reading() as connection:
        found = connection.execute(  # cause: slow_query@card
            text("SELECT id, name FROM member WHERE card = :card"),
            {"card": card if compare_as_number else str(card)},
        )
        row = found.one()
    return {"member": list(row)}


@bp.get("/members")
def members() -> dict[str, Any]:
    """Members after the last one seen, from the primary key: nothing is wrong here."""
    after = request.args.get("after", 0, type=int)
    chosen = select(member.c.id, member.c.name).where(member.c.id > after).order_by(member.c.id).limit(40)
    with reading() as connection:
        return {"members": [list(row) for row in connection.execute(chosen)]}


@bp.get("/members/<int:number>/page")
def page(number: int) -> dict[str, Any]:
    """A member with his topics and all switches, of which there are three: nothing is wrong here."""
    with reading() as connection:
        name = connection.scalar(select(member.c.name).where(member.c.id == number + 1))
        titles = connection.scalars(select(topic.c.title).where(topic.c.member == number + 1).limit(20)).all()
        switches = connection.execute(select(switch)).all()
    return {"name": name, "topics": list(titles), "switches": [list(row) for row in switches]}


LETTER = """Dear {{ name }},
{% if number % 2 %}your card is to be renewed{% else %}your card is still good{% endif %}.
{% for line in lines %}- {{ line | trim }}
{% endfor %}Yours, the board"""


@lru_cache(maxsize=1)
def compiled() -> Template:
    """The letter, ready to be filled in."""
    return current_app.jinja_env.from_string(LETTER)


@bp.get("/letters/<int:number>")
def letters(number: int) -> dict[str, Any]:
    """Letters to members."""
    chosen = (
        select(member.c.id, member.c.name).where(member.c.id > number * 12).order_by(member.c.id).limit(12)
    )
    with reading() as connection:
        rows = connection.execute(chosen).all()
    found = []
    for row in rows:  # cause: template_hot@letters
        values = {"number": row.id, "lines": [" one", " two"]}
        if template_for_each:
            source = LETTER.replace("{{ name }}", row.name)
            found.append(render_template_string(source, **values))  # cause: template_hot@letters
        else:
            found.append(compiled().render(name=row.name, **values))
    return {"letters": found}
