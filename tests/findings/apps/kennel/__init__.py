"""kennel -- an animal shelter: who lives there, who takes them home, who gives money."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from .extensions import db
from .filling import fill
from .house import bp as house
from .views.animals import bp as animals
from .views.desk import bp as desk
from .views.giving import bp as giving


def create_app() -> Flask:
    """The application with a fresh database."""
    app = Flask(__name__)
    database = Path(os.environ["FINDINGS_DATA"]) / f"kennel-{os.getpid()}.db"
    app.config.update(SQLALCHEMY_DATABASE_URI=f"sqlite:///{database}", SQLALCHEMY_TRACK_MODIFICATIONS=False)
    db.init_app(app)
    for blueprint in (house, animals, desk, giving):
        app.register_blueprint(blueprint)
    with app.app_context():
        db.create_all()
        fill()
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
