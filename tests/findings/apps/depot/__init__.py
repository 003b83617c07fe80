"""depot -- a warehouse behind an application factory: an extension for the database, blueprints, class-based views."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask
from switches import planted

from depot.sales import sales
from depot.stock import stock
from depot.tables import db, fill


def create_app() -> Flask:
    """The application, with a database of its own for each way its tables are made."""
    app = Flask(__name__)
    name = "depot-plain.db" if planted("missing_index@lots") else "depot-indexed.db"
    path = Path(os.environ.get("FINDINGS_DATA", ".")).absolute() / name
    fill(path, indexed=not planted("missing_index@lots"))
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{path}"
    db.init_app(app)
    app.register_blueprint(stock, url_prefix="/stock")
    app.register_blueprint(sales, url_prefix="/sales")
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
