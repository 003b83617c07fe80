"""The weather: async views, of which one forgets what it is."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.request import urlopen

from flask import Blueprint
from switches import planted

from .clients import NEIGHBOUR

ask_in_the_loop = planted("blocking_in_async@stations")

bp = Blueprint("weather", __name__)


def reading(station: int) -> int:
    """What a station says."""
    url = f"{NEIGHBOUR}/14/x{100 + station}/station"
    with urlopen(url, timeout=5) as answer:  # cause: blocking_in_async@stations
        return len(answer.read())


async def station(number: int) -> int:
    """The same, for who awaits."""
    if ask_in_the_loop:
        return reading(number)  # cause: blocking_in_async@stations
    return await asyncio.to_thread(reading, number)


@bp.get("/stations")
async def stations() -> dict[str, Any]:
    """All stations at the same time, as somebody thought."""
    return {
        "readings": await asyncio.gather(*(station(n) for n in range(5)))
    }  # cause: blocking_in_async@stations


async def radar(number: int) -> bytes:
    """A picture, by a client that awaits."""
    host, port = NEIGHBOUR.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"GET /12/x{200 + number}/radar HTTP/1.1\r\nHost: radar\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        return await reader.readexactly(200 + number)
    finally:
        writer.close()


@bp.get("/radar")
async def radars() -> dict[str, Any]:
    """Pictures at the same time: nothing is wrong here."""
    return {"sizes": [len(each) for each in await asyncio.gather(*(radar(n) for n in range(4)))]}
