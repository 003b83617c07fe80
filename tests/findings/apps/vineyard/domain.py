"""What the shop talks about."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Wine:
    """A wine of a year."""

    id: int
    name: str
    grower_id: int
    year: int
    cents: int
    stock: dict[str, int] = field(default_factory=dict)

    def as_row(self) -> dict[str, object]:
        """For the answer."""
        return {"id": self.id, "name": self.name, "year": self.year, "cents": self.cents, "stock": self.stock}


@dataclass(frozen=True)
class Promotion:
    """Less to pay for a grower's wines."""

    id: int
    grower_id: int
    percent: int


@dataclass(frozen=True, slots=True)
class Line:
    """Bottles in a cart or an order."""

    wine_id: int
    bottles: int
    cents: int
    grower_id: int
