"""guards -- decorators: who asks, how often, and answers that are kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import pickle
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from threading import Lock
from typing import Any

from flask import g, request
from switches import planted

hash_each_time = planted("hot_function@password")
keep_pickled = planted("serialization_hot@cached")
limits_on_disk = planted("disk_io@limits")

SALT = b"conduit"
ROUNDS = 60_000
KEYS = {"portal": hashlib.pbkdf2_hmac("sha256", b"let me in", SALT, ROUNDS)}
good: dict[bytes, str] = {}


def derived(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), SALT, ROUNDS)  # cause: hot_function@password


def is_right(name: str, secret: str) -> bool:
    """Whether this is the secret of a client."""
    if hash_each_time:
        return hmac.compare_digest(derived(secret), KEYS[name])  # cause: hot_function@password
    short = hashlib.blake2b(secret.encode(), key=SALT).digest()
    if short not in good and hmac.compare_digest(derived(secret), KEYS[name]):
        good[short] = name
    return good.get(short) == name


def authenticated(view: Callable[..., Any]) -> Callable[..., Any]:
    """Only for clients that know their secret."""

    @wraps(view)
    def guarded(*args: Any, **values: Any) -> Any:
        client = request.args.get("client", "portal")
        if not is_right(client, request.headers.get("X-Secret", "let me in")):  # cause: hot_function@password
            return {"error": "who are you?"}, 401
        g.client = client
        return view(*args, **values)

    return guarded


FOLDER = Path(os.environ["FINDINGS_DATA"])
WINDOWS = {
    "second": 1,
    "minute": 60,
    "quarter": 900,
    "hour": 3600,
    "shift": 28800,
    "day": 86400,
    "week": 604800,
}
taken: dict[str, dict[str, int]] = {window: {} for window in WINDOWS}
one_at_a_time = Lock()


def write_limits(window: str) -> None:
    """What each client has taken, for the next start."""
    path = FOLDER / f"conduit-{os.getpid()}-{window}"
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump(taken[window], file)
        if limits_on_disk:
            file.flush()
            os.fsync(file.fileno())  # cause: disk_io@limits
    fresh.replace(path)
    if limits_on_disk:
        folder = os.open(FOLDER, os.O_RDONLY)
        os.fsync(folder)  # cause: disk_io@limits
        os.close(folder)


def count_request(client: str) -> dict[str, int]:
    """How often a client has asked in each window, with this time."""
    counts = {}
    with one_at_a_time:
        for window, seconds in WINDOWS.items():
            key = f"{client} {int(time.time() // seconds)}"
            counts[window] = taken[window][key] = taken[window].get(key, 0) + 1
            if limits_on_disk or counts[window] % 100 == 0:
                write_limits(window)  # cause: disk_io@limits
    return counts


def limited(**most: int) -> Callable[..., Any]:
    """Not more often than so many times in each window."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def counted(*args: Any, **values: Any) -> Any:
            counts = count_request(str(request.remote_addr))  # cause: disk_io@limits
            if any(counts[window] > number for window, number in most.items()):
                return {"error": "slow down"}, 429
            return view(*args, **values)

        return counted

    return decorate


def cached(seconds: float) -> Callable[..., Any]:
    """Keep the answer of a function for a while; callers may change what they get."""

    def decorate(load: Callable[..., Any]) -> Callable[..., Any]:
        kept: dict[Any, tuple[float, Any]] = {}

        @wraps(load)
        def remembered(*args: Any) -> Any:
            until, content = kept.get(args, (0.0, None))
            if until > time.monotonic():
                return pickle.loads(content) if keep_pickled else content  # cause: serialization_hot@cached
            found = load(*args)
            content = pickle.dumps(found) if keep_pickled else found
            kept[args] = (time.monotonic() + seconds, content)
            return found

        return remembered

    return decorate
