"""census -- reports of an office for statistics: files and figures, plain Python, no database."""

from __future__ import annotations

from types import SimpleNamespace

from flask import Flask, g

from .documents import documents
from .reports import reports


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.config.update(VAT=19, ROUND_TO=5)
    app.register_blueprint(reports)
    app.register_blueprint(documents)

    @app.before_request
    def who() -> None:
        g.user = SimpleNamespace(name="clerk", discount=3)

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
