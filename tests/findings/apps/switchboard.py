"""switchboard -- calls and who takes them: what goes on beside the requests, in the same process."""

from __future__ import annotations

import gc
import json
import logging
import os
import queue
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from typing import Any

import urllib3
from flask import Flask, Response, g
from switches import planted

HTTP = f"http://{os.environ['UPSTREAM']}"
DATA = Path(os.environ["FINDINGS_DATA"])

executor_each_time = planted("thread_churn@numbers")
ask_under_lock = planted("lock_contention@rates")
index_in_process = planted("gil_contention@directory")
collect_batches = planted("gc_pressure@records")
keep_listeners = planted("memory_growth@listeners")
renew_inline = planted("tail_latency@queues")
write_through = planted("log_io@journal")

app = Flask(__name__)
pool = ThreadPoolExecutor(6, thread_name_prefix="switchboard")
manager = urllib3.PoolManager(maxsize=8)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def ask(path: str) -> str:
    """What another service says."""
    return manager.request("GET", HTTP + path, timeout=5.0, retries=False).data.decode()


NUMBERS = [f"+49 30 {n * 7919 % 900000 + 100000}-{n % 90}" for n in range(900)]


def normal(number: str) -> str:
    """A number as machines dial it."""
    digits = "".join(sign for sign in number if sign.isdigit())
    check = sum(int(digit) * (at % 2 + 1) for at, digit in enumerate(digits)) % 10
    return f"00{digits}/{check}"


def normalised(numbers: list[str]) -> list[str]:
    """All of them."""
    if executor_each_time:
        with ThreadPoolExecutor(max_workers=16) as workers:  # cause: thread_churn@numbers
            return list(workers.map(normal, numbers))  # cause: thread_churn@numbers
    return [normal(number) for number in numbers]


@app.get("/numbers")
def numbers() -> dict[str, Any]:
    """The numbers of today's calls."""
    areas = Counter(number[:9] for number in normalised(NUMBERS))  # cause: thread_churn@numbers
    return {"areas": areas.most_common(20), "calls": len(NUMBERS)}


class Rates:
    """What a minute costs, renewed by a thread of its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.table = "0" * 64
        self.wanted = threading.Event()
        threading.Thread(target=self.renew, name="rates", daemon=True).start()

    def renew(self) -> None:
        """Ask for the table whenever somebody has used it for a while."""
        while True:
            self.wanted.wait()
            self.wanted.clear()
            if ask_under_lock:
                with self.lock:
                    self.table = ask("/35/x64/rates")  # cause: lock_contention@rates
            else:
                fresh = ask("/35/x64/rates")
                with self.lock:
                    self.table = fresh

    def of(self, zone: int) -> int:
        """Cents for a minute."""
        with self.lock:  # cause: lock_contention@rates
            return int(self.table[zone % 64], 16)


rates = Rates()


@app.get("/costs")
def costs() -> dict[str, Any]:
    """What the open calls have cost so far."""
    rates.wanted.set()
    open_calls = ask("/12/x300/calls/open")
    cents = sum(rates.of(zone) * 3 for zone in range(40))  # cause: lock_contention@rates
    return {"open": len(open_calls), "cents": cents}


PEOPLE = [
    f"{('Lea', 'Tom', 'Ida', 'Jan')[n % 4]} {('Berg', 'Tal', 'Feld')[n % 3]}{n}, room {n % 70}"
    for n in range(2400)
]
index_of: dict[str, list[int]] = {}
revision = {"people": 1, "indexed": 0}
changed = threading.Event()


def index_people() -> None:
    """Which names have which three letters."""
    fresh: dict[str, list[int]] = {}
    for number, name in enumerate(PEOPLE):
        plain = name.casefold()
        for at in range(len(plain) - 2):  # cause: gil_contention@directory
            fresh.setdefault(plain[at : at + 3], []).append(number)  # cause: gil_contention@directory
    index_of.update(fresh)


def keep_indexed() -> None:
    """Index whenever somebody asks, so that what they find is fresh."""
    while True:
        changed.wait()
        changed.clear()
        if index_in_process or revision["indexed"] != revision["people"]:
            index_people()  # cause: gil_contention@directory
            revision["indexed"] = revision["people"]


threading.Thread(target=keep_indexed, name="indexer", daemon=True).start()


def initials(name: str) -> str:
    """How a person signs."""
    return "".join(part[0] for part in name.replace(",", "").split()[:2])


def by_room(people: list[str]) -> dict[str, list[str]]:
    """Who sits where."""
    rooms: dict[str, list[str]] = {}
    for name in people:
        rooms.setdefault(name.rpartition(" ")[2], []).append(initials(name))
    return rooms


def fullest(rooms: dict[str, list[str]]) -> list[tuple[str, int]]:
    """Rooms with the most people."""
    return sorted(
        ((room, len(set(people))) for room, people in rooms.items()), key=lambda each: (-each[1], each[0])
    )[:9]


@app.get("/directory")
def directory() -> dict[str, Any]:
    """The people of the house."""
    changed.set()  # cause: gil_contention@directory
    rooms = by_room(PEOPLE + PEOPLE + PEOPLE)
    return {"rooms": len(rooms), "fullest": fullest(rooms), "people": sorted(PEOPLE, key=str.casefold)[:20]}


history = [
    {"call": n, "from": NUMBERS[n % 900], "seconds": n * 37 % 900, "tags": [n % 7, n % 11]}
    for n in range(40_000)
]


def batches(size: int) -> Iterator[str]:
    """Records of calls as text, some at a time so that memory stays small."""
    for start in range(0, 2000, size):
        yield "".join(json.dumps(record) + "\n" for record in history[start : start + size])
        if collect_batches:
            gc.collect()  # cause: gc_pressure@records


@app.get("/records.ndjson")
def records() -> Response:
    """The last calls, for the accountants."""
    return Response("".join(batches(500)), mimetype="application/x-ndjson")  # cause: gc_pressure@records


class Exchange:
    """Tells those who listen what happens."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[str], None]] = []

    def listen(self, listener: Callable[[str], None]) -> None:
        """From now on."""
        self.listeners.append(listener)  # cause: memory_growth@listeners

    def forget(self, listener: Callable[[str], None]) -> None:
        """No longer."""
        self.listeners.remove(listener)

    def tell(self, event: str) -> None:
        """All who listen."""
        for listener in self.listeners[-4:]:
            listener(event)


