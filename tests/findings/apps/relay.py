"""relay -- views that are coroutines, and views under a pile of decorators."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from typing import Any

import requests
from flask import Flask, g
from switches import planted

HOST, PORT = os.environ["UPSTREAM"].split(":")
NEIGHBOUR = f"http://{HOST}:{PORT}"
PLACES = ("hill", "tower", "mast", "cliff")
RIGHTS_FILE = Path(os.environ.get("FINDINGS_DATA", ".")).absolute() / "rights.json"

app = Flask(__name__)
pool = ThreadPoolExecutor(4, thread_name_prefix="relay")
session = requests.Session()
session.trust_env = False
block_while_asking = planted("blocking_in_async@quotes")
block_while_waiting = planted("blocking_in_async@calls")
one_by_one = planted("sequential_io@places")
read_rights_each_time = planted("serialization_hot@vault")
counts: Counter[str] = Counter()


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


def ask(place: str) -> str:
    """A quote, by the client that everybody knows."""
    return session.get(f"{NEIGHBOUR}/12/quotes/{place}", timeout=5).text


async def quote(place: str) -> str:
    """A quote of a place."""
    if block_while_asking:
        answer = session.get(f"{NEIGHBOUR}/12/quotes/{place}", timeout=5)  # cause: blocking_in_async@quotes
        return answer.text
    return await asyncio.get_running_loop().run_in_executor(pool, ask, place)


@app.get("/quotes")
async def quotes() -> dict[str, Any]:
    """Quotes of all places, asked at the same time, or so it looks."""
    return {"quotes": await asyncio.gather(*(quote(place) for place in PLACES))}


async def call(place: str) -> str:
    """Give the line time, then call."""
    if block_while_waiting:
        time.sleep(0.009)  # cause: blocking_in_async@calls
    else:
        await asyncio.sleep(0.009)
    return await fetch(f"/4/calls/{place}")


@app.get("/calls")
async def calls() -> dict[str, Any]:
    """Call all places."""
    return {"calls": await asyncio.gather(*(call(place) for place in PLACES))}


@app.get("/places")
async def places() -> dict[str, Any]:
    """What all places report."""
    if one_by_one:
        reports = []
        for place in PLACES:  # cause: sequential_io@places
            reports.append(await fetch(f"/11/reports/{place}"))  # cause: sequential_io@places
        return {"reports": reports}
    return {"reports": await asyncio.gather(*(fetch(f"/11/reports/{place}") for place in PLACES))}


@app.get("/together")
async def together() -> dict[str, Any]:
    """Asked at the same time: nothing is wrong here."""
    return {"reports": await asyncio.gather(*(fetch(f"/14/reports/{place}") for place in PLACES))}


# Decorators.


def counted(view: Callable[..., Any]) -> Callable[..., Any]:
    """Counts calls."""

    @wraps(view)
    def inner(*args: Any, **kwargs: Any) -> Any:
        counts[view.__name__] += 1
        return view(*args, **kwargs)

    return inner


def rights() -> dict[str, Any]:
    """Who may do what."""
    found: dict[str, Any] = json.loads(RIGHTS_FILE.read_bytes())  # cause: serialization_hot@vault
    return found


def permitted(right: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Lets only those in who have a right."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        known = None if read_rights_each_time else rights()

        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Any:
            mine = (known or rights())["visitor 17"]  # cause: serialization_hot@vault
            if right not in mine["rights"]:
                return {"error": "not permitted"}, 403
            return view(*args, **kwargs)

        return inner

    return decorate


def timed(view: Callable[..., Any]) -> Callable[..., Any]:
    """Notes how long a view took."""

    @wraps(view)
    def inner(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return view(*args, **kwargs)
        finally:
            g.took = time.perf_counter() - start

    return inner


def write_rights() -> None:
    """The file of rights, once."""
    if not RIGHTS_FILE.exists():
        aside = RIGHTS_FILE.with_suffix(f".{os.getpid()}")
        people = {
            f"visitor {n}": {"rights": ["read", f"write {n}"], "since": [2000 + n % 9, n]}
            for n in range(9000)
        }
        aside.write_text(json.dumps(people))
        aside.replace(RIGHTS_FILE)


write_rights()


@app.get("/vault")
@counted
@permitted("read")
@timed
def vault() -> dict[str, Any]:
    """What lies in the vault."""
    return {"vault": ["gold", "letters"]}


@app.get("/hall")
@counted
@timed
def hall() -> dict[str, Any]:
    """Decorators that cost nothing: nothing is wrong here."""
    return {"hall": ["chairs"]}
