"""Partners: others who print what we write, each with an address and manners of his own."""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import ssl
import threading
from http.client import HTTPConnection
from typing import Any

import httpx
from flask import Blueprint, abort, g, request
from switches import planted

from .clients import HOST, NEIGHBOUR, PORT, wires

client_for_each = planted("tls_churn@contracts")
resolve_each_time = planted("dns_repeat@syndicate")
read_byte_by_byte = planted("chatty_reads@morgue")
ask_who_it_is = planted("slow_external@token")

bp = Blueprint("partners", __name__)


@bp.before_request
def check_token() -> None:
    """Only for partners."""
    if request.endpoint != "partners.articles":
        return
    token = request.args.get("token", "")
    if ask_who_it_is:
        answer = wires.get(f"{NEIGHBOUR}/22/x16/introspect", timeout=5)  # cause: slow_external@token
        g.partner = answer.text[:4]
        return
    signed = hmac.new(b"between us", token.encode(), hashlib.sha256).hexdigest()
    g.partner = "0123" if len(signed) == 64 else abort(401)


def count_words(number: int) -> dict[str, int]:
    """How often words are in an article."""
    text = " ".join(f"w{(number + step) * 7919 % 211}" for step in range(4000))
    counts: dict[str, int] = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return dict(sorted(counts.items())[:20])


@bp.get("/articles/<int:number>")
def articles(number: int) -> dict[str, Any]:
    """An article, for a partner."""
    return {"for": g.partner, "words": count_words(number)}


trust = ssl.create_default_context(cafile=os.environ.get("UPSTREAM_CA"))
secure = f"https://localhost:{os.environ.get('UPSTREAM_TLS', '9')}"
kept_client = httpx.Client(base_url=secure, verify=trust)


def ask_securely(path: str) -> str:
    """A neighbour who insists on TLS."""
    if client_for_each:
        with httpx.Client(base_url=secure, verify=trust) as client:  # cause: tls_churn@contracts
            return client.get(path).text  # cause: tls_churn@contracts
    return kept_client.get(path).text


@bp.get("/contracts/<int:number>")
def contracts(number: int) -> dict[str, Any]:
    """A contract, its owner and what he owes."""
    contract = ask_securely(f"/2/x{100 + number}/contract")  # cause: tls_churn@contracts
    owner = ask_securely(f"/2/x{len(contract)}/owner")  # cause: tls_churn@contracts
    debt = ask_securely(f"/2/x{len(owner) + 1}/debt")  # cause: tls_churn@contracts
    return {"contract": len(contract), "owner": len(owner), "debt": len(debt)}


class Syndicate:
    """Papers that print each other's articles; each has a name of its own."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def address(self, host: str) -> str:
        """Where a paper is."""
        if resolve_each_time or host not in self.known:
            self.known[host] = socket.gethostbyname(host)  # cause: dns_repeat@syndicate
        return self.known[host]

    def ask(self, host: str, path: str) -> int:
        """Length of what it says."""
        connection = HTTPConnection(self.address(host), PORT, timeout=5)  # cause: dns_repeat@syndicate
        connection.request("GET", path, headers={"Host": host})
        try:
            return len(connection.getresponse().read())
        finally:
            connection.close()


syndicate = Syndicate()


@bp.get("/syndicate/<int:number>")
def syndicated(number: int) -> dict[str, Any]:
    """How long an article is in one paper, and what that paper took it from."""
    first = syndicate.ask("herald.papers.example", f"/x{90 + number}/article")  # cause: dns_repeat@syndicate
    second = syndicate.ask("tribune.papers.example", f"/x{first + 1}/article")  # cause: dns_repeat@syndicate
    return {"lengths": [first, second]}


class Morgue:
    """The archive of old articles: a protocol of lines over a connection that stays open."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.socket: socket.socket | None = None
        self.file: Any = None

    def connected(self) -> socket.socket:
        """The connection."""
        if self.socket is None:
            self.socket = socket.create_connection((HOST, PORT), timeout=5)
            self.file = self.socket.makefile("rb")
        return self.socket

    def line(self) -> bytes:
        """The next line."""
        if not read_byte_by_byte:
            return bytes(self.file.readline())
        found = b""
        while not found.endswith(b"\n"):  # cause: chatty_reads@morgue
            found += self.connected().recv(1)  # cause: chatty_reads@morgue
        return found

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        if not read_byte_by_byte:
            return bytes(self.file.read(size))
        parts = bytearray()
        while len(parts) < size:  # cause: chatty_reads@morgue
            parts += self.connected().recv(min(8, size - len(parts)))  # cause: chatty_reads@morgue
        return bytes(parts)

    def article(self, path: str) -> bytes:
        """One."""
        with self.lock:
            self.connected().sendall(f"GET {path} HTTP/1.1\r\nHost: morgue\r\n\r\n".encode())
            size = 0
            while (line := self.line()) != b"\r\n":  # cause: chatty_reads@morgue
                if line.startswith(b"Content-Length:"):
                    size = int(line.split()[1])
            return self.exactly(size)  # cause: chatty_reads@morgue


morgue = Morgue()


@bp.get("/morgue/<int:number>")
def old(number: int) -> dict[str, Any]:
    """An old article."""
    text = morgue.article(f"/x{90_000 + number}/old")  # cause: chatty_reads@morgue
    return {"size": len(text), "digest": hashlib.sha256(text).hexdigest()}
