"""shifts -- which shift a member works."""

from __future__ import annotations

from typing import Any

from ..db import Database

Shift = dict[str, str]


def find_members(database: Database, team: str) -> list[tuple[str, str]]:
    """Code and name of everybody in the team."""
    with database.cursor() as cursor:
        cursor.execute(database.sql("SELECT code, name FROM members WHERE team = %s ORDER BY code"), (team,))
        return list(cursor.fetchall())


def shift_of(database: Database, cursor: Any, code: str) -> Shift:
    """One member's shift."""
    cursor.execute(database.sql("SELECT place, starts, ends FROM shifts WHERE member = %s"), (code,))
    place, starts, ends = cursor.fetchone()
    return {"place": place, "starts": starts, "ends": ends}


def shifts_of_each(database: Database, codes: list[str]) -> dict[str, Shift]:
    """Shifts by member, looked up one by one."""
    with database.cursor() as cursor:
        found = [shift_of(database, cursor, code) for code in codes]
    return dict(zip(codes, found, strict=True))


def shifts_together(database: Database, codes: list[str]) -> dict[str, Shift]:
    """Shifts by member, from one query."""
    marks = ", ".join(["%s"] * len(codes))
    with database.cursor() as cursor:
        cursor.execute(
            database.sql(f"SELECT member, place, starts, ends FROM shifts WHERE member IN ({marks})"), codes
        )
        return {
            member: {"place": place, "starts": starts, "ends": ends}
            for member, place, starts, ends in cursor.fetchall()
        }
