"""schemas -- how rows are told to others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from depot.tables import Category, Item


@dataclass(frozen=True)
class ItemSchema:
    """An item with those who send it."""

    currency: str = "EUR"

    def dump(self, item: Item) -> dict[str, Any]:
        """One item."""
        return {
            "id": item.id,
            "name": item.name,
            "price": f"{item.price / 100:.2f} {self.currency}",
            **self.origin(item),
        }

    def origin(self, item: Item) -> dict[str, str]:
        """Where it comes from."""
        return {
            "supplier": item.supplier.name,  # cause: n_plus_one@items
            "country": item.supplier.country,
        }


def branch(node: Category) -> dict[str, Any]:
    """A category and all below it."""
    return {
        "name": node.name,
        "below": [branch(child) for child in node.children],  # cause: n_plus_one@categories
    }
