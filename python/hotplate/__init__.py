"""Hotplate: what makes a Flask application slow, what fixing it would save, and proof afterwards.

No code change: ``hotplate run -- flask --app shop run``. In code: ``from hotplate.flask import Hotplate;
Hotplate(app)``.
In place of Werkzeug's profiler: ``from hotplate.middleware import ProfilerMiddleware``.

Importing this package starts nothing and needs no Flask.
"""

from __future__ import annotations

from ._capture import counts, flush, status

__all__ = ["__version__", "counts", "flush", "status"]
__version__ = "0.1.0"
