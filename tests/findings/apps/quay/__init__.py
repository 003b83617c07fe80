"""quay -- a harbour office that asks other services for nearly everything: how it asks, and how often."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Flask
from keeper import Keeper
from switches import planted

from . import neighbours

STATIONS = ("bar", "mole", "lock", "buoy")
app = Flask(__name__)
visitors = Keeper(
    host="accounts.keeper.test", port=neighbours.HTTP_PORT, remember_address=not planted("dns_repeat@passes")
)
tide_by_tide = planted("sequential_io@tides")
notify_now = planted("slow_external@notices")


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/tides")
def tides() -> dict[str, Any]:
    """The water at all stations."""
    if tide_by_tide:
        levels = {name: neighbours.level(name) for name in STATIONS}  # cause: sequential_io@tides
    else:
        levels = dict(zip(STATIONS, neighbours.pool.map(neighbours.level, STATIONS), strict=True))
    return {"levels": levels}


@app.get("/notices")
def notices() -> dict[str, Any]:
    """Take a notice; those who subscribed hear of it."""
    if notify_now:
        neighbours.notify("all ships")  # cause: slow_external@notices
    else:
        neighbours.pool.submit(neighbours.notify, "all ships")
    return {"accepted": True}


@app.get("/customs")
def customs() -> dict[str, Any]:
    """Clearance of a ship: each answer is needed for the next question."""
    ship = neighbours.secure("/1/ships/17")
    agent = neighbours.secure(f"/1/agents/{ship[:3]}")
    return {"ship": ship, "cleared": neighbours.secure(f"/1/clearances/{agent[:3]}")}


@app.get("/passes")
@visitors.required  # cause: dns_repeat@passes
def passes() -> dict[str, Any]:
    """Passes of the visitor."""
    return {"passes": [f"pass {n}" for n in range(4)]}


@app.get("/manifest")
def manifest() -> dict[str, Any]:
    """How many containers a ship brings, counted in its manifest."""
    return {"containers": neighbours.count_letters("/x6000/manifest", b"c")}


@app.get("/weather")
def weather() -> dict[str, Any]:
    """A token, then the question that needs it: nothing is wrong here."""
    token = neighbours.fetch("/4/token")
    return {"wind": neighbours.fetch(f"/6/wind/{token}")}


@app.get("/fleet")
def fleet() -> dict[str, Any]:
    """Four services asked at the same time, over connections that are kept: nothing is wrong here."""
    answers = neighbours.pool.map(neighbours.fetch, [f"/12/fleet/{n}" for n in range(4)])
    return {"fleet": list(answers)}


@lru_cache
def depth(berth: int) -> int:
    """Depth of the water, worked out once a berth."""
    return sum(n * berth % 7 for n in range(400))


@app.get("/buoys")
def buoys() -> dict[str, Any]:
    """Two hundred calls that find their answer in a cache: nothing is wrong here."""
    return {"depths": [depth(n % 20) for n in range(200)]}
