"""neighbours -- clients of the services around the harbour office."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import requests
from switches import planted

BASE = f"http://{os.environ['UPSTREAM']}"
SECURE = f"https://localhost:{os.environ['UPSTREAM_TLS']}"
AUTHORITY = os.environ["UPSTREAM_CA"]
HTTP_PORT = int(os.environ["UPSTREAM_HTTP"])
PIECE = 1 if planted("chatty_reads@manifest") else 65536

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
    """How often a letter occurs in what is at a path."""
    answer = session.get(BASE + path, timeout=5, stream=True)
    return sum(piece.count(letter) for piece in answer.iter_content(PIECE))  # cause: chatty_reads@manifest
