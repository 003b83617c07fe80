"""dashboard -- `hotplate serve` of a store: its answers, what its pages show in Chromium, what the store holds."""

from __future__ import annotations

import json
import math
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from support_py.browse import browse

TOP = Path(__file__).resolve().parents[2]
MKSTORE = os.environ.get("HP_MKSTORE") or str(TOP / "build/dev/tests/mkstore")


@contextmanager
def served(store: Path, *options: str) -> Iterator[str]:
    """`hotplate serve` of a store; the address it printed."""
    process = subprocess.Popen(
        ["hotplate", "serve", "--store", store, "--port", "0", *options],
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield found[0]
        assert process.poll() is None, "it ended by itself"
    finally:
        process.terminate()
        process.wait(timeout=10)


def walk(base: str, *steps: dict[str, Any], trouble: bool = False, token: str = "") -> list[dict[str, Any]]:
    return browse("walk.mjs", base, *steps, trouble=trouble, token=token)


def asked(base: str, question: str) -> Any:
    with urlopen(f"{base}api/v1/{question}", timeout=10) as answer:
        return json.load(answer)


def shown(ms: float) -> str:
    """Milliseconds as the pages write them: what lies in the middle goes up, as in JavaScript."""
    for unit, size in (("s", 1000.0), ("ms", 1.0), ("µs", 0.001)):
        value = ms / size
        if ms >= 0.9995 * size:
            places = "1" if value >= 99.95 else "0.1" if value >= 9.995 else "0.01"
            return f"{Decimal(value).quantize(Decimal(places), ROUND_HALF_UP)} {unit}"
    return f"{ms * 1e6:.0f} ns"


def rows(store: Path, sql: str, *values: object) -> list[Any]:
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        return connection.execute(sql, values).fetchall()


OF_ROUTE = "from request join route on route.id = request.route where rule = ? "


def one(store: Path, sql: str, *values: object) -> Any:
    """The only row, or its only value."""
    (row,) = rows(store, sql, *values)
    return row[0] if len(row) == 1 else row


def quantile(store: Path, rule: str, q: float, where: str = "") -> float:
    """The duration in milliseconds that the share q of a route's requests stays below."""
    times = [ns for (ns,) in rows(store, f"select wall_ns - own_ns {OF_ROUTE} {where} order by 1", rule)]
    return times[max(math.ceil(q * len(times) - 1e-9), 1) - 1] / 1e6
