"""kiosk -- timetables at a stop: what a process makes only when somebody first stands before it."""

from __future__ import annotations

import heapq
from collections import defaultdict
from functools import cached_property, lru_cache
from typing import Any

from flask import Flask, request
from switches import planted

distances_at_first = planted("cold_start@distances")
trigrams_at_first = planted("cold_start@trigrams")
import_at_first = planted("import_in_request@barcode")

app = Flask(__name__)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


class Network:
    """Stops, and how long it takes from one to the next."""

    size = 300

    def __init__(self) -> None:
        self.links: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for stop in range(self.size):
            for step in (1, 7, 31):
                self.links[stop].append(((stop * step + step) % self.size, 2 + stop * step % 9))
        self.known: list[dict[int, int]] = []

    def from_stop(self, start: int) -> dict[int, int]:
        """Minutes to all the others."""
        best, waiting = {start: 0}, [(0, start)]
        while waiting:
            minutes, stop = heapq.heappop(waiting)
            for other, more in self.links[stop]:
                if minutes + more < best.get(other, 10**6):
                    best[other] = minutes + more
                    heapq.heappush(waiting, (minutes + more, other))
        return best

    def distances(self) -> list[dict[int, int]]:
        """Minutes from each to each."""
        if not self.known:
            self.known = [self.from_stop(stop) for stop in range(self.size)]  # cause: cold_start@distances
        return self.known


network = Network()


@app.get("/routes/<int:number>")
def routes(number: int) -> dict[str, Any]:
    """What is near a stop."""
    minutes = network.distances()[number % network.size]  # cause: cold_start@distances
    return {"near": sorted(stop for stop, far in minutes.items() if far < 15)}


class Names:
    """Names of stops, and where letters occur in them."""

    def __init__(self) -> None:
        syllables = ("ka", "lo", "mi", "ra", "ste", "no", "wald", "berg")
        self.all = [
            f"{syllables[n % 8]}{syllables[n // 8 % 8]}{syllables[n // 64 % 8]}-{n}".title()
            for n in range(25_000)
        ]

    @cached_property
    def by_start(self) -> dict[str, list[int]]:
        """Which names have a part that begins so."""
        found: dict[str, list[int]] = defaultdict(list)
        for number, name in enumerate(self.all):  # cause: cold_start@trigrams
            folded = name.casefold()  # cause: cold_start@trigrams
            for at in range(min(4, len(folded) - 2)):  # cause: cold_start@trigrams
                found[folded[at : at + 2]].append(number)  # cause: cold_start@trigrams
        return found


names = Names()


@app.get("/search")
def search() -> dict[str, Any]:
    """Stops with these letters."""
    numbers = names.by_start.get(request.args["q"], [])  # cause: cold_start@trigrams
    return {"stops": [names.all[number] for number in numbers[:20]], "all": len(numbers)}


def sealed(number: int) -> str:
    """A ticket that nobody can make at home."""
    from cryptography.fernet import Fernet  # cause: import_in_request@barcode

    return Fernet(bytes(43).replace(b"\0", b"A") + b"=").encrypt_at_time(str(number).encode(), 0).decode()


@app.get("/tickets/<int:number>")
def ticket(number: int) -> dict[str, Any]:
    """A ticket."""
    return {"ticket": len(sealed(number))}  # cause: import_in_request@barcode


@lru_cache(maxsize=64)
def line(number: int) -> list[str]:
    """Stops of a line."""
    return names.all[number * 20 : number * 20 + 20]


@app.get("/lines/<int:number>")
def lines(number: int) -> dict[str, Any]:
    """A line's stops, of which the last are kept: nothing is wrong here."""
    return {"stops": line(number % 40)}


if not distances_at_first:
    network.distances()
if not trigrams_at_first:
    names.by_start
if not import_at_first:
    sealed(0)
