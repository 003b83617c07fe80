"""Planning a journey: quotes, visas, hotels, legs and the weather."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import httpx
from flask import Blueprint
from switches import planted

from .gateways import HTTP, TRUSTED, Airline, session, wait_before_retry, workers

block_the_loop = planted("blocking_in_async@fares")
one_after_the_other = planted("sequential_io@legs")
ask_each_time = planted("slow_external@weather")

bp = Blueprint("planning", __name__)
AIRLINES = [Airline(code) for code in ("TP", "LH", "AF", "KL")]


def traced(view: Callable[..., Any]) -> Callable[..., Any]:
    """Count what is asked, for async views."""

    @wraps(view)
    async def counted(*values: Any, **named: Any) -> Any:
        traced_calls[view.__name__] = traced_calls.get(view.__name__, 0) + 1
        return await view(*values, **named)

    return counted


traced_calls: dict[str, int] = {}


async def quote(airline: Airline, client: httpx.AsyncClient, number: int) -> int:
    """What an airline wants."""
    if block_the_loop:
        return airline.fare(number)  # cause: blocking_in_async@fares
    return await airline.fare_later(client, number)


@bp.get("/quotes/<int:number>")
@traced
async def quotes(number: int) -> dict[str, Any]:
    """What all airlines want."""
    async with httpx.AsyncClient(verify=TRUSTED, trust_env=False) as client:
        fares = await asyncio.gather(  # cause: blocking_in_async@fares
            *(quote(airline, client, number) for airline in AIRLINES)
        )
    return {"fares": dict(zip((airline.code for airline in AIRLINES), fares, strict=True))}


async def consulate(client: httpx.AsyncClient, paper: str, number: int) -> str:
    """A paper of a consulate, which is asked a second time when it was busy."""
    for attempt in range(2):
        answer = await client.get(f"{HTTP}/4/x64/{paper}/{number}/{attempt}")
        if attempt or paper == "form":
            return answer.text[:6]
        if wait_before_retry:
            time.sleep(0.018)  # cause: blocking_in_async@consulate
        else:
            await asyncio.sleep(0.018)
    raise AssertionError


@bp.get("/visas/<int:number>")
@traced
async def visas(number: int) -> dict[str, Any]:
    """Papers for a journey through three countries."""
    async with httpx.AsyncClient(verify=TRUSTED, trust_env=False) as client:
        papers = await asyncio.gather(  # cause: blocking_in_async@consulate
            *(consulate(client, paper, number) for paper in ("form", "stamp", "photo", "letter"))
        )
    return {"papers": papers}


@bp.get("/hotels/<int:number>")
@traced
async def hotels(number: int) -> dict[str, Any]:
    """Three hotels, asked at the same time: nothing is wrong here."""
    async with httpx.AsyncClient(verify=TRUSTED, trust_env=False) as client:
        told = await asyncio.gather(
            *(client.get(f"{HTTP}/{8 + hotel}/x80/hotels/{hotel}/{number}") for hotel in range(3))
        )
    return {"hotels": [answer.text.count("b") for answer in told]}


class Journey:
    """Legs, one after the other in life, but not in what is known of them."""

    def __init__(self, number: int) -> None:
        self.stops = [(AIRLINES[(number + at) % 4], number * 10 + at) for at in range(5)]

    def legs(self) -> list[dict[str, Any]]:
        """Each leg."""
        if one_after_the_other:
            found = []
            for airline, number in self.stops:  # cause: sequential_io@legs
                found.append(airline.leg(number))  # cause: sequential_io@legs
            return found
        return list(workers.map(lambda stop: stop[0].leg(stop[1]), self.stops))


@bp.get("/itineraries/<int:number>")
def itinerary(number: int) -> dict[str, Any]:
    """A journey."""
    return {"legs": Journey(number).legs()}  # cause: sequential_io@legs


class Weather:
    """What it will be like; the service says something new each hour."""

    hour_s = 3600.0

    def __init__(self) -> None:
        self.known: dict[str, tuple[float, str]] = {}

    def ask(self, town: str) -> str:
        """From the service."""
        return session().get(f"{HTTP}/75/x90/weather/{town}", timeout=5).text  # cause: slow_external@weather

    def of(self, town: str) -> str:
        """As it was said last, if that is not long ago."""
        if ask_each_time:
            return self.ask(town)  # cause: slow_external@weather
        then, text = self.known.get(town, (0.0, ""))
        if time.monotonic() - then > self.hour_s or not text:
            text = self.ask(town)
            self.known[town] = (time.monotonic(), text)
        return text


weather = Weather()


@bp.get("/weather/<town>")
def weather_of(town: str) -> dict[str, Any]:
    """What to pack, and when the bus goes."""
    said = weather.of(town)  # cause: slow_external@weather
    bus = session().get(f"{HTTP}/4/x50/bus/{town}/{said[:6]}", timeout=5).text
    return {"town": town, "rain": said.count("a"), "bus": bus[:5]}
