"""abacus -- a bookkeeper's service without a database: files, figures, rules, and a plug-in for each tax."""

from __future__ import annotations

from flask import Flask

from . import books, figures, machine, papers


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.json.compact = True  # type: ignore[attr-defined]
    for part in (figures, books, papers, machine):
        app.register_blueprint(part.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
