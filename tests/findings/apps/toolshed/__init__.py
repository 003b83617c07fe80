"""toolshed -- a club that lends tools: cursors without a mapper, and suppliers that are asked over HTTP."""

from __future__ import annotations

from flask import Flask, g, request

from . import lending, suppliers


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    lending.install(app)
    suppliers.install(app)

    @app.before_request
    def who() -> None:
        g.branch = request.headers.get("X-Branch", "north")

    app.add_url_rule("/health", "health", lambda: "ok")
    return app
