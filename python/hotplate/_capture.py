"""Start and stop the capture of this process, once, from whichever way in comes first."""

from __future__ import annotations

import atexit
import os
import sys
from types import ModuleType
from typing import Any

from . import _hooks, _hotplate, _places, _plans, _revision
from ._imports import when_imported
from ._settings import LEVELS, MODES, Settings, find_store

_current: Settings | None = None
_store = ""


def start(settings: Settings) -> Settings:
    """Start capturing with these settings; a later call may raise the level, never lower it. Returns what is in
    force.

    Raises ValueError for settings that make no sense (a bad pattern). Any thread.
    """
    global _current, _store
    if _current is not None and LEVELS[_current.level] >= LEVELS[settings.level]:
        return _current
    store = _store = settings.store or find_store()
    scope = settings.scope()
    _places.configure(settings.app_code)
    _hotplate.start(
        store=store,
        level=LEVELS[settings.level],
        c_functions=settings.c_functions,
        max_store_bytes=settings.max_store,
        max_age_ns=int(settings.max_age_s * 1e9),
        slow_ns=int(settings.slow_ms * 1e6),
        budget=settings.budget,
        flight_ns=int(settings.flight_ms * 1e6) if settings.flight_ms >= 0 else -1,
        no_threads=settings.no_threads,
        interpreter=f"{sys.implementation.name} {sys.version.split()[0]}",
        command=" ".join(os.path.basename(part) if i == 0 else part for i, part in enumerate(sys.argv[:1])),
        revision=_revision.find(),
        alloc=settings.alloc,
        rate=max(settings.rate, 0),
        mode=MODES[settings.mode],
    )
    _hotplate.note_options(list(settings.headers), list(settings.config), list(settings.inputs))
    timing = 1 if settings.server_timing is None else 2 if settings.server_timing else 0
    _hotplate.request_options(scope=scope, sample=settings.sample, timing=timing, kind=settings.kind)
    if settings.log_sql_ms >= 0 and hasattr(_hotplate, "sql_log"):
        _hotplate.sql_log(int(settings.log_sql_ms * 1e6))
    if _current is None:
        _hooks.install()
        _hotplate.ticket_secret(secret_of)
        when_imported("flask.app", _wrap)
        atexit.register(_hotplate.stop, 2000)
    _current = settings
    if os.environ.get("HOTPLATE_RUN"):
        _plans.start(store)
    return settings


def secret_of(app: Any) -> str | None:
    """What all processes of this application know and nobody else: it signs tickets (docs/guide/toolbar.md)."""
    secret = os.environ.get("HOTPLATE_TOKEN") or getattr(app, "secret_key", None)
    if isinstance(secret, bytes):
        return secret.hex()
    return secret if isinstance(secret, str) and secret else None


def _wrap(module: ModuleType) -> None:
    """Record the requests of every Flask application of this process."""
    cls: Any = module.Flask
    _hotplate.wrap_flask(cls)
    original = cls.__init__
    if getattr(original, "_hotplate", False):
        return

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        try:
            _places.add_app(self.import_name)
        except Exception:
            _hotplate.count_error()

    __init__.__wrapped__ = original  # type: ignore[attr-defined]
    __init__.__doc__ = original.__doc__
    __init__._hotplate = True  # type: ignore[attr-defined]
    cls.__init__ = __init__


def limit(settings: Settings) -> str:
    """What of the level asked for cannot be had here, and what there is instead; empty if nothing."""
    state = _hotplate.status()
    if settings.level == "trace" and state["trace_reason"]:
        why = "no tool id of sys.monitoring is free" if state["trace_reason"] == 2 else "not possible here"
        instead = "sampled" if state["sampling"] else "not recorded; requests, SQL and threads are"
        return f"no exact call trees ({why}): they are {instead}"
    if settings.level == "sample" and state["sample_reason"]:
        return "no samples (this interpreter cannot be read); requests, SQL and threads are recorded"
    return ""


def store_path() -> str:
    """Path of the store that this process writes; empty before it has started."""
    return _store


def counts() -> dict[str, int]:
    """Requests started, stored, dropped by cause …, and what the capture cost (ns). Empty when nothing was
    started."""
    return _hotplate.counts() if _current is not None else {}


def sampler() -> dict[str, Any]:
    """What the sampler has done in this process: sweeps, samples, torn and late ones, its CPU time (ns) …"""
    return _hotplate.sampler()


def status() -> dict[str, Any]:
    """Level in force, whether the tracer runs and why not, and what troubles the store (`trouble`, empty
    if nothing)."""
    return {**_hotplate.status(), "trouble": _hotplate.trouble()}


def flush(timeout_ms: int = 2000) -> bool:
    """Wait until everything captured so far is stored; False when the time ran out."""
    return _hotplate.flush(timeout_ms)
