"""bulletin -- a board of topics and posts on MariaDB: SQLAlchemy Core, macros, and pages that ask while they draw."""

from __future__ import annotations

from flask import Flask

from . import members, tables, topics


def create_app() -> Flask:
    """The application, with its tables."""
    tables.make()
    app = Flask(__name__)
    app.jinja_env.globals["feature"] = topics.feature
    app.register_blueprint(topics.bp)
    app.register_blueprint(members.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