exchange = Exchange()


class Call:
    """A call, with what is heard of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.heard: list[str] = []
        self.samples = [float(number + at) for at in range(12_000)]

    def note(self, event: str) -> None:
        """Something happened."""
        self.heard.append(event)


@app.get("/calls/<int:number>")
def call(number: int) -> dict[str, Any]:
    """Follows a call for a moment."""
    followed = Call(number)
    exchange.listen(followed.note)  # cause: memory_growth@listeners
    loudest = ask("/18/x200/line")[number % 16]
    exchange.tell(f"line {loudest}")
    if not keep_listeners:
        exchange.forget(followed.note)
    return {"call": number, "heard": followed.heard, "mean": sum(followed.samples) / len(followed.samples)}


waiting: dict[str, Any] = {"text": "", "uses": 0}


def measure_queues() -> None:
    """How long people have waited, from all records."""
    longest: dict[int, int] = {}
    for record in history:
        for tag in record["tags"]:  # cause: tail_latency@queues
            longest[tag] = max(longest.get(tag, 0), record["seconds"])  # cause: tail_latency@queues
    waiting["text"] = json.dumps(sorted(longest.items()))


measure_queues()


def queues_text() -> str:
    """The last measurement; every twelfth use makes a new one."""
    waiting["uses"] += 1
    if waiting["uses"] % 12 == 0:
        if renew_inline:
            measure_queues()  # cause: tail_latency@queues
        else:
            threading.Timer(0.05, measure_queues).start()
    return waiting["text"]


@app.get("/queues")
def queues() -> dict[str, Any]:
    """How long people wait."""
    return {"longest": queues_text(), "now": ask("/9/x60/queues")[:4]}  # cause: tail_latency@queues


class Careful(logging.FileHandler):
    """Nothing is lost, even if the machine goes down."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write, and wait for the disk."""
        super().emit(record)
        os.fsync(self.stream.fileno())  # cause: log_io@journal


def make_journal() -> logging.Logger:
    """Where calls are noted, as the law asks for."""
    journal = logging.getLogger("switchboard.journal")
    journal.setLevel(logging.INFO)
    journal.propagate = False
    handler = Careful(DATA / f"switchboard-{os.getpid()}.log")
    if write_through:
        journal.addHandler(handler)
        return journal
    lines: queue.SimpleQueue[Any] = queue.SimpleQueue()
    journal.addHandler(QueueHandler(lines))  # type: ignore[arg-type]
    QueueListener(lines, logging.FileHandler(DATA / f"switchboard-{os.getpid()}.journal")).start()
    return journal


journal = make_journal()


@app.get("/handover")
def handover() -> dict[str, Any]:
    """One shift goes, the next one comes."""
    calls = ask("/15/x120/calls/open")
    for at in range(20):
        journal.info("call %s handed over to desk %d", calls[at : at + 6], at % 5)  # cause: log_io@journal
    return {"handed": 20}


@app.get("/desks")
def desks() -> dict[str, Any]:
    """Five desks asked at the same time by threads that are kept: nothing is wrong here."""
    told = list(pool.map(ask, [f"/{14 + n}/x400/desks/{n}" for n in range(5)]))
    return {"desks": [text.count("e") + len(text) for text in told]}


recent: deque[tuple[float, str]] = deque(maxlen=500)
recent_lock = threading.Lock()


@app.before_request
def begin() -> None:
    """When it began."""
    g.began = time.monotonic()


@app.teardown_request
def end(error: BaseException | None) -> None:
    """What was asked, and how long it took."""
    with recent_lock:
        recent.append((time.monotonic() - g.began, "failed" if error else "answered"))


database = DATA / f"switchboard-{os.getpid()}.db"
with sqlite3.connect(database) as filling:
    filling.execute("CREATE TABLE shift (id INTEGER PRIMARY KEY, desk INTEGER, day INTEGER, calls INTEGER)")
    filling.executemany(
        "INSERT INTO shift (desk, day, calls) VALUES (?, ?, ?)",
        [(n % 9, n // 9, n * 31 % 70) for n in range(27_000)],
    )
mine = threading.local()


@app.get("/shifts")
def shifts() -> dict[str, Any]:
    """Sums over all shifts, by the database, and how it went lately: nothing is wrong here."""
    if not hasattr(mine, "database"):
        mine.database = sqlite3.connect(database)
    rows = mine.database.execute(
        "SELECT desk, day / 30, sum(calls), max(calls) FROM shift GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    with recent_lock:
        kept = len(recent)
    return {"shifts": rows, "kept": min(kept, 1)}
