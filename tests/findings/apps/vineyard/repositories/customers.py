"""Customers and where they looked."""

from __future__ import annotations

from ..database import database


class CustomerRepository:
    """Customers."""

    def by_email(self, email: str) -> tuple[int, str] | None:
        """Who has this address."""
        rows = database.rows(
            "SELECT id, name FROM customers WHERE email = ?", email
        )  # cause: missing_index@email
        return rows[0] if rows else None  # type: ignore[return-value]

    def clicks(self, customer_id: int) -> list[tuple[int, str]]:
        """What somebody looked at, in turn."""
        return database.rows(  # type: ignore[return-value]
            "SELECT at, page FROM clicks WHERE customer_id = ? ORDER BY at", customer_id
        )
