"""shuttle -- rides to the airport: async views, some of which gain nothing by it."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from flask import Flask
from switches import planted

HOST, PORT = "127.0.0.1", int(os.environ["UPSTREAM_HTTP"])
BASE = f"http://{HOST}:{PORT}"
BUSES = ("north", "south", "ring", "express")
STOPS = ("station", "market", "campus", "airport")
ZONES = [f"zone-{n:03d}" for n in range(240)]
ZONE_NUMBERS = {name: n for n, name in enumerate(ZONES)}
JOURNEYS = [(ZONES[n * 37 % 240], ZONES[n * 101 % 240]) for n in range(2500)]

app = Flask(__name__)
ask_blocking = planted("blocking_in_async@seats")
await_in_turn = planted("sequential_io@departures")
search_zones = planted("hot_function@fares")

session = requests.Session()
session.trust_env = False
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=8))
pool = ThreadPoolExecutor(8, thread_name_prefix="shuttle")


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def get(path: str) -> str:
    """The answer of a service, by a client that blocks."""
    return session.get(BASE + path, timeout=5).text


async def free_seats(bus: str) -> int:
    """How many seats a bus has left."""
    path = f"/12/x80/seats/{bus}"
    if ask_blocking:
        answer = get(path)  # cause: blocking_in_async@seats
    else:
        answer = await asyncio.get_running_loop().run_in_executor(pool, get, path)
    return len(answer) - len(bus)


@app.get("/seats")
async def seats() -> dict[str, Any]:
    """Seats in all buses, said to be asked for at the same time."""
    free = await asyncio.gather(*[free_seats(bus) for bus in BUSES])  # cause: blocking_in_async@seats
    return dict(zip(BUSES, free, strict=True))


async def fetch(path: str) -> str:
    """The answer of a service, by a client that does not block."""
    reader, writer = await asyncio.open_connection(HOST, PORT)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].split()[0])
    body = await reader.readexactly(size)
    writer.close()
    return body.decode()


@app.get("/departures")
async def departures() -> dict[str, Any]:
    """When the next bus leaves each stop."""
    found = {}
    if await_in_turn:
        for stop in STOPS:  # cause: sequential_io@departures
            answer = await fetch(f"/11/x60/departures/{stop}")  # cause: sequential_io@departures
            found[stop] = answer[:4]
    else:
        answers = await asyncio.gather(*[fetch(f"/11/x60/departures/{stop}") for stop in STOPS])
        found = {stop: answer[:4] for stop, answer in zip(STOPS, answers, strict=True)}
    return found


def zone_number(name: str) -> int:
    """The place of a zone on the map."""
    if search_zones:
        return ZONES.index(name)  # cause: hot_function@fares
    return ZONE_NUMBERS[name]


def fare(start: str, end: str) -> int:
    """What a journey costs: by the zones between."""
    between = abs(zone_number(start) - zone_number(end))  # cause: hot_function@fares
    return 250 + 15 * between


@app.get("/fares")
async def fares() -> dict[str, Any]:
    """What the journeys of a day brought in, and the weather that goes with it."""
    weather = await fetch("/3/x20/weather")
    income = sum(fare(start, end) for start, end in JOURNEYS)  # cause: hot_function@fares
    return {"income": income, "weather": weather[:4]}


@app.get("/live")
async def live() -> dict[str, Any]:
    """Where all buses are, asked for at the same time: nothing is wrong here."""
    places = await asyncio.gather(*[fetch(f"/10/x40/places/{bus}") for bus in BUSES])
    return {"places": places}


@app.get("/rides/<int:number>")
async def ride(number: int) -> dict[str, Any]:
    """A ride, asked for by a thread that is kept, and its driver: nothing is wrong here."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(pool, get, f"/5/x40/rides/{number}")
    driver = await loop.run_in_executor(pool, get, f"/5/x40/drivers/{found[:3]}")
    return {"ride": found[:6], "driver": driver[:6]}
