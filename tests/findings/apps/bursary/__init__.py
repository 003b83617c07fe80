"""bursary -- scholarships: who applies, who decides, what is paid; PostgreSQL by psycopg and data classes."""

from __future__ import annotations

from flask import Flask

from . import committee, letters, office, store


def create_app() -> Flask:
    """The application, with its schema."""
    store.make()
    app = Flask(__name__)
    for module in (committee, letters, office):
        app.register_blueprint(module.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
