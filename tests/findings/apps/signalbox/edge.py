"""The edge: what stands behind the gateway."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import cached_property, lru_cache, partial
from typing import Any

import requests
from flask import Blueprint, g, request
from switches import planted

from .net import CA, HTTP, PORT, TLS, fetch, manager, new_session, workers

probe_in_turn = planted("sequential_io@probes")
flags_by_object = planted("slow_external@flags")
session_each_page = planted("connection_churn@pages")
session_each_key = planted("tls_churn@keys")
name_each_time = planted("dns_repeat@backend")
unbuffered = planted("chatty_reads@feed")

bp = Blueprint("edge", __name__)
UPSTREAMS = ("billing", "catalog", "search", "media", "mail")


class Flags:
    """Which features are on for a caller."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant

    @lru_cache(maxsize=256)  # noqa: B019  # cause: slow_external@flags
    def fetched(self) -> str:
        """What the flag service says; remembered."""
        return fetch(f"/25/x64/flags/{self.tenant}")  # cause: slow_external@flags

    @cached_property
    def on(self) -> frozenset[str]:
        """As a set."""
        told = self.fetched() if flags_by_object else flags_of(self.tenant)  # cause: slow_external@flags
        return frozenset(told[:16])


@lru_cache(maxsize=256)
def flags_of(tenant: str) -> str:
    """The same by tenant."""
    return fetch(f"/25/x64/flags/{tenant}")


@bp.before_request
def know_flags() -> None:
    """For the views, where they want them."""
    g.flags = Flags(request.headers.get("X-Tenant", "main"))


def probe(name: str) -> tuple[str, int]:
    """How one of them is."""
    return name, len(fetch(f"/9/x50/health/{name}"))


def states() -> Iterator[tuple[str, int]]:
    """How all of them are."""
    if probe_in_turn:
        yield from (probe(name) for name in UPSTREAMS)  # cause: sequential_io@probes
    else:
        yield from workers.map(probe, UPSTREAMS)


@bp.get("/upstreams")
def upstreams() -> dict[str, Any]:
    """For the big screen."""
    states_now = dict(states())  # cause: sequential_io@probes
    return {"states": states_now, "dark": "7" in g.flags.on}  # cause: slow_external@flags


@bp.get("/overview/<int:number>")
def overview(number: int) -> dict[str, Any]:
    """Four neighbours, asked at the same time: nothing is wrong here."""
    waiting = [workers.submit(fetch, f"/8/x40/{name}/{number}") for name in UPSTREAMS[:4]]
    return {"sizes": [len(each.result()) for each in waiting]}


def page_after(cursor: str) -> str:
    """The next page of the journal."""
    url = f"{HTTP}/0/x80/journal/{cursor}"
    if session_each_page:
        return requests.get(url, timeout=5).text  # cause: connection_churn@pages
    return manager.request("GET", url, timeout=5.0, retries=False).data.decode()


@bp.get("/journal/<int:number>")
def journal(number: int) -> dict[str, Any]:
    """Page by page: each says where the next begins."""
    cursor, seen = str(number), 0
    while seen < 12 * 80:
        page = page_after(cursor)  # cause: connection_churn@pages
        seen += len(page)
        cursor = page[:6]
    return {"seen": seen}


class KeyServer:
    """Signing keys; each names the one that has signed it."""

    kept: requests.Session | None = None

    def get(self, key: str) -> str:
        """One."""
        url = f"{TLS}/1/x90/keys/{key}"
        if session_each_key:
            with requests.Session() as session:  # cause: tls_churn@keys
                session.trust_env, session.verify = False, CA
                return session.get(url, timeout=5).text  # cause: tls_churn@keys
        if KeyServer.kept is None:
            KeyServer.kept = new_session()
        return KeyServer.kept.get(url, timeout=5).text

    def chain(self, key: str) -> list[str]:
        """All up to the root."""
        found = [key]
        for _ in range(4):
            found.append(self.get(found[-1])[:8])  # cause: tls_churn@keys
        return found


@bp.get("/keys/<int:number>")
def keys(number: int) -> dict[str, Any]:
    """A chain of keys."""
    return {"chain": KeyServer().chain(str(number))}  # cause: tls_churn@keys


class Beacon:
    """Tells a collector which backend was taken."""

    def __init__(self, host: str, port: int) -> None:
        self.peer = (host, port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    @cached_property
    def address(self) -> tuple[Any, ...]:
        """Where it is."""
        return self.look_up()

    def look_up(self) -> tuple[Any, ...]:
        """The first address."""
        return socket.getaddrinfo(*self.peer, socket.AF_INET, socket.SOCK_DGRAM)[0][
            4
        ]  # cause: dns_repeat@backend

    def tell(self, what: str) -> None:
        """And forget it."""
        address = self.look_up() if name_each_time else self.address  # cause: dns_repeat@backend
        self.socket.sendto(what.encode(), address)


beacon = Beacon("collector.signalbox.test", 9125)


@bp.get("/forward/<int:number>")
def forward(number: int) -> dict[str, Any]:
    """To a backend and back."""
    beacon.tell(f"taken:{number}")  # cause: dns_repeat@backend
    answer = fetch(f"/3/x120/backend/{number}")
    beacon.tell(f"done:{len(answer)}")  # cause: dns_repeat@backend
    return {"bytes": len(answer)}


def read_feed(number: int, size: int) -> int:
    """The old feed, which speaks just enough HTTP; how many records it holds."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=5) as connection:
        connection.sendall(f"GET /0/x{size}/feed/{number} HTTP/1.1\r\nHost: feed\r\n\r\n".encode())
        with connection.makefile(
            "rb", buffering=0 if unbuffered else -1
        ) as lines:  # cause: chatty_reads@feed
            while lines.readline() != b"\r\n":  # cause: chatty_reads@feed
                pass
            records = 0
            for part in iter(partial(lines.read, 16), b""):  # cause: chatty_reads@feed
                records += len(part) // 16
                if records * 16 >= size:
                    break
    return records


@bp.get("/feed/<int:number>")
def feed(number: int) -> dict[str, int]:
    """What came in overnight."""
    return {"records": read_feed(number, 96_000)}  # cause: chatty_reads@feed


@lru_cache(maxsize=512)
def limit_of(tenant: int) -> int:
    """How often a tenant may ask; changes with a deployment."""
    return int(fetch(f"/2/x20/limits/{tenant % 3}")[1:4])


@lru_cache(maxsize=1)
def service_token() -> str:
    """Good until the process ends."""
    return fetch("/12/x40/token")[:12]


@bp.get("/limits/<int:number>")
def limits(number: int) -> dict[str, Any]:
    """Limits of the tenants and what one has used: all but one question is answered from memory; nothing is wrong."""
    known = {f"t{tenant}": limit_of(tenant % 3) for tenant in range(40)}
    used = fetch(f"/5/x30/used/{number}?token={service_token()}")
    return {"limits": known, "used": len(used)}
