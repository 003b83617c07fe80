"""festival -- tickets, stages and partners of a music festival: most of it is asked for elsewhere."""

from __future__ import annotations

from flask import Flask

from . import gate, partners, program, shop


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    for module in (program, shop, gate, partners):
        app.register_blueprint(module.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
