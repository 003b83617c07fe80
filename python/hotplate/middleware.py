"""A drop-in for ``werkzeug.middleware.profiler.ProfilerMiddleware``.

Same arguments, same printed table, same ``.prof`` names and content, and:

-   any number of requests at once, each with its own profile, on every supported Python;
-   the response goes through as the application made it: a stream streams, nothing is joined;
-   no profile is ever overwritten: a second file of the same name becomes ``….2.prof``.

The table is printed when the last byte has been sent.
"""

from __future__ import annotations

import marshal
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pstats import Stats
from typing import IO, TYPE_CHECKING, Any

from . import _hotplate, _places

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["ProfilerMiddleware"]


class _Loaded:
    """What pstats.Stats takes: something with `stats` and `create_stats`."""

    def __init__(self, data: bytes) -> None:
        self.stats: dict[Any, Any] = marshal.loads(data)

    def create_stats(self) -> None:
        """They are there already."""


def _create(path: str, data: bytes) -> str:
    """Write `data` to a file that did not exist: `path`, or with .2, .3 … before its suffix. Returns its
    name. OSError."""
    stem, suffix = os.path.splitext(path)
    number = 1
    while True:
        name = path if number == 1 else f"{stem}.{number}{suffix}"
        try:
            with open(name, "xb") as file:
                file.write(data)
            return name
        except FileExistsError:
            number += 1


class ProfilerMiddleware:
    """Wrap a WSGI application and profile each request.

    stream: where the table goes, None for none. sort_by and restrictions: as for pstats. profile_dir: where
    ``.prof`` files
    go, None for none. filename_format: a format string with method, path, elapsed (ms) and time, or a callable
    that takes
    the environ; environ["werkzeug.profiler"] then holds elapsed and time.
    """

    def __init__(
        self,
        app: WSGIApplication,
        stream: IO[str] | None = sys.stdout,
        sort_by: Iterable[str] = ("time", "calls"),
        restrictions: Iterable[str | int | float] = (),
        profile_dir: str | None = None,
        filename_format: str
        | Callable[[WSGIEnvironment], str] = "{method}.{path}.{elapsed:.0f}ms.{time:.0f}.prof",
    ) -> None:
        self._app = app
        self._stream = stream
        self._sort_by = tuple(sort_by)
        self._restrictions = tuple(restrictions)
        self._profile_dir = profile_dir
        self._filename_format = filename_format
        self._lock = threading.Lock()
        self._started = False

    def _start(self) -> None:
        if not _hotplate.status()["started"]:
            _places.configure()
            _hotplate.start(store=None, level=0)
        self._started = True

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._started:
            self._start()
        return _hotplate.profile_call(self._app, environ, start_response, self._done)

    def _done(self, environ: WSGIEnvironment, data: bytes, elapsed_s: float) -> None:
        """One request is over: write its file, print its table."""
        if self._profile_dir is not None:
            _create(os.path.join(self._profile_dir, self._filename(environ, elapsed_s)), data)
        if self._stream is not None:
            with self._lock:
                self._print(environ, data, self._stream)

    def _filename(self, environ: WSGIEnvironment, elapsed_s: float) -> str:
        if callable(self._filename_format):
            environ["werkzeug.profiler"] = {"elapsed": elapsed_s * 1000.0, "time": time.time()}
            return self._filename_format(environ)
        return self._filename_format.format(
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"].strip("/").replace("/", ".") or "root",
            elapsed=elapsed_s * 1000.0,
            time=time.time(),
        )

    def _print(self, environ: WSGIEnvironment, data: bytes, stream: IO[str]) -> None:
        stats: Stats = Stats(_Loaded(data), stream=stream)  # type: ignore[arg-type]
        stats.sort_stats(*self._sort_by)
        rule = "-" * 80
        print(rule, file=stream)
        print(f"PATH: {environ.get('PATH_INFO', '')!r}", file=stream)
        stats.print_stats(*self._restrictions)
        print(f"{rule}\n", file=stream)
