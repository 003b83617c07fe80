"""foundry -- orders, melts and castings of an iron foundry; used in the office and on tablets in the halls."""

from __future__ import annotations

from flask import Flask

from .store import shutdown_session
from .web import filters, office, production, quality, warehouse


def create_app() -> Flask:
    """The tool."""
    app = Flask(__name__)
    filters.install(app)
    for module in (office, production, quality, warehouse):
        app.register_blueprint(module.bp)
    app.teardown_appcontext(shutdown_session)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
