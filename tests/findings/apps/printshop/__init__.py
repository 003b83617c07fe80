"""printshop -- prints receipts, badges and books: layout, colours, catalogues; what computes."""

from __future__ import annotations

from flask import Flask

from . import exports, layout, people


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.register_blueprint(layout.bp)
    app.register_blueprint(exports.bp)
    app.register_blueprint(people.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
