"""Committees: who applies, who votes, and who is first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, abort
from psycopg import Connection
from psycopg.rows import DictRow
from switches import planted

from .store import session

rank_each_time = planted("slow_query@ranking")
ask_each_member = planted("n_plus_one@votes")

bp = Blueprint("committee", __name__)


@dataclass
class Applicant:
    """Who applies."""

    connection: Connection[DictRow]
    number: int
    row: DictRow | None = field(init=False)

    def __post_init__(self) -> None:
        self.row = self.connection.execute(
            "SELECT id, name, born FROM applicant WHERE id = %s", (self.number,)
        ).fetchone()

    @property
    def essays(self) -> list[DictRow]:
        """What was handed in."""
        return self.connection.execute(  # cause: missing_index@essays
            "SELECT title, year, words FROM essay WHERE applicant_id = %s ORDER BY year, id", (self.number,)
        ).fetchall()


@bp.get("/applicants/<int:number>")
def applicant(number: int) -> dict[str, Any]:
    """Somebody, with what was handed in."""
    with session() as connection:
        found = Applicant(connection, number * 31 % 12000 + 1)
        if found.row is None:
            abort(404)
        return {"name": found.row["name"], "essays": found.essays}  # cause: missing_index@essays


def best(connection: Connection[DictRow], count: int) -> list[DictRow]:
    """Who is first."""
    if rank_each_time:
        return connection.execute(  # cause: slow_query@ranking
            "SELECT * FROM (SELECT e.applicant_id, avg(m.points) AS points,"
            " rank() OVER (ORDER BY avg(m.points) DESC) AS place FROM essay e JOIN mark m ON m.essay_id = e.id"
            " GROUP BY e.applicant_id) ranked ORDER BY place, applicant_id LIMIT %s",
            (count,),
        ).fetchall()
    return connection.execute(
        "SELECT applicant_id, points, place FROM standing ORDER BY place, applicant_id LIMIT %s", (count,)
    ).fetchall()


@bp.get("/ranking")
def ranking() -> dict[str, Any]:
    """The list on the wall; it changes when a committee has met."""
    with session() as connection:
        rows = best(connection, 30)  # cause: slow_query@ranking
    return {"ranking": [[row["place"], row["applicant_id"], round(float(row["points"]), 2)] for row in rows]}


@dataclass
class Member:
    """Who votes."""

    connection: Connection[DictRow]
    id: int
    name: str

    def yes(self) -> int:
        """How often it was yes."""
        return self.connection.execute(  # cause: n_plus_one@votes
            "SELECT count(*) AS votes FROM vote WHERE member_id = %s AND yes", (self.id,)
        ).fetchone()["votes"]


@dataclass
class Committee:
    """Those who decide together."""

    connection: Connection[DictRow]
    number: int

    def members(self) -> list[Member]:
        """All of them."""
        rows = self.connection.execute(
            "SELECT id, name FROM member WHERE committee = %s ORDER BY id", (self.number,)
        )
        return [Member(self.connection, **row) for row in rows]

    def votes(self) -> list[tuple[str, int]]:
        """How often each said yes."""
        if ask_each_member:
            return [(member.name, member.yes()) for member in self.members()]  # cause: n_plus_one@votes
        members = self.members()
        rows = self.connection.execute(
            "SELECT member_id, count(*) AS votes FROM vote WHERE member_id = ANY(%s) AND yes GROUP BY member_id",
            ([member.id for member in members],),
        )
        votes = {row["member_id"]: row["votes"] for row in rows}
        return [(member.name, votes.get(member.id, 0)) for member in members]


@bp.get("/committees/<int:number>")
def committee(number: int) -> dict[str, Any]:
    """How kind a committee is."""
    with session() as connection:
        return {"votes": Committee(connection, number % 18).votes()}


@bp.get("/offices/<int:number>")
def offices(number: int) -> dict[str, Any]:
    """Offices under an office, found by the database in one statement: nothing is wrong here."""
    with session() as connection:
        rows = connection.execute(
            "WITH RECURSIVE below AS (SELECT id, name, 0 AS depth FROM office WHERE id = %s UNION ALL"
            " SELECT o.id, o.name, b.depth + 1 FROM office o JOIN below b ON o.parent = b.id)"
            " SELECT * FROM below ORDER BY depth, id",
            (number % 12 + 1,),
        ).fetchall()
    return {"offices": rows}
