"""console -- the settings of a project's groups: what a platform shows before anybody asked for it."""

from __future__ import annotations

from flask import Flask

from . import settings


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.register_blueprint(settings.pages)

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
