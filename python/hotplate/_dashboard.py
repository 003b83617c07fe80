"""The dashboard inside a Flask application: a WSGI callable that hands requests to the C handler."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from . import _capture, _hotplate

if TYPE_CHECKING:
    from flask import Flask

Toolbar = bool | Callable[[], object] | None

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


def _is_direct(environ: dict[str, Any]) -> bool:
    """Whether a browser may be asking, not a proxy: by default those speak the old protocol."""
    return environ.get("SERVER_PROTOCOL") != "HTTP/1.0"


class Dashboard:
    """Answers requests below its mount point. `auth`: called within a request context of the application, lets
    whoever asks read where it returns something true; without it this machine may, and whoever has a token.
    `toolbar`: None, its pages show the toolbar in debug; True, always; False, never; a callable, where it says so;
    all of it only to those whom the dashboard answers."""

    def __init__(
        self,
        app: Flask,
        store: str,
        mount: str,
        auth: Callable[[], object] | None = None,
        toolbar: Toolbar = None,
    ) -> None:
        self._app = app
        self._store = store
        self._mount = mount
        self._auth = auth
        self._toolbar = toolbar if callable(toolbar) else None
        self._opened: tuple[int, Any] | None = None
        shows = None if toolbar is False else self.shows
        _hotplate.dashboard_mount(app, mount, self, shows, toolbar is None)

    def _handler(self) -> Any:
        """The C handler of this process; a child of fork makes its own."""
        pid = os.getpid()
        if self._opened is None or self._opened[0] != pid:
            token = os.environ.get("HOTPLATE_TOKEN") or None
            read_token = os.environ.get("HOTPLATE_READ_TOKEN") or None
            secret = _capture.secret_of(self._app)
            self._opened = (pid, _hotplate.dashboard_open(self._store, token, read_token, secret, _HINT))
        return self._opened[1]

    def shows(self, environ: dict[str, Any]) -> bool:
        """Whether who asks may see the toolbar. Called within the request's context, when its response is made."""
        if self._toolbar is not None and not self._toolbar():
            return False
        if self._auth is not None:
            return bool(self._auth())
        headers = [header for header in _headers(environ) if header[0] != "authorization"]
        return _hotplate.dashboard_admits(
            self._handler(), headers, environ.get("REMOTE_ADDR", "") or "", _is_direct(environ)
        )

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
            self._auth is None and _is_direct(environ),
            self._granted(environ),
        )
        return answer
