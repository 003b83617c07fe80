"""lantern -- helps with spelling; asked rarely, so that its processes come and go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from flask import Flask
from switches import planted

learn_at_first_word = planted("cold_start@words")
Kept = TypeVar("Kept")
app = Flask(__name__)


class Later(Generic[Kept]):
    """An attribute that is made by a method when it is first looked at."""

    def __init__(self, make: Any) -> None:
        self.make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, owner: Any, _kind: type | None = None) -> Kept:
        made: Kept = self.make(owner)  # cause: cold_start@words
        owner.__dict__[self.name] = made
        return made


def pairs(words: Iterable[str]) -> Counter[str]:
    """Which letters follow which."""
    found: Counter[str] = Counter()
    for word in words:
        found.update(word[at : at + 2] for at in range(len(word) - 1))
    return found


class Speller:
    """Knows which letters belong together."""

    @Later
    def likely(self) -> Mapping[str, int]:
        """Pairs of letters, learned from all words there are."""
        words = (f"{n * 2654435761 % 2**32:x}{n:o}" for n in range(12_000))
        return pairs(words)  # cause: cold_start@words

    def doubt(self, word: str) -> int:
        """How odd a word looks."""
        known = self.likely  # cause: cold_start@words
        return sum(known.get(word[at : at + 2], 0) < 9 for at in range(len(word) - 1))


speller = Speller()
if not learn_at_first_word:
    speller.doubt("warm")


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/words/<word>")
def words(word: str) -> dict[str, int]:
    """Whether a word looks right."""
    return {"doubt": speller.doubt(word)}  # cause: cold_start@words


seen: dict[int, str] = {}


@app.get("/hints/<int:number>")
def hints(number: int) -> dict[str, str]:
    """A hint, kept for whoever comes next: nothing is wrong here."""
    if number not in seen:
        seen[number] = " ".join(sorted(f"hint {number * n % 97}" for n in range(20)))
    return {"hint": seen[number]}
