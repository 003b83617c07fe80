"""Settings of one process's capture: where they come from, and what they mean.

``hotplate run`` hands them over in ``HOTPLATE_*`` variables (docs/formats/cli.md); ``Hotplate(app, …)`` takes
keywords, and what
``hotplate run`` says wins over the code, because whoever typed it is looking.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

MODES = {"wall": 0, "cpu": 1, "gil": 2}
MOST_RATE = 1000
BUDGET = 0.03  # of an application's CPU time, where nobody asked for a level
LEVELS = {"count": 0, "monitor": 1, "sample": 2, "trace": 3}
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True)
class Settings:
    """What to capture and where to keep it. Sizes in bytes, times in the unit of their name."""

    store: str = ""
    level: str = "monitor"
    c_functions: bool = False
    route: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    sample: int = 1
    slow_ms: float = 0.0
    budget: float = 0.0
    flight_ms: float = -1.0  # 0: above the route's 99th percentile; -1: no flight recorder
    app_code: tuple[str, ...] = ()
    max_store: int = 0
    max_age_s: float = 0.0
    log_sql_ms: float = -1.0
    params: bool = False
    server_timing: bool | None = None
    no_threads: bool = False
    kind: int = 0
    headers: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    alloc: int = 1
    rate: int = 0  # samples a second, 0: the default, 100
    mode: str = "wall"
    given: frozenset[str] = field(default_factory=frozenset)

    def scope(self) -> Callable[[str, str], bool] | None:
        """A function (method, path) -> whether the request is recorded; None when all are. ValueError on a
        bad pattern."""
        if not self.route and not self.ignore:
            return None
        wanted = [_compile(text) for text in self.route]
        unwanted = [_compile(text) for text in self.ignore]

        def in_scope(method: str, path: str) -> bool:
            both = f"{method} {path}"
            if wanted and not any(p.search(path) or p.search(both) for p in wanted):
                return False
            return not any(p.search(path) or p.search(both) for p in unwanted)

        return in_scope


def _compile(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {text!r} ({error})") from None


def size_of(text: str) -> int:
    """Bytes of "256M", "1g", "1000". ValueError otherwise."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", text.lower())
    if match is None:
        raise ValueError(f"not a size: {text!r}")
    return int(float(match[1]) * _UNITS[match[2]])


def share_of(text: str) -> float:
    """0.03 of "3%" or "0.03". ValueError otherwise."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    if match is None:
        raise ValueError(f"not a share like 3%: {text!r}")
    return float(match[1]) / (100 if match[2] else 1)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.split("\n") if line)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "HOTPLATE_STORE": ("store", str),
    "HOTPLATE_LEVEL": ("level", str),
    "HOTPLATE_C_FUNCTIONS": ("c_functions", lambda text: text == "1"),
    "HOTPLATE_ROUTE": ("route", _lines),
    "HOTPLATE_IGNORE": ("ignore", _lines),
    "HOTPLATE_SAMPLE": ("sample", int),
    "HOTPLATE_SLOW_MS": ("slow_ms", float),
    "HOTPLATE_BUDGET": ("budget", float),
    "HOTPLATE_APP_CODE": ("app_code", _lines),
    "HOTPLATE_MAX_STORE": ("max_store", size_of),
    "HOTPLATE_MAX_AGE": ("max_age_s", float),
    "HOTPLATE_LOG_SQL_MS": ("log_sql_ms", float),
    "HOTPLATE_PARAMS": ("params", lambda text: text == "1"),
    "HOTPLATE_HEADERS": ("headers", _names),
    "HOTPLATE_CONFIG": ("config", _names),
    "HOTPLATE_INPUTS": ("inputs", _names),
    "HOTPLATE_ALLOC": ("alloc", lambda text: {"0": 0, "1": 1, "nodes": 2}[text]),
    "HOTPLATE_RATE": ("rate", int),
    "HOTPLATE_MODE": ("mode", str),
    "HOTPLATE_THREADS": ("no_threads", lambda text: text == "0"),
}


def from_environment(base: Settings, environ: Mapping[str, str] | None = None) -> Settings:
    """`base` with what the environment says. An unreadable value is left out: `hotplate run` has checked its own."""
    environ = os.environ if environ is None else environ
    found: dict[str, object] = {}
    for variable, (name, read) in _READERS.items():
        text = environ.get(variable)
        if not text:
            continue
        try:
            found[name] = read(text)
        except (ValueError, KeyError):
            continue
    if found.get("level", base.level) not in LEVELS:
        del found["level"]
    if found.get("mode", base.mode) not in MODES:
        del found["mode"]
    if "level" in found:
        found.setdefault("budget", 0.0)  # whoever asks for a level means it
    return replace(base, **found, given=base.given | frozenset(found))  # type: ignore[arg-type]


def find_store(start: Path | None = None) -> str:
    """The nearest `.hotplate/hotplate.db` upward from the working directory, else the one to be made in it."""
    here = Path.cwd() if start is None else start
    for folder in (here, *here.parents):
        store = folder / ".hotplate" / "hotplate.db"
        if store.exists():
            return str(store)
    return str(here / ".hotplate" / "hotplate.db")
