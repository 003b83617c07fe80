"""What is around the telescope: the mount, the weather, archives of others; and recipes for the night."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import urllib3
from flask import Blueprint, Response
from switches import planted

from .storage import FRAMES, storage

alone_with_mount = planted("lock_contention@mount")
count_while_asked = planted("gil_contention@census")
load_each_time = planted("import_in_request@recipe")
block_the_loop = planted("blocking_in_async@archives")

bp = Blueprint("devices", __name__)
UPSTREAM = f"http://{os.environ['UPSTREAM']}"
RECIPES = Path(__file__).parent / "recipes"
http = urllib3.PoolManager(maxsize=12)
pool = ThreadPoolExecutor(4, thread_name_prefix="devices")
counting = ThreadPoolExecutor(1, thread_name_prefix="census")


def ask(path: str) -> str:
    """What a device or a service answers."""
    return http.request("GET", UPSTREAM + path, timeout=5.0, retries=False).data.decode()


def synchronized(method: Callable[..., Any]) -> Callable[..., Any]:
    """One at a time."""

    @wraps(method)
    def alone(self: Any, *args: Any) -> Any:
        with self.lock:  # cause: lock_contention@mount
            return method(self, *args)  # cause: lock_contention@mount

    return alone


class Mount:
    """Four axes, each with a controller of its own."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.last: dict[str, str] = {}

    @synchronized  # cause: lock_contention@mount
    def position_alone(self, axis: str) -> str:
        """Where an axis stands."""
        self.last[axis] = ask(f"/10/x40/axes/{axis}")[:6]  # cause: lock_contention@mount
        return self.last[axis]

    def position(self, axis: str) -> str:
        """The same; what is told by one axis is kept by nobody else."""
        told = ask(f"/10/x40/axes/{axis}")[:6]
        with self.lock:
            self.last[axis] = told
        return told


the_mount = Mount()


@bp.get("/mount/<int:number>")
def mount(number: int) -> dict[str, Any]:
    """Where the telescope looks."""
    where = (
        the_mount.position_alone if alone_with_mount else the_mount.position
    )  # cause: lock_contention@mount
    axes = ("hour", "declination", "focus", "rotator")
    return {"request": number, "axes": list(pool.map(where, axes))}  # cause: lock_contention@mount


class Census:
    """How many stars are in the frames of this third of the night, by brightness."""

    def __init__(self) -> None:
        self.levels: dict[int, int] = {}
        self.of_frames = -1

    def count(self) -> None:
        """Count again, beside what is done for the page."""
        levels: dict[int, int] = {}
        for step in range(FRAMES // 3):
            for value in storage.frame(step):  # cause: gil_contention@census
                levels[value] = levels.get(value, 0) + 1  # cause: gil_contention@census
        self.levels, self.of_frames = levels, FRAMES

    def start(self) -> None:
        """Have it counted."""
        if count_while_asked or self.of_frames != FRAMES:
            counting.submit(self.count)  # cause: gil_contention@census


census = Census()


@bp.get("/live/<int:number>")
def live(number: int) -> Response:
    """The frames that came last, packed, and the census as far as it is known."""
    census.start()  # cause: gil_contention@census
    packed = [zlib.compress(storage.frame(number + step), 1) for step in range(9)]
    return Response(
        packed, headers={"X-Levels": str(len(census.levels))}, mimetype="application/octet-stream"
    )


class Recipes:
    """Recipes are files that the astronomers put there."""

    def __init__(self) -> None:
        self.kept: dict[str, ModuleType] = {}

    def load(self, name: str) -> ModuleType:
        """A recipe, as it is in its file."""
        spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)  # cause: import_in_request@recipe
        return module

    def get(self, name: str) -> ModuleType:
        """A recipe."""
        if load_each_time:
            return self.load(name)  # cause: import_in_request@recipe
        if name not in self.kept:
            self.kept[name] = self.load(name)
        return self.kept[name]


recipes = Recipes()


@bp.get("/recipes/<int:number>")
def recipe(number: int) -> dict[str, Any]:
    """What to do tonight."""
    return {"steps": recipes.get("deep_sky").plan(number)}  # cause: import_in_request@recipe


async def fetch(archive: str, number: int) -> str:
    """What an archive has of a place in the sky."""
    path = f"/{len(archive) * 2}/x300/{archive}/{number}"
    if block_the_loop:
        return ask(path)  # cause: blocking_in_async@archives
    return await asyncio.get_running_loop().run_in_executor(pool, ask, path)


@bp.get("/archives/<int:number>")
async def archives(number: int) -> dict[str, Any]:
    """What all archives have, asked for at the same time."""
    names = ("north", "south", "orbit")
    found = await asyncio.gather(
        *(fetch(name, number) for name in names)
    )  # cause: blocking_in_async@archives
    return dict(zip(names, map(len, found), strict=True))


@bp.get("/weather/<int:number>")
def weather(number: int) -> dict[str, Any]:
    """Four stations, each asked by a thread that is there already."""
    return {"stations": [told[:4] for told in pool.map(ask, [f"/8/x40/w/{number}/{n}" for n in range(4)])]}
