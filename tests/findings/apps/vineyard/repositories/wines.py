"""Wines and where they lie."""

from __future__ import annotations

from collections.abc import Sequence

from ..database import database
from ..domain import Wine

CELLARS = ("front", "hill", "quay")


class WineRepository:
    """Wines."""

    def page(self, number: int, size: int) -> list[Wine]:
        """Some of them."""
        rows = database.rows(
            "SELECT id, name, grower_id, year, cents FROM wines WHERE id > ? ORDER BY id LIMIT ?",
            number % 3 * size,
            size,
        )
        return [Wine(*row) for row in rows]

    def grower_names(self) -> dict[int, str]:
        """Names by number."""
        return dict(database.rows("SELECT id, name FROM growers"))  # type: ignore[arg-type]


class StockRepository:
    """Bottles in the cellars."""

    def bottles(self, wine_id: int, cellar: str) -> int:
        """How many of one are in one."""
        found = database.rows(
            "SELECT bottles FROM stock WHERE wine_id = ? AND cellar = ?", wine_id, cellar
        )  # cause: n_plus_one@stock
        return int(found[0][0]) if found else 0

    def of_many(self, wines: Sequence[Wine]) -> dict[int, dict[str, int]]:
        """The same of many."""
        found: dict[int, dict[str, int]] = {wine.id: {} for wine in wines}
        marks = ",".join("?" * len(found))
        for wine_id, cellar, bottles in database.rows(
            f"SELECT wine_id, cellar, bottles FROM stock WHERE wine_id IN ({marks})", *found
        ):
            found[wine_id][cellar] = bottles
        return found
