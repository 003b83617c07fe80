"""What a policy costs: life tables and present values."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from sqlalchemy import text
from switches import planted

from .tables import core

multiply_again = planted("hot_function@survival")

bp = Blueprint("prices", __name__)

DYING = [0.0002 + 0.00003 * 1.095**age for age in range(121)]


def survival(age: int, years: int, smoker: float) -> float:
    """How likely somebody lives for some more years."""
    alive = 1.0
    for year in range(age, min(age + years, 121)):  # cause: hot_function@survival
        alive *= 1.0 - min(0.99, DYING[year] * smoker)  # cause: hot_function@survival
    return alive


def survivals(age: int, years: int, smoker: float) -> list[float]:
    """The same for each number of years."""
    if multiply_again:
        return [survival(age, each, smoker) for each in range(years)]  # cause: hot_function@survival
    alive, found = 1.0, []
    for year in range(age, age + years):
        found.append(alive)
        alive *= 1.0 - min(0.99, DYING[min(year, 120)] * smoker)
    return found


def present_value(age: int, sum_insured: int, smoker: float) -> float:
    """What a promise is worth today."""
    years = 115 - age
    alive = survivals(age, years, smoker)  # cause: hot_function@survival
    return sum(sum_insured * (alive[n - 1] - alive[n]) / 1.02**n for n in range(1, years))


@bp.get("/life/<int:number>")
def life(number: int) -> dict[str, Any]:
    """Premiums for somebody, at each of the sums that are sold."""
    with core() as connection:
        born = connection.execute(
            text("SELECT born FROM holder WHERE id = :id"), {"id": number % 6000 + 1}
        ).scalar_one()
    age = 22 + born.year % 9 + number % 5
    offers = [
        {
            "sum": thousands * 1000,
            "value": round(present_value(age, thousands * 1000, 1.0 + thousands / 400), 2),
        }
        for thousands in range(20, 220, 10)  # cause: hot_function@survival
    ]
    return {"age": age, "offers": offers}


@bp.get("/plan/<int:number>")
def plan(number: int) -> dict[str, Any]:
    """A plan of instalments for somebody's policies: arithmetic that is wanted, nothing is wrong here."""
    with core() as connection:
        rows = connection.execute(
            text("SELECT number, premium FROM policy WHERE holder_id = :id ORDER BY id"),
            {"id": number % 6000 + 1},
        ).all()
    instalments = []
    for row in rows:
        left = row.premium * 100
        for month in range(1, 13):
            interest = left * 3 // 1200
            part = row.premium * 100 // 12 + interest
            left -= part - interest
            instalments.append({"policy": row.number, "month": month, "cents": part, "left": left})
    return {"instalments": instalments, "sum": sum(each["cents"] for each in instalments)}
