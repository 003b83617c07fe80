"""beacon -- views that are coroutines, work in threads, and what they wait for."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from http.client import HTTPConnection
from typing import Any

from flask import Flask
from switches import planted

NEIGHBOUR = os.environ["UPSTREAM"]
HOST, PORT = NEIGHBOUR.split(":")
LAMPS = ("red", "green", "white")
WATCHES = ("dog", "first", "middle", "morning")

app = Flask(__name__)
pool = ThreadPoolExecutor(4, thread_name_prefix="beacon")
own = threading.local()
one_after_other = planted("sequential_io@outlook")
wait_for_result = planted("blocking_in_async@lamps")
query_in_loop = planted("blocking_in_async@charts")
hold_while_asking = planted("lock_contention@watch")
timer_for_each = planted("thread_churn@rota")
recount_beside = planted("gil_contention@tally")
pause = planted("sleep@fog")
poll = planted("sleep@oil")


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


async def fetch(path: str) -> str:
    """The text at a path, without keeping anybody waiting."""
    reader, writer = await asyncio.open_connection(HOST, int(PORT))
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        return (await reader.readexactly(length)).decode()
    finally:
        writer.close()


def ask(path: str) -> str:
    """The same for threads, each of which keeps its line."""
    line: HTTPConnection | None = getattr(own, "line", None)
    if line is None:
        line = own.line = HTTPConnection(NEIGHBOUR, timeout=5)
    line.request("GET", path)
    return line.getresponse().read().decode()


# Coroutines.


@app.get("/outlook")
async def outlook() -> dict[str, str]:
    """Wind, sea and sky."""
    if one_after_other:
        wind = await fetch("/10/x40/wind")  # cause: sequential_io@outlook
        sea = await fetch("/12/x60/sea")  # cause: sequential_io@outlook
        sky = await fetch("/14/x50/sky")  # cause: sequential_io@outlook
    else:
        wind, sea, sky = await asyncio.gather(
            fetch("/10/x40/wind"), fetch("/12/x60/sea"), fetch("/14/x50/sky")
        )
    return {"wind": wind, "sea": sea, "sky": sky}


async def lamp(colour: str) -> str:
    """Whether a lamp burns; the client for lamps knows nothing of coroutines."""
    asked = pool.submit(ask, f"/11/x30/lamp/{colour}")
    if wait_for_result:
        return asked.result(timeout=5)  # cause: blocking_in_async@lamps
    return await asyncio.wrap_future(asked)


@app.get("/lamps")
async def lamps() -> dict[str, Any]:
    """All lamps."""
    return {"lamps": await asyncio.gather(*[lamp(colour) for colour in LAMPS])}


def count_depths(limit: int) -> int:
    """Something for a database to chew on."""
    count = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?) SELECT sum(x) FROM n"
    with sqlite3.connect(":memory:") as depths:
        found: int = depths.execute(count, (limit,)).fetchone()[0]  # cause: blocking_in_async@charts
    return found


async def chart(limit: int) -> int:
    """The figures of a chart."""
    if query_in_loop:
        return count_depths(limit)  # cause: blocking_in_async@charts
    return await asyncio.to_thread(count_depths, limit)


@app.get("/charts")
async def charts() -> dict[str, Any]:
    """A chart, with what the neighbour says of it."""
    depths, remark = await asyncio.gather(chart(70_000), fetch("/25/x80/remark"))
    return {"depths": depths, "remark": remark}


@app.get("/stations")
async def stations() -> dict[str, Any]:
    """All stations, asked at the same time: nothing is wrong here."""
    return {"stations": await asyncio.gather(*(fetch(f"/8/x40/station/{n}") for n in range(5)))}


@app.get("/archive")
async def archive() -> dict[str, str]:
    """Something old, by way of a thread: nothing is wrong here."""
    return {"page": await asyncio.to_thread(ask, "/6/x200/archive")}


# Threads.


def synchronized(work: Callable[..., Any]) -> Callable[..., Any]:
    """Only one thread at a time does this."""
    lock = threading.RLock()

    @wraps(work)
    def inner(*args: Any) -> Any:
        if not hold_while_asking:
            return work(*args)
        with lock:  # cause: lock_contention@watch
            return work(*args)  # cause: lock_contention@watch

    return inner


@synchronized
def keeper_of(watch: str) -> str:
    """Who keeps a watch."""
    return ask(f"/9/x20/keeper/{watch}")


@app.get("/watch")
def watch() -> dict[str, Any]:
    """Who keeps which watch, asked by several threads."""
    return dict(zip(WATCHES, pool.map(keeper_of, WATCHES), strict=True))


@contextmanager
def deadline(seconds: float) -> Iterator[Callable[[], bool]]:
    """Tells whether the time is over."""
    if timer_for_each:
        over = threading.Event()
        timer = threading.Timer(seconds, over.set)
        timer.start()  # cause: thread_churn@rota
        try:
            yield over.is_set
        finally:
            timer.cancel()
    else:
        until = time.monotonic() + seconds
        yield lambda: time.monotonic() > until


def duty(day: int) -> list[str]:
    """Who is on duty on a day, as far as there is time to find out."""
    found = []
    with deadline(2.0) as late:  # cause: thread_churn@rota
        for turn in range(6):
            if late():
                break
            found.append(f"keeper {(day * 7 + turn) % 11}")
    return found


@app.get("/rota")
def rota() -> dict[str, Any]:
    """Everybody's duties."""
    return {f"day {day}": duty(day) for day in range(60)}


def recount(weights: range) -> int:
    """The tally, from the start."""
    total = 0
    for weight in weights:  # cause: gil_contention@tally
        total = (total * 31 + weight) % 1_000_003  # cause: gil_contention@tally
    return total


@app.get("/tally")
def tally() -> str:
    """The listing; the tally is counted anew meanwhile, for the next visitor."""
    if recount_beside:
        threading.Thread(target=recount, args=(range(220_000),)).start()  # cause: gil_contention@tally
    return "\n".join(f"{n:06d} {n * n % 9_973:04d}" for n in range(45_000))


@app.get("/relays")
def relays() -> dict[str, Any]:
    """Relays, by a pool that is there already: nothing is wrong here."""
    return {"relays": list(pool.map(ask, [f"/10/x30/relay/{n}" for n in range(4)]))}


visits = {"count": 0}
visits_lock = threading.Lock()


@app.get("/visits")
def count_visits() -> dict[str, int]:
    """Counts with a lock that is free: nothing is wrong here."""
    for _ in range(400):
        with visits_lock:
            visits["count"] += 1
    return {"visits": visits["count"]}


# Pauses.

stopping = threading.Event()


@app.get("/fog")
def fog() -> dict[str, str]:
    """The horn, after a pause that shall spare the compressor."""
    if pause:
        stopping.wait(0.022)  # cause: sleep@fog
    return {"horn": ask("/3/x10/horn")}


@app.get("/oil")
def oil() -> dict[str, str]:
    """How much oil is left, which a thread finds out."""
    job: Future[str] = pool.submit(ask, "/12/x20/oil")
    if poll:
        while not job.done():
            time.sleep(0.03)  # cause: sleep@oil
    return {"oil": job.result()}
