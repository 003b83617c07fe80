"""crew -- class-based views over people, written out by an installed serialiser."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView
from plainserial import Field, Nested, Schema
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from switches import planted

from .models import Person, session


class SkillSchema(Schema):
    """A skill."""

    word = Field()


class PersonSchema(Schema):
    """A person with skills."""

    id = Field()
    name = Field()
    skills = Nested(SkillSchema())


with_skills = select(Person).order_by(Person.name).options(selectinload(Person.skills))
everybody = select(Person).order_by(Person.name) if planted("n_plus_one@people") else with_skills
schema = PersonSchema()


class People(MethodView):
    """All people with what they can do."""

    def get(self) -> dict[str, Any]:
        """The list."""
        people = session().scalars(everybody).all()
        return {"people": schema.dump(people, many=True)}  # cause: n_plus_one@people


class Crew(MethodView):
    """Those on duty, loaded together: nothing is wrong here."""

    def get(self) -> dict[str, Any]:
        """The list."""
        people = session().scalars(with_skills.limit(25)).all()
        return {"crew": schema.dump(people, many=True)}
