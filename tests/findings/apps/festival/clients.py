"""How others are reached."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import requests
import urllib3

HTTP = f"http://{os.environ['UPSTREAM']}"
HOST, _, PORT = os.environ["UPSTREAM"].partition(":")
HTTPS = f"https://localhost:{os.environ['UPSTREAM_TLS']}"
TRUSTED = ssl.create_default_context(cafile=os.environ["UPSTREAM_CA"])

workers = ThreadPoolExecutor(6, thread_name_prefix="festival")
manager = urllib3.PoolManager(maxsize=8)
local = threading.local()


def session() -> requests.Session:
    """This thread's session."""
    if not hasattr(local, "session"):
        local.session = requests.Session()
    return local.session


def text_of(path: str) -> str:
    """What is answered."""
    answer = session().get(  # cause: slow_external@score blocking_in_async@lineup
        HTTP + path,
        timeout=5,  # cause: tail_latency@lease
    )
    return answer.text


def bytes_of(path: str) -> bytes:
    """The same by a client that knows less."""
    return manager.request(
        "GET", HTTP + path, timeout=5.0, retries=False
    ).data  # cause: blocking_in_async@sky


async def text_of_later(path: str) -> str:
    """The same without keeping the event loop from others."""
    reader, writer = await asyncio.open_connection(HOST, int(PORT))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length:")[2].split()[0])
    body = await reader.readexactly(size)
    writer.close()
    return body.decode()
