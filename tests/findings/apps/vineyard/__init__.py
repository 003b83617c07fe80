"""vineyard -- the API of a wine shop: repositories under services under views, over SQLite."""

from __future__ import annotations

from flask import Flask

from . import api
from .database import database


def create_app() -> Flask:
    """The application, with a database of its own process."""
    app = Flask(__name__)
    database.create()
    app.register_blueprint(api.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
