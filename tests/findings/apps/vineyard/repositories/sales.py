"""What is sold, and for how much less."""

from __future__ import annotations

from ..database import database
from ..domain import Line, Promotion


class PromotionRepository:
    """Promotions."""

    def active(self, day: int) -> list[Promotion]:
        """Those of a day."""
        rows = database.rows(  # cause: duplicate_query@promotions
            "SELECT id, grower_id, percent FROM promotions WHERE starts <= ? AND ends >= ?", day, day
        )
        return [Promotion(*row) for row in rows]


class LineRepository:
    """Lines of carts and orders."""

    def of_orders(self, first: int, last: int) -> list[Line]:
        """Lines of these orders."""
        rows = database.rows(
            "SELECT wine_id, bottles, order_lines.cents, grower_id FROM order_lines JOIN wines ON wines.id = wine_id"
            " WHERE order_id BETWEEN ? AND ?",
            first,
            last,
        )
        return [Line(*row) for row in rows]

    def everything(self) -> list[tuple[int, int, int]]:
        """All that was ever sold."""
        return database.rows("SELECT month, bottles, cents FROM order_lines")  # type: ignore[return-value]  # cause: unbounded_result@sales

    def by_month(self) -> list[tuple[int, int]]:
        """What a month brought."""
        return database.rows("SELECT month, SUM(bottles * cents) FROM order_lines GROUP BY month")  # type: ignore[return-value]

    def margins(self) -> dict[int, int]:
        """What is earned with the wines of each grower, from all that was sold beside all like it."""
        rows = database.rows(  # cause: tail_latency@margins
            "SELECT grower_id, SUM(mine.cents - wines.cents / 2) FROM order_lines mine"
            " JOIN wines ON wines.id = mine.wine_id JOIN stock ON stock.wine_id = wines.id"
            " WHERE stock.bottles > 2 GROUP BY grower_id"
        )
        return dict(rows)  # type: ignore[arg-type]
