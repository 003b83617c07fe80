"""ledgerbook -- bookkeeping of small firms: class-based views over services, lazy relationships, files for others."""

from __future__ import annotations

from flask import Flask

from . import reports, views
from .tables import Session, prepare


def create_app() -> Flask:
    """The application, with a database of its own process."""
    app = Flask(__name__)
    app.config.update(ROUNDING=2, THOUSANDS=",", SIGN_FIRST=True)
    app.json.sort_keys = False
    prepare()

    @app.teardown_appcontext
    def give_back(_: BaseException | None) -> None:
        Session.remove()

    app.add_url_rule("/health", "health", lambda: "ok")
    views.attach(app)
    app.register_blueprint(reports.bp, url_prefix="/reports")
    return app
