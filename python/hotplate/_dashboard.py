"""The dashboard inside a Flask application: a WSGI callable that hands requests to the C handler."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from . import _hotplate

if TYPE_CHECKING:
    from flask import Flask

_BODY_MOST = 32 << 10
_HINT = "auth= of Hotplate(app) or HOTPLATE_TOKEN opens it"


def dashboard_path(wanted: bool | str) -> str:
    """ "/hotplate" for True, "" for False, else the path itself, checked. ValueError for what is none."""
    if isinstance(wanted, bool):
        return "/hotplate" if wanted else ""
    path = "/" + wanted.strip("/")
    if len(path) < 2 or len(path) > 120 or not path.isascii():
        raise ValueError(f"dashboard must be a path like /hotplate, not {wanted!r}")
    return path


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    found = [
        (name[5:].replace("_", "-").lower(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    ]
    if environ.get("CONTENT_TYPE"):
        found.append(("content-type", environ["CONTENT_TYPE"]))
    return found


def _body(environ: dict[str, Any]) -> bytes | None:
    """What was posted; None when it is too much."""
    if environ["REQUEST_METHOD"] != "POST":
        return b""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > _BODY_MOST:
        return None
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


class Dashboard:
    """Answers requests below its mount point. `auth`: called within a request context of the application, lets
    whoever asks read where it returns something true; without it this machine may, and whoever has a token."""

    def __init__(self, app: Flask, store: str, mount: str, auth: Callable[[], object] | None = None) -> None:
        self._app = app
        self._store = store
        self._mount = mount
        self._auth = auth
        self._opened: tuple[int, Any] | None = None
        _hotplate.dashboard_mount(app, mount, self)

    def _handler(self) -> Any:
        """The C handler of this process; a child of fork makes its own."""
        pid = os.getpid()
        if self._opened is None or self._opened[0] != pid:
            token = os.environ.get("HOTPLATE_TOKEN") or None
            read_token = os.environ.get("HOTPLATE_READ_TOKEN") or None
            self._opened = (pid, _hotplate.dashboard_open(self._store, token, read_token, _HINT))
        return self._opened[1]

    def _granted(self, environ: dict[str, Any]) -> bool:
        if self._auth is None:
            return False
        with self._app.request_context(environ):
            return bool(self._auth())

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            status, headers, body = self._answer(environ)
        except Exception:
            _hotplate.count_error()
            status, headers, body = 500, [("Content-Type", "text/plain")], b"the dashboard failed\n"
        headers.append(("Content-Length", str(len(body))))
        start_response(f"{status} {_phrase(status)}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        path = environ["PATH_INFO"][len(self._mount) :]
        if path == "":
            return 308, [("Location", self._mount.rsplit("/", 1)[1] + "/")], b""
        body = _body(environ)
        if body is None:
            return 413, [("Content-Type", "application/json")], b'{"error": "too much at once"}'
        answer: tuple[int, list[tuple[str, str]], bytes] = _hotplate.dashboard_answer(
            self._handler(),
            environ["REQUEST_METHOD"],
            path[1:],
            environ.get("QUERY_STRING", ""),
            _headers(environ),
            body,
            environ.get("REMOTE_ADDR", "") or "",
            self._auth is None and environ.get("SERVER_PROTOCOL") != "HTTP/1.0",
            self._granted(environ),
        )
        return answer
