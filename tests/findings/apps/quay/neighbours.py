"""neighbours -- clients of the services around the harbour office."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import requests
from switches import planted

BASE = f"http://{os.environ['UPSTREAM']}"
SECURE = f"https://localhost:{os.environ['UPSTREAM_TLS']}"
AUTHORITY = os.environ["UPSTREAM_CA"]
HOST, HTTP_PORT = "127.0.0.1", int(os.environ["UPSTREAM_HTTP"])
BUFFER = 0 if planted("chatty_reads@manifest") else 65536

session = requests.Session()
session.trust_env = False
secure_session = None if planted("tls_churn@customs") else requests.Session()
pool = ThreadPoolExecutor(4, thread_name_prefix="neighbours")


def fetch(path: str) -> str:
    """The text at a path."""
    return session.get(BASE + path, timeout=5).text


def level(station: str) -> int:
    """Height of the water at a station."""
    return len(fetch(f"/12/levels/{station}"))


def notify(text: str) -> None:
    """Tell the list of subscribers."""
    session.post(f"{BASE}/45/notify", data={"text": text}, timeout=5)  # cause: slow_external@notices


def secure(path: str) -> str:
    """The text at a path of the authority, which talks TLS."""
    if secure_session is not None:
        return secure_session.get(SECURE + path, timeout=5, verify=AUTHORITY).text
    return requests.get(SECURE + path, timeout=5, verify=AUTHORITY).text  # cause: tls_churn@customs


def count_letters(path: str, letter: bytes) -> int:
    """How often a letter occurs in what is at a path, by a client of our own that needs no memory for it."""
    with socket.create_connection((HOST, HTTP_PORT), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        with connection.makefile("rb", buffering=BUFFER) as answer:  # cause: chatty_reads@manifest
            length = 0
            while line := answer.readline().strip():  # cause: chatty_reads@manifest
                if line.startswith(b"Content-Length:"):
                    length = int(line.split()[1])
            return sum(answer.read(1) == letter for _ in range(length))  # cause: chatty_reads@manifest
