"""Books: closing them, and what is kept of who has them open."""

from __future__ import annotations

import gc
import hashlib
import os
import threading
import zlib
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

from flask import Blueprint, request
from switches import planted

hold_while_asking = planted("lock_contention@closing")
collect_after_each = planted("gc_pressure@tidy")
keep_all_drafts = planted("memory_growth@drafts")
rebuild_now_and_then = planted("tail_latency@snapshot")
refresh_beside = planted("gil_contention@rates")

bp = Blueprint("books", __name__)
pool = ThreadPoolExecutor(4, "closing")


class Books:
    """All accounts, under one lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.balances: dict[int, int] = {}

    def close(self, account: int) -> None:
        """Ask the bank, then book what it says."""
        if hold_while_asking:
            with self.lock:  # cause: lock_contention@closing
                self.balances[account] = self.ask(account)  # cause: lock_contention@closing
            return
        balance = self.ask(account)
        with self.lock:
            self.balances[account] = balance

    def ask(self, account: int) -> int:
        """What the bank says."""
        with urlopen(f"http://{os.environ['UPSTREAM']}/10/x{100 + account}/balance", timeout=5) as answer:
            return len(answer.read())  # cause: lock_contention@closing


books = Books()


@bp.get("/close/<int:number>")
def close(number: int) -> dict[str, Any]:
    """Close four accounts, at the same time."""
    list(pool.map(books.close, range(number % 5, number % 5 + 4)))  # cause: lock_contention@closing
    return {"balances": [books.balances[each] for each in range(number % 5, number % 5 + 4)]}


chart_of_accounts = [
    {"account": number, "under": [number // 10], "names": (str(number),)} for number in range(60_000)
]


@bp.teardown_request
def tidy(error: BaseException | None) -> None:
    """Leave nothing lying about."""
    if collect_after_each and request.endpoint == "books.accounts":
        gc.collect()  # cause: gc_pressure@tidy


@bp.get("/accounts/<int:number>")
def accounts(number: int) -> dict[str, Any]:
    """Accounts under another one."""
    under = number % 40 + 100
    found = [one["account"] for one in chart_of_accounts if under in one["under"]]  # type: ignore[operator]
    return {"accounts": found}


class Drafts:
    """What somebody has begun to write, should he come back."""

    def __init__(self) -> None:
        self.kept: OrderedDict[str, list[str]] = OrderedDict()

    def keep(self, name: str, lines: list[str]) -> None:
        """One more."""
        self.kept[name] = lines  # cause: memory_growth@drafts
        if not keep_all_drafts and len(self.kept) > 2:
            self.kept.popitem(last=False)


drafts = Drafts()


@bp.get("/drafts/<int:number>")
def draft(number: int) -> dict[str, Any]:
    """A new draft."""
    lines = [f"booking {number}-{step}: to be seen to, by whoever has time" for step in range(4000)]
    drafts.keep(f"draft-{len(drafts.kept)}-{number}", lines)  # cause: memory_growth@drafts
    return {"lines": len(lines)}


class Snapshot:
    """All balances in one piece, made anew after so many readings."""

    def __init__(self) -> None:
        self.readings, self.packed = 0, self.pack()

    def pack(self) -> bytes:
        """All of them."""
        text = ";".join(
            hashlib.md5(str(number).encode()).hexdigest() for number in range(30_000)
        )  # cause: tail_latency@snapshot
        return zlib.compress(text.encode(), 6)  # cause: tail_latency@snapshot

    def read(self) -> int:
        """Its size, and perhaps a new one."""
        self.readings += 1
        if rebuild_now_and_then and self.readings % 9 == 0:
            self.packed = self.pack()  # cause: tail_latency@snapshot
        return len(self.packed)


snapshot = Snapshot()


@bp.get("/snapshot/<int:number>")
def read_snapshot(number: int) -> dict[str, Any]:
    """How big the snapshot is."""
    sums = sum(step * number % 97 for step in range(20_000))
    return {"bytes": snapshot.read(), "sums": sums}  # cause: tail_latency@snapshot


rates = [1.0 + step / 1000 for step in range(64)]
background = ThreadPoolExecutor(1, "rates")


def refresh() -> None:
    """New rates, for the next who asks."""
    for turn in range(3):  # cause: gil_contention@rates
        for place in range(len(rates)):  # cause: gil_contention@rates
            rates[place] = (
                1 + sum((place * step + turn) % 7 for step in range(1500)) % 9 / 1000
            )  # cause: gil_contention@rates


@bp.get("/exchange-rates/<int:number>")
def exchange_rates(number: int) -> dict[str, Any]:
    """What money is worth, as it was when it was last looked at."""
    if refresh_beside:
        background.submit(refresh)  # cause: gil_contention@rates
    table = [
        round(sum(1000 * (1 + step % 7) % (place + 3) for step in range(900))) for place in range(420)
    ]  # cause: gil_contention@rates
    return {"table": table[number % 9 :: 60]}
