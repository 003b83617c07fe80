"""Policies: one by its number, those that are to be renewed, and what is at risk."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, abort, request
from sqlalchemy import text
from switches import planted

from .tables import core

sum_each_time = planted("slow_query@exposure")
ask_rate_each_time = planted("duplicate_query@rates")

bp = Blueprint("policies", __name__)

BY_NUMBER = text(
    "SELECT p.id, p.premium, p.state, h.name FROM policy p JOIN holder h ON h.id = p.holder_id WHERE p.number = :number"
)


@bp.get("/policies/<int:number>")
def policy(number: int) -> dict[str, Any]:
    """What somebody on the phone reads from the letter."""
    with core() as connection:
        row = connection.execute(  # cause: missing_index@number
            BY_NUMBER, {"number": f"P-{(number + 1) * 7919 % 100003:07d}"}
        ).one_or_none()
    if row is None:
        abort(404)
    return dict(row._mapping)


class Money:
    """Turns premiums into euros."""

    def __init__(self) -> None:
        self.rates: dict[str, int] = {}

    def rate(self, currency: str) -> int:
        """Cents for one of it."""
        if ask_rate_each_time or currency not in self.rates:
            with core() as connection:
                self.rates[currency] = connection.execute(  # cause: duplicate_query@rates
                    text("SELECT cents FROM rate WHERE currency = :currency"), {"currency": currency}
                ).scalar_one()
        return self.rates[currency]

    def euros(self, premium: int, currency: str) -> float:
        """What that is worth."""
        return premium * self.rate(currency) / 100  # cause: duplicate_query@rates


@bp.get("/renewals/<int:number>")
def renewals(number: int) -> dict[str, Any]:
    """Who is to be asked on a day."""
    day = date(2024, 1, 1) + timedelta(days=number * 11 % 3000)
    with core() as connection:
        rows = connection.execute(  # cause: missing_index@renewals
            text(
                "SELECT number, premium, currency FROM policy WHERE renewal = :day AND state = 'active'"
                " ORDER BY number LIMIT 24"
            ),
            {"day": day},
        ).all()
    money = Money()
    asked = [
        {
            "policy": row.number,
            "euros": money.euros(row.premium, row.currency),
        }  # cause: duplicate_query@rates
        for row in rows
    ]
    return {"day": day.isoformat(), "asked": asked}


def exposure_rows() -> list[dict[str, Any]]:
    """Sums by product and state."""
    if not sum_each_time:
        statement = "SELECT product, state, policies, premium, claimed FROM exposure ORDER BY product, state"
    else:
        statement = (
            "SELECT p.product, p.state, count(*) AS policies, sum(p.premium) AS premium,"
            " sum(c.amount) AS claimed FROM policy p LEFT JOIN claim c ON c.policy_id = p.id"
            " GROUP BY p.product, p.state ORDER BY p.product, p.state"
        )
    with core() as connection:
        return [
            dict(row._mapping) for row in connection.execute(text(statement))
        ]  # cause: slow_query@exposure


@bp.get("/exposure")
def exposure() -> dict[str, Any]:
    """What the board wants to see each morning."""
    rows = exposure_rows()  # cause: slow_query@exposure
    return {
        "exposure": [
            {**row, "claimed": int(row["claimed"] or 0), "premium": int(row["premium"])} for row in rows
        ]
    }


@bp.get("/holders/<int:number>")
def holder(number: int) -> dict[str, Any]:
    """A holder with all policies: two statements over indexes, nothing is wrong here."""
    with core() as connection:
        row = connection.execute(text("SELECT * FROM holder WHERE id = :id"), {"id": number % 6000 + 1}).one()
        held = connection.execute(
            text("SELECT number, premium, currency, state FROM policy WHERE holder_id = :id ORDER BY id"),
            {"id": row.id},
        ).all()
    return {"name": row.name, "town": row.town, "policies": [list(each) for each in held]}


@bp.get("/branches")
def branches() -> dict[str, Any]:
    """Branches of a town, however it is written: a scan of a small table, nothing is wrong here."""
    town = request.args.get("town", "TOWN 7")
    with core() as connection:
        rows = connection.execute(
            text("SELECT street FROM branch WHERE lower(town) = lower(:town) ORDER BY id"), {"town": town}
        ).all()
    return {"streets": [row.street for row in rows]}
