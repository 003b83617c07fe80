"""Wines with all that is known of them."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from switches import planted

from ..domain import Wine
from ..repositories import StockRepository, WineRepository
from ..repositories.wines import CELLARS

ask_each_cellar = planted("n_plus_one@stock")
compile_with_term = planted("regex_compile@highlight")
notes_each_time = planted("disk_io@notes")
through_text = planted("serialization_hot@plain")

SCENTS = (
    "oak",
    "slate",
    "plum",
    "smoke",
    "honey",
    "hay",
    "pepper",
    "clove",
    "moss",
    "iron",
    "cherry",
    "peel",
)
TASTES = ("dry", "round", "short", "long", "stern", "ripe", "lean", "sour", "salty", "warm", "light", "deep")
VOCABULARY = tuple(f"{taste}-?{scent}(?:s|y)?" for taste in TASTES for scent in SCENTS)
KNOWN = re.compile(rf"\b(?:{'|'.join(VOCABULARY)})\b", re.IGNORECASE)


class Cellar:
    """Wines, in pages."""

    def __init__(self, wines: WineRepository, stock: StockRepository) -> None:
        self.wines, self.stock = wines, stock

    def with_stock(self, page: int) -> list[Wine]:
        """Wines and how many bottles of them are where."""
        wines = self.wines.page(page, 400)
        if ask_each_cellar:
            for wine in wines:  # cause: n_plus_one@stock
                wine.stock = {
                    cellar: self.stock.bottles(wine.id, cellar) for cellar in CELLARS
                }  # cause: n_plus_one@stock
        else:
            stock = self.stock.of_many(wines)
            for wine in wines:
                wine.stock = stock[wine.id]
        return wines


def note(wine: Wine) -> str:
    """What somebody wrote of it who tasted it."""
    scent, taste = SCENTS[wine.id % 12], TASTES[wine.id // 12 % 12]
    return (
        f"{taste} {scent} at first, then {taste}-{scent}s of {wine.year}; good with cheese and flint{wine.id}"
    )


def highlighter(term: str) -> re.Pattern[str]:
    """What is shown in bold: the shop's words and those that were asked for."""
    words = [*VOCABULARY, re.escape(term)]
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)  # cause: regex_compile@highlight


def highlight(texts: list[str], term: str) -> list[str]:
    """Texts with the words in bold."""
    if compile_with_term:
        pattern = highlighter(term)  # cause: regex_compile@highlight
        return [pattern.sub(r"<b>\g<0></b>", text) for text in texts]
    return [KNOWN.sub(r"<b>\g<0></b>", text.replace(term, f"<b>{term}</b>")) for text in texts]


class NoteShelf:
    """Tasting notes: a file each, written by the people in the shop, who start it anew when they wrote one."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for number in range(count):
            (folder / f"{number:03d}.txt").write_text(
                f"note {number}: stands well, should be drunk soon. " * 8
            )

    def read(self, number: int) -> str:
        """A note."""
        return (self.folder / f"{number:03d}.txt").read_text()  # cause: disk_io@notes

    @lru_cache(maxsize=1024)  # noqa: B019 there is one shelf
    def kept(self, number: int) -> str:
        """A note that was read before."""
        return self.read(number)

    def of(self, wine: Wine) -> str:
        """The note of a wine."""
        number = wine.id % 350
        return self.read(number) if notes_each_time else self.kept(number)  # cause: disk_io@notes


shelf = NoteShelf(Path(os.environ["FINDINGS_DATA"]) / f"notes-{os.getpid()}", 350)


def plain(value: Any) -> Any:
    """Only what JSON knows, whatever it was before."""
    return json.loads(json.dumps(value, default=str, indent=1))  # cause: serialization_hot@plain


def catalogue(wines: list[Wine]) -> list[dict[str, Any]]:
    """All that is printed."""
    found = [
        {**wine.as_row(), "note": shelf.of(wine)[:60], "words": note(wine).split()}  # cause: disk_io@notes
        for wine in wines
    ]
    return [plain(each) for each in found] if through_text else found  # cause: serialization_hot@plain
