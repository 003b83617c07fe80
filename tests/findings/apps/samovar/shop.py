"""The shop: spelling of names, a model of taste, orders, and a word of the day."""

from __future__ import annotations

import functools
import json
import os
import random
import zlib
from pathlib import Path
from typing import Any

from flask import Blueprint
from switches import planted

spell_at_first = planted("cold_start@spelling")
taste_at_first = planted("cold_start@taste")
import_at_first = planted("import_in_request@orders")

bp = Blueprint("shop", __name__)


class Spelling:
    """Names that differ in a letter from one of ours."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.close: dict[str, str] | None = None

    def ready(self) -> dict[str, str]:
        """Every name with a letter left out, made when somebody first needs it."""
        if self.close is None:
            self.close = {}
            for name in self.names:  # cause: cold_start@spelling
                for at in range(len(name)):  # cause: cold_start@spelling
                    self.close.setdefault(name[:at] + name[at + 1 :], name)  # cause: cold_start@spelling
        return self.close

    def right(self, word: str) -> str | None:
        """How it is spelled."""
        known = self.ready()  # cause: cold_start@spelling
        return next(
            (known[cut] for at in range(len(word)) if (cut := word[:at] + word[at + 1 :]) in known), None
        )


PLACES = ("assam", "darjeeling", "keemun", "sencha", "oolong", "lapsang", "matcha", "ceylon")
spelling = Spelling([f"{first}{second}{n}" for first in PLACES for second in PLACES for n in range(220)])


@bp.get("/spell/<word>")
def spell(word: str) -> dict[str, Any]:
    """A name, spelled right."""
    return {"name": spelling.right(word)}  # cause: cold_start@spelling


def model_file() -> Path:
    """Where the model is, which others have trained."""
    path = Path(os.environ["FINDINGS_DATA"]) / f"taste-{os.getpid()}.model"
    if not path.exists():
        numbers = random.Random(7)
        rows = [{"tea": n, "weights": [round(numbers.random(), 6) for _ in range(40)]} for n in range(4000)]
        path.write_bytes(zlib.compress(json.dumps(rows).encode(), 1))
    return path


@functools.cache
def model(path: Path) -> list[list[float]]:
    """What everybody likes."""
    rows = json.loads(zlib.decompress(path.read_bytes()))  # cause: cold_start@taste
    return [
        [weight / sum(row["weights"]) for weight in row["weights"]] for row in rows
    ]  # cause: cold_start@taste


@bp.get("/taste/<int:number>")
def taste(number: int) -> dict[str, Any]:
    """What goes with a tea."""
    weights = model(model_file())  # cause: cold_start@taste
    mine = weights[number % len(weights)]
    near = sorted(range(60), key=lambda other: sum(map(lambda a, b: abs(a - b), mine, weights[other])))
    return {"near": near[:5]}


def order_book() -> Any:
    """The tables of orders; nobody else needs SQLAlchemy."""
    from sqlalchemy import Column, Integer, MetaData, String, Table  # cause: import_in_request@orders

    return Table("tea_order", MetaData(), Column("id", Integer, primary_key=True), Column("tea", String(40)))


@bp.get("/orders/<int:number>")
def orders(number: int) -> dict[str, Any]:
    """What an order is stored as."""
    book = order_book()  # cause: import_in_request@orders
    return {"number": number, "columns": [column.name for column in book.columns]}


@functools.lru_cache(maxsize=8)
def words(day: int) -> list[str]:
    """Words of a day."""
    return [f"{place}-{day * 7 % 31}" for place in PLACES]


@bp.get("/word/<int:number>")
def word(number: int) -> dict[str, Any]:
    """A little that is kept: nothing is wrong here."""
    return {"words": words(number % 7)}


@bp.get("/steep/<int:number>")
def steep(number: int) -> dict[str, Any]:
    """How long, minute by minute: nothing is wrong here."""
    warm, minutes = 98.0, []
    for _ in range(number % 5 + 20):
        warm = 20 + (warm - 20) * 0.93
        minutes.append(round(warm, 1))
    return {"minutes": minutes}


def prepare() -> None:
    """What is made before the first visitor comes."""
    path = model_file()
    if not spell_at_first:
        spelling.ready()
    if not taste_at_first:
        model(path)
    if not import_at_first:
        order_book()
