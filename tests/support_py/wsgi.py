"""wsgi -- call a WSGI application as a server would, in this process."""

from __future__ import annotations

from typing import Any

from werkzeug.test import EnvironBuilder


def environ(path: str, **more: Any) -> dict[str, Any]:
    """What a server hands over for a GET from this machine."""
    return EnvironBuilder(path=path, environ_overrides={"REMOTE_ADDR": "127.0.0.1", **more}).get_environ()


def call(app: Any, path: str, **more: Any) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body of one GET; the body is iterated and closed."""
    answer: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        answer[:] = [status, dict(headers)]
        return lambda _data: None

    body = app(environ(path, **more), start_response)
    try:
        content = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    return answer[0], answer[1], content


def start_capture(store: str | None, level: str = "trace", **settings: Any) -> dict[str, Any]:
    """Start Hotplate in this process; its status."""
    from hotplate import _capture
    from hotplate._settings import Settings

    _capture.start(Settings(store=store or "", level=level, **settings))
    return _capture.status()
