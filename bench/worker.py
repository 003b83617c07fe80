"""One process that serves the benchmark application under one tool, and takes orders on standard input.

    worker.py VARIANT        ready is said on stdout; then, a line each:
        run PATH N           N requests by direct WSGI calls -> "ns ns ns …" (wall), a line
        cpu PATH N           the same in thread CPU time
        quit

Variants: bare, the levels of Hotplate (monitor, flight, sample, sample-1k, trace, trace-c), monitor without probes of
blocking calls (no-probes), monitor with the toolbar in the page (toolbar), and its peers.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "apps"))

WSGI = Callable[..., Iterable[bytes]]


def _hotplate(level: str, c_functions: bool, flight_ms: float = -1.0, rate: int = 0) -> None:
    from hotplate import _capture
    from hotplate._settings import Settings

    store = os.path.join(tempfile.mkdtemp(prefix="bench-store-"), "hotplate.db")
    _capture.start(
        Settings(store=store, level=level, c_functions=c_functions, flight_ms=flight_ms, rate=rate)
    )


def _application(variant: str) -> WSGI:
    """The benchmark application under the variant."""
    if variant in ("monitor", "trace", "count"):
        _hotplate(variant, c_functions=False)
    elif variant == "no-probes":
        os.environ["HOTPLATE_WAITS"] = "0"
        _hotplate("monitor", c_functions=False)
    elif variant == "flight":
        _hotplate("monitor", c_functions=False, flight_ms=0.0)
    elif variant in ("sample", "sample-1k"):
        _hotplate("sample", c_functions=False, rate=1000 if variant == "sample-1k" else 0)
    elif variant == "trace-c":
        _hotplate("trace", c_functions=True)
    from bench_orm import app

    wsgi: Any = app
    if variant == "toolbar":
        from hotplate.flask import Hotplate

        store = os.path.join(tempfile.mkdtemp(prefix="bench-store-"), "hotplate.db")
        Hotplate(app, level="monitor", flight_recorder=False, store=store, auth=lambda: True, toolbar=True)
    elif variant == "werkzeug":
        from werkzeug.middleware.profiler import ProfilerMiddleware

        wsgi = ProfilerMiddleware(app, stream=io.StringIO())
    elif variant == "middleware":
        from hotplate.middleware import ProfilerMiddleware as Ours

        wsgi = Ours(app, stream=io.StringIO())
    elif variant == "fmd":
        import flask_monitoringdashboard as dashboard

        folder = tempfile.mkdtemp(prefix="bench-fmd-")
        dashboard.config.database_name = f"sqlite:///{folder}/fmd.db"
        dashboard.bind(app)
    elif variant == "otel":
        from bench_orm import engine
        from opentelemetry import trace
        from opentelemetry.instrumentation.flask import FlaskInstrumentor
        from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
        trace.set_tracer_provider(provider)
        FlaskInstrumentor().instrument_app(app)
        SQLAlchemyInstrumentor().instrument(engine=engine)
    return wsgi


def _around(variant: str, serve: Callable[[str], None]) -> Callable[[str], None]:
    """Tools that are switched on around each request."""
    if variant == "cprofile":
        import cProfile

        def profiled(path: str) -> None:
            cProfile.Profile().runcall(serve, path)

        return profiled
    if variant == "yappi":
        import yappi

        yappi.set_clock_type("wall")

        def yapped(path: str) -> None:
            yappi.start()
            serve(path)
            yappi.stop()
            yappi.clear_stats()

        return yapped
    return serve


def main() -> None:
    """Serve until told to quit."""
    variant = sys.argv[1]
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a tool prints must not look like an answer of ours
    wsgi = _application(variant)

    from werkzeug.test import EnvironBuilder

    def serve(path: str) -> None:
        environ = EnvironBuilder(path=path).get_environ()
        body = wsgi(environ, lambda status, headers, exc_info=None: lambda data: None)
        for _ in body:
            pass
        close = getattr(body, "close", None)
        if close is not None:
            close()

    call = _around(variant, serve)
    print("ready", file=out)
    for line in sys.stdin:
        order = line.split()
        if not order or order[0] == "quit":
            break
        clock = time.thread_time_ns if order[0] == "cpu" else time.perf_counter_ns
        taken = []
        for _ in range(int(order[2])):
            start = clock()
            call(order[1])
            taken.append(clock() - start)
        print(" ".join(map(str, taken)), file=out)


main()
