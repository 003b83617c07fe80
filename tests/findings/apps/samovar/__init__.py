"""samovar -- a tea shop that has just opened: what the first visitor of a process waits for."""

from __future__ import annotations

from flask import Flask

from . import shop


def create_app() -> Flask:
    """The application, and what it makes ready before it opens."""
    app = Flask(__name__)
    app.register_blueprint(shop.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    shop.prepare()
    return app
