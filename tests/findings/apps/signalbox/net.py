"""How the neighbours are asked: one session, one manager and one pool of threads for the whole process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import requests
import urllib3
from requests.adapters import HTTPAdapter

HTTP = f"http://{os.environ['UPSTREAM']}"
TLS = f"https://localhost:{os.environ['UPSTREAM_TLS']}"
PORT = int(os.environ["UPSTREAM_HTTP"])
CA = os.environ["UPSTREAM_CA"]

workers = ThreadPoolExecutor(16, thread_name_prefix="signalbox")
manager = urllib3.PoolManager(maxsize=32, ca_certs=CA)


def new_session() -> requests.Session:
    """A session for one thread."""
    made = requests.Session()
    made.trust_env = False
    made.verify = CA
    made.mount("http://", HTTPAdapter(pool_maxsize=4))
    return made


def fetch(path: str) -> str:
    """What a neighbour answers; from any thread."""
    return manager.request("GET", HTTP + path, timeout=5.0, retries=False).data.decode()
