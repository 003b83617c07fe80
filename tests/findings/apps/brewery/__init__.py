"""brewery -- planning and sales of a brewery: SQLAlchemy without an extension on PostgreSQL, repositories, reports."""

from __future__ import annotations

from flask import Flask

from . import planning, reports, sales, store
from .access import may


def create_app() -> Flask:
    """The application, with a schema of its own process."""
    app = Flask(__name__)
    app.config.update(CURRENCY="EUR", SITE="Old Malthouse")
    store.open_store()
    app.teardown_appcontext(store.close_session)
    app.jinja_env.globals["may"] = may
    app.jinja_env.filters["plato"] = lambda value: "?" if value is None else f"{value / 10:.1f} °P"
    for blueprint in (planning.bp, sales.bp, reports.bp):
        app.register_blueprint(blueprint)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
