"""ward -- a hospital behind a factory: files, logs, caches, children, and decorators on top of each other."""

from __future__ import annotations

from flask import Flask

from ward.caches import caches
from ward.files import files, prepare
from ward.people import people


def create_app() -> Flask:
    """The application."""
    prepare()
    app = Flask(__name__)
    for blueprint in (caches, files, people):
        app.register_blueprint(blueprint)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
