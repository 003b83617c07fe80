"""texts -- words compared, and settings looked up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from switches import planted

pages = Blueprint("texts", __name__)
WORDS = [f"iron{n * 37 % 1300:04d}" for n in range(2600)]
NAMES = [
    f"{a}{b}smith"
    for a in ("black", "gold", "silver", "tin", "lock", "gun")
    for b in ("er", "en", "y", "o", "ing", "wick", "ham", "ton", "by", "ley", "ford")
]
compare_with_all = planted("hot_function@words")
nearest_kept: dict[str, list[str]] = {}
rank_each_time = planted("hot_function@nearest")


def different(words: list[str]) -> list[str]:
    """Words in their order, each once."""
    found: list[str] = []
    for word in words:  # cause: hot_function@words
        if word not in found:  # cause: hot_function@words
            found.append(word)  # cause: hot_function@words
    return found


@pages.get("/words")
def words() -> dict[str, int]:
    """How many different words there are."""
    found = different(WORDS) if compare_with_all else list(dict.fromkeys(WORDS))  # cause: hot_function@words
    return {"different": len(found)}


def distance(one: str, other: str) -> int:
    """Edits between two words."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):  # cause: hot_function@nearest
        before, row[0] = row[0], at
        for to, wanted in enumerate(other, 1):  # cause: hot_function@nearest
            cost = min(
                row[to] + 1, row[to - 1] + 1, before + (letter != wanted)
            )  # cause: hot_function@nearest
            before, row[to] = row[to], cost  # cause: hot_function@nearest
    return row[-1]


def nearest(name: str) -> list[str]:
    """Names by their likeness."""
    return sorted(NAMES, key=lambda each: distance(each, name))  # cause: hot_function@nearest


@pages.get("/nearest")
def likely() -> dict[str, list[str]]:
    """Whom the visitor may have meant."""
    asked = "goldensmyth of the long hill beyond the river"
    if rank_each_time:
        return {"names": nearest(asked)[:3]}
    if asked not in nearest_kept:
        nearest_kept[asked] = nearest(asked)
    return {"names": nearest_kept[asked][:3]}


class Layer:
    """Settings that fall back to the layer below, found when they are asked for."""

    def __init__(self, values: dict[str, Any], below: Layer | None = None) -> None:
        self.values, self.below = values, below

    def __getattr__(self, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        if self.below is None:
            raise AttributeError(name)
        return getattr(self.below, name)


SETTINGS = Layer(
    {"place": "yard"}, Layer({"shift": 2}, Layer({"colour": "red"}, Layer({"heat": 900, "coal": 3})))
)
look_up_each = planted("attribute_lookup_hot@heats")


def heats(bars: range) -> int:
    """Heat for all bars."""
    total = 0
    if look_up_each:
        for bar in bars:  # cause: attribute_lookup_hot@heats
            total += SETTINGS.heat * bar % SETTINGS.coal  # cause: attribute_lookup_hot@heats
        return total
    heat, coal = SETTINGS.heat, SETTINGS.coal
    for bar in bars:
        total += heat * bar % coal
    return total


@pages.get("/heats")
def heated() -> dict[str, int]:
    """Heat that the day takes."""
    return {"heat": heats(range(14_000))}


@pages.get("/hello")
def hello() -> dict[str, str]:
    """Very little: nothing is wrong here."""
    return {"hello": NAMES[0]}
