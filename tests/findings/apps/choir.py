"""choir -- an agency for singers: threads beside the requests, and neighbours asked with requests and bare sockets."""

from __future__ import annotations

import gc
import hashlib
import os
import random
import socket
import string
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from typing import Any

import requests
from flask import Blueprint, Flask, g
from switches import planted

PORT, SECURE = int(os.environ["UPSTREAM_HTTP"]), int(os.environ["UPSTREAM_TLS"])
TRUST = os.environ["UPSTREAM_CA"]
NEIGHBOUR = f"http://127.0.0.1:{PORT}"
VOICES = ("soprano", "alto", "tenor", "bass")
one_timer_each = planted("thread_churn@invitations")
session_each = planted("tls_churn@press")
unbuffered = planted("chatty_reads@tuning")
name_each_time = planted("dns_repeat@applause")
fetch_inside = planted("lock_contention@fees")
spin = planted("gil_contention@mix")
look_again = planted("sleep@proof")
collect_each_time = planted("gc_pressure@rehearsal")
flush_in_request = planted("tail_latency@tickets")

app = Flask(__name__)
stage = Blueprint("stage", __name__, url_prefix="/stage")
pool = ThreadPoolExecutor(4, thread_name_prefix="choir")
street = requests.Session()
singers = [{"name": f"singer {n}", "voice": VOICES[n % 4], "keys": [n, n + 1]} for n in range(60_000)]


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def ask(path: str) -> str:
    """What the neighbour answers."""
    return street.get(NEIGHBOUR + path, timeout=5).text


# Threads.


class Overdue(RuntimeError):
    """Something took longer than it may."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Complains when the block takes longer."""
    if one_timer_each:
        late = threading.Event()
        alarm = threading.Timer(seconds, late.set)
        alarm.start()  # cause: thread_churn@invitations
        try:
            yield
        finally:
            alarm.cancel()
        if late.is_set():
            raise Overdue
    else:
        until = time.monotonic() + seconds
        yield
        if time.monotonic() > until:
            raise Overdue


@app.get("/invitations")
def invitations() -> dict[str, int]:
    """A letter to everybody in the first row, each made in time."""
    size = 0
    for singer in singers[:80]:
        with within(2):  # cause: thread_churn@invitations
            size += len(f"Dear {singer['name']}, we need your {singer['voice']}.")
    return {"characters": size}


class Fees:
    """What singers cost today: whoever asks gets what is known, and has it asked for anew behind his back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fees = dict.fromkeys(VOICES, 100)

    def renew(self) -> None:
        """Ask the union."""
        if fetch_inside:
            with self.lock:  # cause: lock_contention@fees
                said = ask("/30/x100/fees")  # cause: lock_contention@fees
                self.fees = dict.fromkeys(VOICES, len(said))
        else:
            said = ask("/30/x100/fees")
            with self.lock:
                self.fees = dict.fromkeys(VOICES, len(said))

    def of(self, voice: str) -> int:
        """One voice's."""
        with self.lock:  # cause: lock_contention@fees
            return self.fees[voice]


fees = Fees()


@app.get("/fees")
def show_fees() -> dict[str, Any]:
    """What an alto costs, and who is free."""
    pool.submit(fees.renew)
    free = ask("/4/x60/free/alto")
    return {"alto": fees.of("alto"), "free": free}  # cause: lock_contention@fees


