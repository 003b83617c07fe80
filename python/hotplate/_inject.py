"""What `hotplate attach --inject` starts in a process that runs already.

The script of that command (src/cli/inside.c) calls `start` on the main thread, between two instructions of whatever
runs there.
"""

from __future__ import annotations

import gc
from dataclasses import replace

from . import _capture, _places
from ._imports import imported
from ._settings import BUDGET, Settings, from_environment


def start(store: str, level: str) -> str:
    """Record as ``Hotplate(app)`` does, to `store`, at `level` if there is one; returns what to tell. A process that
    records already goes on with its store."""
    settings = from_environment(Settings(level="monitor", budget=BUDGET, flight_ms=0.0))
    if level:
        settings = replace(settings, level=level, budget=0.0)
    settings = _capture.start(replace(settings, store=_capture.store_path() or store))
    flask = imported("flask")
    if flask is not None:
        # type(), not isinstance: that would ask flask.current_app what it stands for.
        for each in gc.get_objects():
            if issubclass(type(each), flask.Flask):
                _places.add_app(each.import_name)
    said = f"recording to {_capture.store_path()} at level {settings.level}"
    if flask is None:
        said += ", once Flask is imported"
    limit = _capture.limit(settings)
    return f"{said}; {limit}" if limit else said
