"""newsroom -- a newspaper's desk: everything comes from neighbours, by four different clients, also in async views."""

from __future__ import annotations

from flask import Flask

from . import desk, partners, weather


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.register_blueprint(desk.bp)
    app.register_blueprint(partners.bp, url_prefix="/partners")
    app.register_blueprint(weather.bp, url_prefix="/weather")
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
