"""grocer -- a wholesaler's back office: psycopg and its pool, repositories over it, services over those."""

from __future__ import annotations

from flask import Flask

from . import catalogue, orders, store


def create_app() -> Flask:
    """The application, with its tables."""
    store.make()
    app = Flask(__name__)
    app.register_blueprint(orders.bp)
    app.register_blueprint(catalogue.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
