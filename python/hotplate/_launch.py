"""What `hotplate run` starts in each Python process of the command, from a sitecustomize of its own.

Nothing is captured until Flask is imported. The marker file named by HOTPLATE_RUN tells `hotplate run` how far
it came:
one line each of ``python EXECUTABLE VERSION``, ``flask VERSION``, ``app NAME``.
"""

from __future__ import annotations

import atexit
import os
import sys
from types import ModuleType

from . import _capture, _hotplate
from ._imports import when_imported
from ._settings import Settings, from_environment


def _mark(text: str) -> None:
    path = os.environ.get("HOTPLATE_RUN")
    if not path:
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, f"{text}\n".encode())
        finally:
            os.close(handle)
    except OSError:
        pass


def _say(text: str) -> None:
    try:
        os.write(2, f"hotplate: {text}\n".encode())
    except OSError:
        pass


def _at_exit() -> None:
    counts = _hotplate.counts()
    missing = counts["finished"] - counts["stored"]
    trouble = _hotplate.trouble()
    if missing:
        _say(f"{missing} of {counts['finished']} requests were not stored{': ' + trouble if trouble else ''}")


def _flask_came(module: ModuleType) -> None:
    settings = from_environment(Settings(level="trace"))
    if "pytest" in sys.modules:
        settings = from_environment(Settings(level="trace", kind=2))
    # Before start() registers its own: the last one runs first, and that one stores the rest.
    atexit.register(_at_exit)
    try:
        _capture.start(settings)
    except Exception as error:
        atexit.unregister(_at_exit)
        _say(f"nothing is recorded: {error}")
        return
    limit = _capture.limit(settings)
    if limit:
        _say(limit)
    _mark(f"flask {getattr(sys.modules.get('werkzeug'), '__version__', '')}")


def main() -> None:
    """Called once by sitecustomize. Never raises."""
    try:
        _mark(f"python {sys.executable} {sys.version.split()[0]}")
        when_imported("flask.app", _flask_came)
    except Exception as error:
        _mark(f"import-error {sys.executable} {sys.version.split()[0]} {error}")


main()
