"""The bridge: tides, weather, pilots and convoys."""

from __future__ import annotations

import asyncio
from functools import partial
from http.client import HTTPConnection
from typing import Any

from flask import Blueprint
from switches import planted

from .lines import HTTP, PORT, deck, fetch, session

gauges_in_turn = planted("sequential_io@gauges")
blocking_call = planted("blocking_in_async@forecast")
name_each_time = planted("dns_repeat@pilots")

bp = Blueprint("bridge", __name__)
PLACES = ("mole", "lock", "bar", "roads", "basin")
PILOTS = "pilots.harbour.test"


class Gauge:
    """A tide gauge somewhere."""

    def __init__(self, place: str) -> None:
        self.place = place

    @property
    def level(self) -> int:
        """Centimetres."""
        told = fetch(f"/9/x64/gauges/{self.place}")  # cause: sequential_io@gauges
        return sum(map(ord, told[:4]))


@bp.get("/tides")
def tides() -> dict[str, int]:
    """The levels at all gauges."""
    gauges = [Gauge(place) for place in PLACES]
    if gauges_in_turn:
        return {gauge.place: gauge.level for gauge in gauges}  # cause: sequential_io@gauges
    levels = deck.map(lambda gauge: gauge.level, gauges)
    return {gauge.place: level for gauge, level in zip(gauges, levels, strict=True)}


async def forecast(hour: int) -> str:
    """The weather in some hours."""
    if blocking_call:
        answer = session.get(
            f"{HTTP}/14/x300/forecast/{hour}", timeout=5
        )  # cause: blocking_in_async@forecast
        return answer.text[:6]
    loop = asyncio.get_running_loop()
    return (await loop.run_in_executor(deck, fetch, f"/14/x300/forecast/{hour}"))[:6]


@bp.get("/weather")
async def weather() -> dict[str, Any]:
    """The next hours."""
    told = await asyncio.gather(*(forecast(hour) for hour in range(3)))  # cause: blocking_in_async@forecast
    return {"hours": told}


@bp.get("/dock")
async def dock() -> dict[str, Any]:
    """Three bollards, asked at the same time without holding up the loop: nothing is wrong here."""
    loop = asyncio.get_running_loop()
    asked = [loop.run_in_executor(deck, partial(fetch, f"/8/x40/bollards/{n}")) for n in range(3)]
    return {"bollards": [len(each) for each in await asyncio.gather(*asked)]}


class PilotStation:
    """An old service that closes after each answer, so that every question has a connection of its own."""

    def __init__(self) -> None:
        self.address = ""

    def where(self) -> str:
        """Whom to connect to."""
        if name_each_time:
            return PILOTS
        if not self.address:
            connection = HTTPConnection(PILOTS, PORT, timeout=5)
            connection.connect()
            self.address = connection.sock.getpeername()[0]
            connection.close()
        return self.address

    def ask(self, path: str) -> str:
        """One answer."""
        connection = HTTPConnection(self.where(), PORT, timeout=5)
        try:
            connection.request(  # cause: dns_repeat@pilots
                "GET", path, headers={"Host": PILOTS, "Connection": "close"}
            )
            return connection.getresponse().read().decode()
        finally:
            connection.close()


station = PilotStation()


@bp.get("/pilots/<int:number>")
def pilots(number: int) -> dict[str, str]:
    """Who is free, and when he can be on board."""
    free = station.ask(f"/3/x30/free/{number}")[:5]  # cause: dns_repeat@pilots
    return {"pilot": free, "aboard": station.ask(f"/3/x30/aboard/{free}")[:4]}  # cause: dns_repeat@pilots


@bp.get("/convoy")
def convoy() -> dict[str, Any]:
    """Four tugs, asked at the same time by threads that are kept: nothing is wrong here."""
    tugs = [deck.submit(fetch, f"/9/x50/tugs/{n}") for n in range(4)]
    return {"tugs": [len(tug.result()) for tug in tugs]}
