"""Operations: looks at many things at once."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Blueprint
from flask.views import MethodView
from switches import planted

from .net import fetch, workers

threads_each_sweep = planted("thread_churn@sweep")
fetch_on_loop = planted("blocking_in_async@summary")
lock_while_asking = planted("lock_contention@registry")
rescore_here = planted("gil_contention@rescore")

bp = Blueprint("ops", __name__)
sweepers = ThreadPoolExecutor(8, thread_name_prefix="sweep")


def look_at(port: int) -> int:
    """Whether something is right with a port."""
    return zlib.crc32(str(port).encode()) % 97


def in_parallel(work: Callable[[int], int], items: Iterable[int]) -> list[int]:
    """All at once."""
    if not threads_each_sweep:
        return list(sweepers.map(work, items))
    found: list[int] = []
    threads = [threading.Thread(target=lambda one=one: found.append(work(one))) for one in items]
    for thread in threads:
        thread.start()  # cause: thread_churn@sweep
    for thread in threads:
        thread.join()  # cause: thread_churn@sweep
    return found


@bp.get("/sweep/<int:number>")
def sweep(number: int) -> dict[str, Any]:
    """The ports of a machine."""
    ports = range(number, number + 160)
    return {"sum": sum(in_parallel(look_at, ports))}  # cause: thread_churn@sweep


async def part(name: str, number: int) -> int:
    """A part of the summary."""
    path = f"/10/x60/{name}/{number}"
    if fetch_on_loop:
        text = fetch(path)  # cause: blocking_in_async@summary
    else:
        text = await asyncio.get_running_loop().run_in_executor(workers, fetch, path)
    return len(text)


class Summary(MethodView):
    """The numbers at the top of the page."""

    async def get(self, number: int) -> dict[str, Any]:
        """All at once."""
        names = ("errors", "latency", "traffic", "saturation")
        sizes = await asyncio.gather(
            *(part(name, number) for name in names)
        )  # cause: blocking_in_async@summary
        return dict(zip(names, sizes, strict=True))


bp.add_url_rule("/summary/<int:number>", view_func=Summary.as_view("summary"))


class Registry:
    """Where services run; several threads ask and remember."""

    def __init__(self) -> None:
        self.guard = threading.RLock()
        self.seen: dict[str, int] = {}

    def where(self, service: str) -> int:
        """One service."""
        if lock_while_asking:
            with self.guard:  # cause: lock_contention@registry
                return self.note(service, fetch(f"/8/x48/where/{service}"))  # cause: lock_contention@registry
        answer = fetch(f"/8/x48/where/{service}")
        with self.guard:
            return self.note(service, answer)

    def note(self, service: str, answer: str) -> int:
        """Remember how often it was asked for."""
        self.seen[service] = self.seen.get(service, 0) + 1
        return len(answer)


registry_of_services = Registry()


@bp.get("/registry/<int:number>")
def registry(number: int) -> dict[str, Any]:
    """Where five services run now."""
    names = [f"service-{n}" for n in range(5)]
    found = list(workers.map(registry_of_services.where, names))  # cause: lock_contention@registry
    return {"asked": number, "found": found}


SAMPLE = bytes(range(251)) * 1600


def score(sample: bytes) -> int:
    """Adler's sum of what a tenant has sent, to see whether it has changed."""
    if not rescore_here:
        return zlib.adler32(sample)
    low, high = 1, 0
    for byte in sample:  # cause: gil_contention@rescore
        low = (low + byte) % 65521  # cause: gil_contention@rescore
        high = (high + low) % 65521  # cause: gil_contention@rescore
    return high << 16 | low


@bp.get("/drift/<int:number>")
def drift(number: int) -> dict[str, Any]:
    """How far a tenant has moved: the neighbours are asked while the sums are made in a thread."""
    made = workers.submit(score, SAMPLE)  # cause: gil_contention@rescore
    cursor = str(number)
    for _ in range(6):
        cursor = fetch(f"/1/x40/drift/{cursor}")[:5]  # cause: gil_contention@rescore
    return {"cursor": cursor, "before": made.done()}
