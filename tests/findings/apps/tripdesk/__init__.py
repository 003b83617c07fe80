"""tripdesk -- a travel agency's front: airlines, hotels and insurers behind clients; some views are async."""

from __future__ import annotations

from flask import Flask

from . import planning, selling


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.register_blueprint(planning.bp)
    app.register_blueprint(selling.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
