"""parcels -- a carrier's parcels: repositories by hand over PyMySQL, services over them, units of work."""

from __future__ import annotations

from flask import Flask

from . import database, depots, desk


def create_app() -> Flask:
    """The application, with its tables."""
    database.make()
    app = Flask(__name__)
    app.register_blueprint(desk.bp)
    app.register_blueprint(depots.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
