"""tariff -- a plugin of the forge; the classes below take a while to make."""

from dataclasses import dataclass, make_dataclass

RATES = {name: len(name) for name in ("bar", "rod", "sheet", "wire")}


@dataclass(order=True)
class Tariff:
    """What a piece costs."""

    name: str
    rate: int = 1


CLASSES = [make_dataclass(f"Grade{n}", [("weight", int), ("rate", int, 1)], order=True) for n in range(28)]


def total(pieces: list[str]) -> int:
    """What all pieces cost."""
    return sum(RATES.get(piece, 1) for piece in pieces)
