"""The gate: who comes in, and what is counted there."""

from __future__ import annotations

import http.client
import os
import socket
import threading
from typing import Any

from flask import Blueprint
from switches import planted

from .clients import PORT, text_of, workers

look_up_each_count = planted("dns_repeat@counts")
look_up_each_call = planted("dns_repeat@crew")
renew_inline = planted("tail_latency@lease")

bp = Blueprint("gate", __name__)


class Counts:
    """Sends what happens to whoever draws the curves, over UDP, as everybody does."""

    host = "counts.festival.test"

    def __init__(self) -> None:
        self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sink.bind(("127.0.0.1", 0))
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address: tuple[str, int] | None = None

    def where(self) -> tuple[str, int]:
        """The address that the name has."""
        if look_up_each_count or self.address is None:
            family, kind = socket.AF_INET, socket.SOCK_DGRAM
            found = socket.getaddrinfo(
                self.host, self.sink.getsockname()[1], family, kind
            )  # cause: dns_repeat@counts
            self.address = (str(found[0][4][0]), int(found[0][4][1]))
        return self.address

    def add(self, name: str, by: int = 1) -> None:
        """One more."""
        self.out.sendto(f"{name}:{by}|c".encode(), self.where())  # cause: dns_repeat@counts


counts = Counts()


@bp.get("/gates/<int:number>")
def gate(number: int) -> dict[str, Any]:
    """Lets somebody in."""
    counts.add("gate.asked")  # cause: dns_repeat@counts
    known = text_of(f"/6/x50/bands/{number}")
    counts.add("gate.known", len(known))  # cause: dns_repeat@counts
    counts.add(f"gate.{number % 3}")  # cause: dns_repeat@counts
    return {"gate": number % 3, "known": known[:6]}


class Crew:
    """Who is on duty, as the crew's own service knows."""

    def __init__(self) -> None:
        self.kept = threading.local()

    def connection(self) -> http.client.HTTPConnection:
        """To the service."""
        if look_up_each_call or not hasattr(self.kept, "connection"):
            self.kept.connection = http.client.HTTPConnection("crew.festival.test", int(PORT), timeout=5)
        return self.kept.connection

    def ask(self, path: str) -> str:
        """What it says."""
        connection = self.connection()
        connection.request("GET", path)  # cause: dns_repeat@crew
        return connection.getresponse().read().decode()


crew = Crew()


@bp.get("/duty/<int:number>")
def duty(number: int) -> dict[str, Any]:
    """Who is on duty, who stands in for them, and where they are."""
    who = crew.ask(f"/2/x20/duty/{number}")  # cause: dns_repeat@crew
    instead = crew.ask(f"/2/x20/instead/{who[:6]}")  # cause: dns_repeat@crew
    where = crew.ask(f"/2/x20/where/{instead[:6]}/{number}")  # cause: dns_repeat@crew
    return {"who": who[:6], "instead": instead[:6], "where": where[:6]}


class Lease:
    """A right to ask, which is used up after some time."""

    uses = 9

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.left = self.uses
        self.token = f"first-{os.getpid()}"

    def renew(self) -> None:
        """Ask for another one."""
        self.token = text_of(f"/65/x32/lease/{self.token[:5]}")[:16]  # cause: tail_latency@lease

    def use(self) -> str:
        """The right, once."""
        with self.lock:
            self.left -= 1
            due = self.left <= 0
            if due:
                self.left = self.uses
        if due and renew_inline:
            self.renew()  # cause: tail_latency@lease
        elif due:
            workers.submit(self.renew)
        return self.token


lease = Lease()


@bp.get("/entries/<int:number>")
def entries(number: int) -> dict[str, Any]:
    """How many came in through a gate."""
    right = lease.use()  # cause: tail_latency@lease
    return {"entries": text_of(f"/8/x64/entries/{number}/{len(right)}").count("a")}
