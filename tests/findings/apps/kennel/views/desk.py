"""The desk: walks, visits, letters, and how full the house is."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from flask import Blueprint, current_app, render_template
from jinja2 import Template
from sqlalchemy import func, select
from switches import planted

from ..extensions import db
from ..models import Adoption, Animal, House, Keeper, Treatment, Walk

search_in_template = planted("template_hot@calendar")
compile_each_letter = planted("template_hot@letter")

bp = Blueprint("desk", __name__, template_folder="../templates")


@bp.get("/walks")
def walks() -> str:
    """Six weeks of walks."""
    rows = db.session.execute(
        select(Walk.day, Walk.minutes, Walk.walker, House.name).join(House, House.id == Walk.house_id)
    ).all()
    if search_in_template:
        return render_template("kennel/calendar.html", walks=rows)  # cause: template_hot@calendar
    by_day = defaultdict(list)
    for row in rows:
        by_day[row.day].append(row)
    return render_template("kennel/calendar_by_day.html", by_day=by_day)


@bp.get("/visits")
def visits() -> str:
    """Who may be visited today, with buttons for those who may press them."""
    rows = db.session.execute(
        select(Animal.id, Animal.name, House.name.label("house"))
        .join(House)
        .where(Animal.house_id.in_([3, 4, 5]))
        .order_by(Animal.arrived.desc())
        .limit(90)
    ).all()
    return render_template("kennel/visits.html", animals=rows)


LETTER = """
{% macro greeting(person) %}Dear {{ person.name }} of {{ person.town|upper }},{% endmacro %}
{% macro signed(who, role='for the shelter') %}{{ who|title }}, {{ role }}{% endmacro %}
{{ greeting(person) }}
{% for animal in animals %}
  {% if loop.first %}you asked for{% elif loop.last %}and{% else %},{% endif %} {{ animal.name }},
  {% if animal.grams > 20000 %}who is big{% elif animal.grams > 4000 %}who is not small{% else %}who is small{% endif %}
  {%- for word in ('kind', 'quick', 'shy') if loop.index0 == animal.grams % 3 %} and {{ word }}{% endfor %}
{% endfor %}
{% set total = animals|sum(attribute='grams') %}
All of them together are {{ '%.1f'|format(total / 1000) }} kg{% if total > 90000 %} (you will need a car){% endif %}.
{% for line in ('We are open from two to five.', 'Please bring a box.', 'Dogs want a lead.') %}{{ line }}
{% endfor %}
{{ signed('the desk') }}{% if person.town != 'Emden' %}, {{ signed('the vet', role='who knows them') }}{% endif %}
"""


@cache
def letter_template(text: str) -> Template:
    """A text as a template, compiled once."""
    return current_app.jinja_env.from_string(text)


def letter_text(person: dict[str, str], animals: list[dict[str, object]]) -> str:
    """What is printed."""
    if compile_each_letter:
        return current_app.jinja_env.from_string(LETTER).render(  # cause: template_hot@letter
            person=person, animals=animals
        )
    return letter_template(LETTER).render(person=person, animals=animals)


@bp.get("/letters/<int:number>")
def letter(number: int) -> str:
    """A letter to somebody who asked."""
    rows = db.session.execute(
        select(Animal.name, Animal.grams).where(Animal.house_id == number % 24 + 1).limit(12)
    ).all()
    person = {"name": f"Person {number}", "town": ("Emden", "Gera")[number % 2]}
    return letter_text(person, [row._asdict() for row in rows])  # cause: template_hot@letter


@bp.get("/today")
def today() -> dict[str, int]:
    """How full the house is: a statement for each table, all of them cheap; nothing is wrong here."""
    counts = {}
    for model in (Animal, Adoption, Treatment, House, Keeper, Walk):
        counts[model.__tablename__] = db.session.scalars(select(func.count()).select_from(model)).one()
    return counts
