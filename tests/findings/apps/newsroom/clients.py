"""Ways to ask a neighbour."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import requests
from switches import planted

session_for_each = planted("connection_churn@photos")
pace_requests = planted("sleep@pace")

NEIGHBOUR = f"http://{os.environ.get('UPSTREAM', '127.0.0.1:9')}"
HOST = urlsplit(NEIGHBOUR).hostname or ""
PORT = urlsplit(NEIGHBOUR).port or 80
wires = requests.Session()


class Photos:
    """Pictures, each of which names the next."""

    def get(self, path: str) -> str:
        """One."""
        ask = requests.get if session_for_each else wires.get
        return ask(f"{NEIGHBOUR}{path}", timeout=5).text  # cause: connection_churn@photos

    def roll(self, number: int, count: int) -> list[int]:
        """So many, one after the other."""
        sizes, at = [], f"/x{300 + number}/roll"
        for step in range(count):
            text = self.get(at)  # cause: connection_churn@photos
            sizes.append(len(text))
            at = f"/x{300 + len(text) % 7 + step}/roll"
        return sizes


def paced(per_second: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Not more often than this."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            if pace_requests:
                time.sleep(1 / per_second)  # cause: sleep@pace
            return function(*args, **kwargs)

        return inner

    return decorate


class Ticker:
    """A list that comes page by page; each page says where the next one is."""

    @paced(per_second=80)  # cause: sleep@pace
    def page(self, at: str) -> str:
        """A page."""
        return wires.get(f"{NEIGHBOUR}{at}", timeout=5).text

    def all(self, number: int) -> int:
        """All of them."""
        size, at = 0, f"/3/x{200 + number}/ticker"
        for _ in range(4):
            text = self.page(at)  # cause: sleep@pace
            size += len(text)
            at = f"/3/x{200 + len(text) % 50}/ticker"
        return size
