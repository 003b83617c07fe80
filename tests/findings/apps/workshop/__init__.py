"""workshop -- a repair shop over SQLAlchemy's ORM and Core on SQLite: what is asked of the database, and how often."""

from __future__ import annotations

from flask import Flask

from . import crew, jobs, ledger
from .models import close_session, prepare


def create_app() -> Flask:
    """The application, with its database filled."""
    app = Flask(__name__)
    prepare()
    app.teardown_appcontext(close_session)
    app.register_blueprint(jobs.pages)
    app.register_blueprint(ledger.pages)
    app.add_url_rule("/people", view_func=crew.People.as_view("people"))
    app.add_url_rule("/crew", view_func=crew.Crew.as_view("crew"))

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
