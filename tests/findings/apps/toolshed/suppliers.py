"""Suppliers, makers and messengers: what others know, asked over HTTP."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from flask import Flask, g
from switches import planted

one_after_the_other = planted("sequential_io@suppliers")
rate_each_time = planted("slow_external@rate")
be_polite = planted("sleep@polite")
client_each_time = planted("tls_churn@spares")
resolve_each_time = planted("dns_repeat@guard")
without_buffer = planted("chatty_reads@manual")

HTTP = f"http://{os.environ['UPSTREAM']}"
TLS = f"https://localhost:{os.environ['UPSTREAM_TLS']}"
PORT = int(os.environ["UPSTREAM_HTTP"])
TRUSTED = ssl.create_default_context(cafile=os.environ["UPSTREAM_CA"])
SUPPLIERS = {"hammer & son": 11, "nordic": 9, "ironmonger": 10, "thrift": 8}
HOOKS = "http://hooks.toolshed.test:8080/loans"

plain = httpx.Client(base_url=HTTP, trust_env=False, timeout=5)
secure = httpx.Client(base_url=TLS, verify=TRUSTED, trust_env=False, timeout=5)
workers = ThreadPoolExecutor(4, thread_name_prefix="suppliers")


class Rate:
    """What a pound is in crowns; told anew every day."""

    def __init__(self) -> None:
        self.value, self.until = 0, 0.0

    def now(self) -> int:
        """The rate."""
        if rate_each_time or time.monotonic() > self.until:
            self.value = len(plain.get("/22/x130/rate").text)  # cause: slow_external@rate
            self.until = time.monotonic() + 3600
        return self.value


rate = Rate()


def offer(supplier: str, tool: int) -> int:
    """What a supplier wants for a tool."""
    if be_polite:
        time.sleep(0.006)  # their terms of use  # cause: sleep@polite
    return len(plain.get(f"/{SUPPLIERS[supplier]}/x{90 + tool % 50}/offers/{tool}").content)


def offers(tool: int) -> dict[str, int]:
    """What all want."""
    if one_after_the_other:
        return {
            supplier: offer(supplier, tool) for supplier in SUPPLIERS
        }  # cause: sequential_io@suppliers sleep@polite
    told = workers.map(offer, SUPPLIERS, [tool] * len(SUPPLIERS))
    return dict(zip(SUPPLIERS, told, strict=True))


def prices(tool: int) -> dict[str, Any]:
    """What a new tool costs, in crowns."""
    crowns = rate.now()  # cause: slow_external@rate
    found = offers(tool)  # cause: sequential_io@suppliers sleep@polite
    return {supplier: price * crowns // 10 for supplier, price in found.items()}


class SparesClient:
    """The makers' catalogue of spare parts."""

    def _get(self, path: str) -> str:
        if client_each_time:
            return httpx.get(TLS + path, verify=TRUSTED, timeout=5).text  # cause: tls_churn@spares
        return secure.get(path).text

    def chain(self, tool: int, length: int = 3) -> Iterator[str]:
        """A part, the part that replaces it, and so on."""
        part = str(tool)
        for _ in range(length):
            part = self._get(f"/2/x60/spares/{part}")[: tool % 3 + 4]  # cause: tls_churn@spares
            yield part


def spares(tool: int) -> dict[str, Any]:
    """Spare parts."""
    return {"parts": list(SparesClient().chain(tool))}  # cause: tls_churn@spares


class Refused(ValueError):
    """An address that must not be called."""


def address_of(host: str) -> str:
    """Where a host is."""
    return socket.gethostbyname(host)  # cause: dns_repeat@guard


@lru_cache(maxsize=128)
def kept_address_of(host: str) -> str:
    """The same; hooks are registered by hand, and checked anew with each release."""
    return address_of(host)


def guard(url: str) -> str:
    """Refuse to call what somebody registered to get at machines that are not his."""
    host = urlsplit(url).hostname or ""
    found = address_of(host) if resolve_each_time else kept_address_of(host)  # cause: dns_repeat@guard
    if ipaddress.ip_address(found).is_multicast:
        raise Refused(url)
    return found


def reminders(member: int) -> dict[str, Any]:
    """Remind somebody of his loans: a hook for each kind of message, each told the receipt of the one before."""
    receipts = ["none"]
    for kind in ("overdue", "due"):  # cause: dns_repeat@guard
        guard(f"{HOOKS}/{kind}")  # cause: dns_repeat@guard
        receipts.append(plain.get(f"/3/x30/hooks/{kind}/{member}/{receipts[-1]}").text[:4])
    return {"receipts": receipts, "branch": g.branch}


class ManualReader:
    """Pages of a manual from the old server: records of four bytes, after a head as HTTP has it."""

    RECORD = struct.Struct(">HH")

    def __init__(self, connection: socket.socket) -> None:
        self.stream = connection.makefile(
            "rb", buffering=0 if without_buffer else -1
        )  # cause: chatty_reads@manual

    def head(self) -> int:
        """Over the head; how many bytes come after it."""
        size = 0
        while (line := self.stream.readline().strip()) != b"":  # cause: chatty_reads@manual
            if line.lower().startswith(b"content-length:"):
                size = int(line.split()[1])
        return size

    def records(self) -> Iterator[tuple[int, ...]]:
        """All records."""
        size = self.head()
        if not without_buffer:
            yield from self.RECORD.iter_unpack(self.stream.read(size))
            return
        for _ in range(size // self.RECORD.size):
            record = self.stream.read(self.RECORD.size)  # cause: chatty_reads@manual
            yield self.RECORD.unpack(record)


def manual(tool: int) -> dict[str, Any]:
    """How to use a tool."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=5) as connection:
        connection.sendall(f"GET /0/x16000/manuals/{tool} HTTP/1.1\r\nHost: manuals\r\n\r\n".encode())
        pages = {first >> 8 for first, _ in ManualReader(connection).records()}  # cause: chatty_reads@manual
    return {"pages": len(pages)}


def availability(tool: int) -> dict[str, Any]:
    """Whether other clubs have a tool: asked at the same time, over what is open already."""
    paths = [f"/9/x40/clubs/{club}/{tool}" for club in ("east", "west", "south", "old town")]
    return {"clubs": [answer.text[:3] for answer in workers.map(plain.get, paths)]}


def install(app: Flask) -> None:
    """Views."""
    app.add_url_rule("/prices/<int:tool>", view_func=prices)
    app.add_url_rule("/spares/<int:tool>", view_func=spares)
    app.add_url_rule("/reminders/<int:member>", view_func=reminders)
    app.add_url_rule("/manuals/<int:tool>", view_func=manual)
    app.add_url_rule("/availability/<int:tool>", view_func=availability)
