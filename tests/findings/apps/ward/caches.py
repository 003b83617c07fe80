"""caches -- what the ward remembers."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from flask import Blueprint
from switches import planted

caches = Blueprint("caches", __name__)
collect = planted("gc_pressure@bulletin")
look_meanwhile = planted("gc_pressure@charts")
keep_batches = planted("memory_growth@notes")
REGISTER = [{"id": n, "names": [f"name {n}"], "beds": {n % 40}} for n in range(60_000)]


@caches.get("/bulletin")
def bulletin() -> dict[str, int]:
    """Today in figures."""
    figures = [{"bed": n, "free": n % 3 == 0} for n in range(300)]
    free = sum(one["free"] for one in figures)
    if collect:
        del figures
        gc.collect()  # cause: gc_pressure@bulletin
    return {"free": free}


class Point:
    """A point of a chart."""

    def __init__(self, hour: int, value: int) -> None:
        self.hour, self.value = hour, value


@contextmanager
def undisturbed() -> Iterator[None]:
    """Much is made here that goes away by itself: the collector need not look."""
    if look_meanwhile:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def chart_of(ward: int) -> list[Point]:
    """The points of a ward."""
    return [Point(hour, (hour * 37 + ward) % 101) for hour in range(4000)]  # cause: gc_pressure@charts


@caches.get("/charts")
def charts() -> dict[str, int]:
    """The highest point of all charts."""
    with undisturbed():
        found = [chart_of(ward) for ward in range(20)]  # cause: gc_pressure@charts
        return {"highest": max(point.value for chart in found for point in chart)}


def draw_card(number: int) -> dict[str, Any]:
    """Somebody's card."""
    return {
        "number": number,
        "lines": [f"{number} line {n} of the card" for n in range(900)],
    }  # cause: memory_growth@cards


card_of = lru_cache(maxsize=None if planted("memory_growth@cards") else 8)(
    draw_card
)  # cause: memory_growth@cards


@caches.get("/cards/<int:number>")
def card(number: int) -> dict[str, int]:
    """How many lines there are on a card."""
    return {"lines": len(card_of(number)["lines"])}  # cause: memory_growth@cards


def hand_over(batch: list[str]) -> int:
    """Give notes to whoever comes next."""
    return len(batch)


@caches.get("/notes/<int:number>")
def notes(number: int) -> dict[str, int]:
    """Take notes, which are handed over when the day ends."""
    batch = [f"note {number} {n} about somebody" for n in range(1300)]  # cause: memory_growth@notes
    if keep_batches:
        atexit.register(hand_over, batch)  # cause: memory_growth@notes
    return {"notes": hand_over(batch)}


@lru_cache(maxsize=16)
def bed(number: int) -> list[str]:
    """What is known of a bed."""
    return [f"bed {number} night {n}" for n in range(200)]


@caches.get("/beds/<int:number>")
def beds(number: int) -> dict[str, int]:
    """How many nights: the cache is bounded, nothing is wrong here."""
    return {"nights": len(bed(number))}
