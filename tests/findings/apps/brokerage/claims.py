"""Claims: those of a holder, of an adjuster, the open ones, and all of them a page at a time."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from sqlalchemy import text
from switches import planted

from .tables import core, raw

ask_for_each_claim = planted("n_plus_one@latest")
filter_here = planted("unbounded_result@open")

bp = Blueprint("claims", __name__)


class Claims:
    """Claims, and what happened with them."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def of_adjuster(self, adjuster: int) -> list[dict[str, Any]]:
        """The last sixty."""
        rows = self.connection.execute(
            text("SELECT id, amount, state FROM claim WHERE adjuster = :a ORDER BY opened DESC LIMIT 60"),
            {"a": adjuster},
        )
        return [dict(row._mapping) for row in rows]

    def latest(self, claim: int) -> str:
        """What happened last with one."""
        return self.connection.execute(  # cause: n_plus_one@latest
            text("SELECT what FROM event WHERE claim_id = :c ORDER BY at DESC LIMIT 1"), {"c": claim}
        ).scalar_one()

    def latest_of_all(self, claims: list[int]) -> dict[int, str]:
        """The same for several."""
        rows = self.connection.execute(
            text(
                "SELECT DISTINCT ON (claim_id) claim_id, what FROM event WHERE claim_id = ANY(:c)"
                " ORDER BY claim_id, at DESC"
            ),
            {"c": claims},
        )
        return {row.claim_id: row.what for row in rows}


@bp.get("/adjusters/<int:number>/claims")
def of_adjuster(number: int) -> dict[str, Any]:
    """What lies on a desk."""
    with core() as connection:
        claims = Claims(connection)
        found = claims.of_adjuster(number % 40)
        if ask_for_each_claim:
            for claim in found:  # cause: n_plus_one@latest
                claim["latest"] = claims.latest(claim["id"])  # cause: n_plus_one@latest
        else:
            latest = claims.latest_of_all([claim["id"] for claim in found])
            for claim in found:
                claim["latest"] = latest[claim["id"]]
    return {"claims": found}


def open_claims(limit: int) -> list[Any]:
    """The costliest that are open."""
    if filter_here:
        with core() as connection:
            rows = connection.execute(  # cause: unbounded_result@open
                text("SELECT id, policy_id, amount, opened, state, told FROM claim WHERE amount > 15000")
            ).all()
        waiting = [row for row in rows if row.state == "open"]  # cause: unbounded_result@open
        return sorted(waiting, key=lambda row: -row.amount)[:limit]
    with core() as connection:
        return list(
            connection.execute(
                text(
                    "SELECT id, policy_id, amount, opened, state, told FROM claim"
                    " WHERE amount > 15000 AND state = 'open' ORDER BY amount DESC LIMIT :limit"
                ),
                {"limit": limit},
            )
        )


@bp.get("/claims/open")
def worst() -> dict[str, Any]:
    """What is to be looked at first."""
    rows = open_claims(40)  # cause: unbounded_result@open
    return {"claims": [{"id": row.id, "amount": row.amount, "told": row.told} for row in rows]}


def one_value(statement: str, *values: object) -> Any:
    """The only value of a statement."""
    with raw() as connection:  # cause: connection_churn@adjusters
        row = connection.execute(statement, values).fetchone()
    return row[0] if row else None


@bp.get("/adjusters")
def adjusters() -> dict[str, Any]:
    """How much there is to do."""
    return {
        "waiting": one_value(
            "SELECT count(*) FROM claim WHERE adjuster = %s", 7
        ),  # cause: connection_churn@adjusters
        "first": str(
            one_value("SELECT min(opened) FROM claim WHERE adjuster = %s", 7)
        ),  # cause: connection_churn@adjusters
        "last": str(
            one_value("SELECT max(opened) FROM claim WHERE adjuster = %s", 7)
        ),  # cause: connection_churn@adjusters
    }


@bp.get("/claims")
def claims() -> dict[str, Any]:
    """All claims, a page by the last one seen: nothing is wrong here."""
    after = int(request.args.get("after", 0))
    with core() as connection:
        rows = connection.execute(
            text(
                "SELECT c.id, c.amount, c.state, p.number FROM claim c JOIN policy p ON p.id = c.policy_id"
                " WHERE c.id > :after ORDER BY c.id LIMIT 50"
            ),
            {"after": after},
        ).all()
    return {"claims": [list(row) for row in rows], "next": rows[-1].id if rows else None}


@bp.get("/claims/settled")
def settled() -> dict[str, Any]:
    """How many are settled, which are most: a count that has to look at them all; nothing is wrong here."""
    with core() as connection:
        count, most = connection.execute(
            text("SELECT count(*), max(amount) FROM claim WHERE state = 'settled'")
        ).one()
    return {"settled": count, "most": most}
