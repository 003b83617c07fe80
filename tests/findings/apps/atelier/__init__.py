"""atelier -- a studio for pictures: its archive, its accounts and its web site, worked out in plain Python."""

from __future__ import annotations

from flask import Flask

from .accounts import accounts
from .archive import archive
from .pictures import pictures
from .site import site


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.register_blueprint(accounts, url_prefix="/accounts")
    app.register_blueprint(archive, url_prefix="/archive")
    app.register_blueprint(pictures, url_prefix="/pictures")
    app.register_blueprint(site, url_prefix="/site")

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
