"""bazaar -- a web shop and its back office: Flask-SQLAlchemy with Jinja2 pages on MariaDB."""

from __future__ import annotations

import mariadb_tables
from flask import Flask

from .backoffice import backoffice
from .filters import money
from .models import DDL, db
from .shop import shop


def create_app() -> Flask:
    """The application, its database filled."""
    mariadb_tables.make("bazaar", DDL)
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = mariadb_tables.url("bazaar")
    db.init_app(app)
    app.add_template_filter(money)
    app.register_blueprint(shop)
    app.register_blueprint(backoffice, url_prefix="/office")

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
