"""orchard -- the office of a growers' co-operative: blueprints over services over Flask-SQLAlchemy."""

from __future__ import annotations

from flask import Flask

from .harvest import harvest
from .office import office
from .tables import FILE, db, fill


def create_app() -> Flask:
    """The application, its database filled."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{FILE}"
    db.init_app(app)
    app.register_blueprint(harvest)
    app.register_blueprint(office)
    fill(app)

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
