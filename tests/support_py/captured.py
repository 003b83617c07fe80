"""captured -- make a request under capture and look at its record, decoded by the extension itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import wsgi


def start(store: str, level: str = "trace") -> None:
    """Start the capture of this process and keep each record."""
    from hotplate import _hotplate

    wsgi.start_capture(store, level)
    _hotplate.keep_last(True)


def flask_app(view: Callable[[], Any], import_name: str = "views_under_test") -> Any:
    """An application whose `/` is this view."""
    from flask import Flask

    app = Flask(import_name)
    app.logger.disabled = True
    app.add_url_rule("/", "view", view)
    return app


def last(app: Any, path: str = "/", times: int = 1) -> dict[str, Any]:
    """Request `path` this often; the record of the last one."""
    for _ in range(times):
        wsgi.call(app, path)
    return last_record()


def last_record() -> dict[str, Any]:
    """The record of the request that ended last."""
    from hotplate import _hotplate

    record = _hotplate.last_request()
    assert isinstance(record, dict)
    return record


def statements(record: dict[str, Any], here: str) -> list[tuple[str, int | None, int]]:
    """Text, rows and line of each execution, all of which must be at a line of `here`."""
    for each in record["statements"]:
        assert Path(each["file"]).name == Path(here).name, each
    return [(each["text"], each["rows"], each["line"]) for each in record["statements"]]


def slept_ms(seconds: float) -> float:
    """Sleep; how long that took by the caller's own clock, which a busy machine makes longer, never shorter."""
    start = time.perf_counter()
    time.sleep(seconds)
    return (time.perf_counter() - start) * 1e3


def line_of(here: str, mark: str) -> int:
    """Line of the file that ends in the comment `# mark`."""
    found = [
        number
        for number, text in enumerate(Path(here).read_text().splitlines(), 1)
        if text.endswith(f"# {mark}")
    ]
    assert len(found) == 1, mark
    return found[0]