def watched(seconds: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Notes in the log when a view takes longer than that, while it does."""

    def guard(done: threading.Event, until: float) -> None:
        if spin:
            while not done.is_set():  # cause: gil_contention@mix
                if time.monotonic() > until:  # cause: gil_contention@mix
                    app.logger.warning("still at it")
                    break
        elif not done.wait(until - time.monotonic()):
            app.logger.warning("still at it")

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Any:
            done = threading.Event()
            pool.submit(guard, done, time.monotonic() + seconds)  # cause: gil_contention@mix
            try:
                return view(*args, **kwargs)  # cause: gil_contention@mix
            finally:
                done.set()

        return inner

    return decorate


def lines_of(count: int) -> list[str]:
    """Song lines."""
    dice = random.Random(count)
    return [" ".join(dice.choices(string.ascii_lowercase, k=6)) for _ in range(count)]


def stresses(lines: list[str]) -> list[int]:
    """Which letters carry the tune."""
    return [sum(map(ord, line)) % 11 for line in lines]


def rhymes(lines: list[str]) -> dict[str, int]:
    """How lines end."""
    found: dict[str, int] = {}
    for line in lines:
        found[line[-3:]] = found.get(line[-3:], 0) + 1
    return found


@app.get("/mix")
@watched(seconds=5)
def mix() -> dict[str, int]:
    """A new song from old ones."""
    lines = lines_of(7000)
    return {"stresses": sum(stresses(lines)), "rhymes": len(rhymes(lines))}


def typeset(title: str) -> str:
    """Have a poster set elsewhere."""
    return f"{title}: {len(ask('/12/x300/typeset'))}"


class Proof:
    """A poster that somebody waits for."""

    step_s = 0.05

    def __init__(self, job: Future[str]) -> None:
        self.job = job

    def ready(self) -> str:
        """The poster, when it is there."""
        if look_again:
            while not self.job.done():
                time.sleep(self.step_s)  # cause: sleep@proof
        return self.job.result(timeout=5)


@app.get("/proof")
def proof() -> dict[str, str]:
    """A poster to look at."""
    return {"proof": Proof(pool.submit(typeset, "Requiem")).ready()}  # cause: sleep@proof


# Memory.


@stage.get("/rehearsal")
def rehearsal() -> dict[str, int]:
    """Who comes tonight."""
    g.seats = [{"row": n // 20, "seat": n % 20, "who": singers[n]} for n in range(400)]
    return {"seats": len(g.seats)}


@stage.teardown_request
def tidy(_error: BaseException | None) -> None:
    """Give back what the plan of the seats took."""
    g.pop("seats", None)
    if collect_each_time:
        gc.collect()  # cause: gc_pressure@rehearsal


# Neighbours.


class Newspaper:
    """A paper that takes announcements."""

    kept: requests.Session | None = None

    def session(self) -> requests.Session:
        """Something to talk with."""
        made = requests.Session()
        made.headers["X-Agency"] = "choir"
        return made

    def announce(self, page: str) -> int:
        """Have something printed."""
        address = f"https://localhost:{SECURE}/3/x60/{page}"
        if session_each:
            with self.session() as own:
                return len(own.get(address, timeout=5, verify=TRUST).text)  # cause: tls_churn@press
        Newspaper.kept = Newspaper.kept or self.session()
        return len(self.kept.get(address, timeout=5, verify=TRUST).text)


@app.get("/press")
def press() -> dict[str, int]:
    """An announcement, and the receipt for that many lines."""
    paper = Newspaper()
    lines = paper.announce("announcement")  # cause: tls_churn@press
    return {"lines": lines, "receipt": paper.announce(f"receipt?lines={lines}")}  # cause: tls_churn@press


@app.get("/tuning")
def tuning() -> dict[str, int]:
    """What the tuning machine measured: it speaks HTTP, nearly."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=5) as wire:
        wire.sendall(b"GET /0/x16000/tuning HTTP/1.1\r\nHost: tuner\r\n\r\n")
        with wire.makefile("rb", buffering=0 if unbuffered else -1) as said:  # cause: chatty_reads@tuning
            size = 0
            while (line := said.readline()) != b"\r\n":  # cause: chatty_reads@tuning
                name, _, value = line.partition(b": ")
                size = int(value) if name == b"Content-Length" else size
            tones = 0
            while tones < size:
                tones += len(said.read(4))  # cause: chatty_reads@tuning
    return {"tones": tones}


class Counters:
    """Sends figures to whoever collects them, by datagrams."""

    def __init__(self, host: str, port: int) -> None:
        self.wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.host, self.port = host, port
        self.known: str | None = None

    def where(self) -> str:
        """Its address: datagrams to a name look it up each time."""
        if name_each_time:
            return self.host
        self.known = self.known or socket.gethostbyname(self.host)
        return self.known

    def count(self, figure: str) -> None:
        """One more of it."""
        self.wire.sendto(f"{figure}:1|c".encode(), (self.where(), self.port))  # cause: dns_repeat@applause


counters = Counters("figures.test", 9)


@app.get("/applause")
def applause() -> dict[str, bool]:
    """Somebody claps."""
    counters.count("applause")  # cause: dns_repeat@applause
    counters.count("visitors")  # cause: dns_repeat@applause
    return {"noted": True}


class Sales:
    """Tickets sold, told to the box office some at a time."""

    full = 9

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting: list[str] = []

    def flush(self, sold: list[str]) -> None:
        """Tell the box office."""
        ask(f"/45/x20/sold?tickets={len(sold)}")  # cause: tail_latency@tickets

    def sell(self, ticket: str) -> None:
        """Note one, and tell of all when there are enough."""
        with self.lock:
            self.waiting.append(ticket)
            if len(self.waiting) < self.full:
                return
            sold, self.waiting = self.waiting, []
        if flush_in_request:
            self.flush(sold)  # cause: tail_latency@tickets
        else:
            pool.submit(self.flush, sold)


sales = Sales()


@app.get("/tickets/<int:number>")
def tickets(number: int) -> dict[str, str]:
    """Sell one."""
    ticket = hashlib.sha256(str(number).encode()).hexdigest()[:8]
    sales.sell(ticket)  # cause: tail_latency@tickets
    return {"ticket": ticket}


# Nothing is wrong with these.


@app.get("/posters")
def posters() -> dict[str, int]:
    """Four asked for together, by threads that are there: nothing is wrong here."""
    return dict(
        zip(VOICES, map(len, pool.map(ask, [f"/8/x200/poster/{voice}" for voice in VOICES])), strict=True)
    )


class Licence:
    """A permit that is good for a week, asked for by whoever comes first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.text, self.until = "", 0.0

    def get(self) -> str:
        """The permit."""
        with self.lock:
            if time.monotonic() > self.until:
                self.text = street.get(f"{NEIGHBOUR}/60/x80/licence", timeout=2).text
                self.until = time.monotonic() + 3600
            return self.text


licence = Licence()


@app.get("/licence")
def show_licence() -> dict[str, int]:
    """A slow neighbour, asked once for all: nothing is wrong here."""
    return {"size": len(licence.get())}


@app.get("/accompanist")
def accompanist() -> dict[str, str]:
    """A call that would be tried again, with pauses, if it failed: nothing is wrong here."""
    pause_s = 0.1
    for _ in range(3):
        try:
            answer = street.get(f"{NEIGHBOUR}/6/x50/accompanist", timeout=2)
            answer.raise_for_status()
            return {"accompanist": answer.text}
        except requests.RequestException:
            time.sleep(pause_s)
            pause_s *= 2
    return {"accompanist": "nobody"}


app.register_blueprint(stage)
