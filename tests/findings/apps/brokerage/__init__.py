"""brokerage -- an insurance broker: policies, claims, prices; PostgreSQL by SQLAlchemy Core and psycopg."""

from __future__ import annotations

from flask import Flask

from . import claims, policies, prices, tables


def create_app() -> Flask:
    """The application with its schema."""
    tables.make()
    app = Flask(__name__)
    app.register_blueprint(policies.bp)
    app.register_blueprint(claims.bp)
    app.register_blueprint(prices.bp, url_prefix="/prices")
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
