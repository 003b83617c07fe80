"""The lines to others: what is kept for all requests."""

from __future__ import annotations

import os
import ssl
from concurrent.futures import ThreadPoolExecutor

import requests
import urllib3

HTTP = f"http://{os.environ['UPSTREAM']}"
TLS = f"https://localhost:{os.environ['UPSTREAM_TLS']}"
PORT = int(os.environ["UPSTREAM_HTTP"])

deck = ThreadPoolExecutor(6, thread_name_prefix="deck")
pool = urllib3.PoolManager(maxsize=8)
session = requests.Session()
trust = ssl.create_default_context(cafile=os.environ["UPSTREAM_CA"])


def fetch(path: str) -> str:
    """What is there; by connections that are kept, from any thread."""
    return pool.request("GET", HTTP + path, timeout=5.0, retries=False).data.decode()
