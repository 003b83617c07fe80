"""Who plays, when, and under which sky."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from flask import Blueprint
from switches import planted

from .clients import bytes_of, text_of, text_of_later, workers

one_after_the_other = planted("sequential_io@artists")
block_the_loop = planted("blocking_in_async@lineup")
block_beside_others = planted("blocking_in_async@sky")

bp = Blueprint("program", __name__)

ARTISTS = ("anna-calvi", "boy-harsher", "caribou", "dry-cleaning", "erobique")


def biography(artist: str) -> str:
    """What the agency writes."""
    return text_of(f"/11/x800/artists/{artist}")  # cause: sequential_io@artists


class Evening:
    """Who plays on an evening."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def biographies(self) -> dict[str, str]:
        """What is written of each."""
        if one_after_the_other:
            return {name: biography(name)[:60] for name in self.names}  # cause: sequential_io@artists
        return {
            name: text[:60] for name, text in zip(self.names, workers.map(biography, self.names), strict=True)
        }


@bp.get("/acts")
def acts() -> dict[str, Any]:
    """Tonight."""
    return {"acts": Evening(ARTISTS).biographies()}  # cause: sequential_io@artists


async def slot(stage: int) -> str:
    """Who is on a stage now."""
    if block_the_loop:
        return text_of(f"/14/x120/stages/{stage}")[:20]  # cause: blocking_in_async@lineup
    return (await text_of_later(f"/14/x120/stages/{stage}"))[:20]


@bp.get("/lineup")
async def lineup() -> dict[str, Any]:
    """Who is on now, everywhere."""
    return {
        "now": await asyncio.gather(*(slot(stage) for stage in range(4)))
    }  # cause: blocking_in_async@lineup


def radar_image(hour: int) -> bytes:
    """Rain, as the weather service draws it."""
    return bytes_of(f"/24/x900/radar/{hour}")  # cause: blocking_in_async@sky


def wettest(image: bytes) -> int:
    """Where most of it falls."""
    return max(range(0, len(image), 30), key=lambda at: sum(image[at : at + 30]))


async def rain(hour: int) -> int:
    """Where it will rain."""
    if block_beside_others:
        return wettest(radar_image(hour))  # cause: blocking_in_async@sky
    return wettest(await asyncio.get_running_loop().run_in_executor(workers, radar_image, hour))


@bp.get("/sky/<int:hour>")
async def sky(hour: int) -> dict[str, Any]:
    """What to wear."""
    wind = asyncio.create_task(text_of_later(f"/20/x40/wind/{hour}"))
    warm = asyncio.create_task(text_of_later(f"/20/x40/warm/{hour}"))
    wet = await rain(hour)  # cause: blocking_in_async@sky
    return {"wet": wet, "wind": (await wind)[:4], "warm": (await warm)[:4]}


@bp.get("/queues")
async def queues() -> dict[str, Any]:
    """How long the bars' queues are, all asked at the same time without a thread: nothing is wrong here."""
    told = await asyncio.gather(*(text_of_later(f"/{9 + bar}/x64/bars/{bar}") for bar in range(4)))
    return {"bars": [len(text.rstrip("0123")) for text in told]}


@cache
def house_rules() -> list[str]:
    """What is not allowed, asked for once."""
    return [text_of(f"/8/x90/rules/{number}") for number in range(4)]


@bp.get("/rules")
def rules() -> dict[str, Any]:
    """Rules that are kept once they are known, and how full it is: nothing is wrong here."""
    return {"rules": [text[:30] for text in house_rules()], "inside": len(text_of("/5/x77/gates/sum"))}
