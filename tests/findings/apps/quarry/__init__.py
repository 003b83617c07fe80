"""quarry -- what a quarry keeps track of: background work, shared state, logs, files, jobs in PostgreSQL."""

from __future__ import annotations

from flask import Flask

from . import jobs, office, pit


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    jobs.prepare()
    app.register_blueprint(jobs.bp)
    app.register_blueprint(pit.bp)
    app.register_blueprint(office.bp, url_prefix="/office")
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
