"""lettings -- an agency for holiday homes: an application factory, Flask-SQLAlchemy, resources, pages of parts."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask


def create_app() -> Flask:
    """The application, its tables filled."""
    from . import access, api, filling, office, pages
    from .models import db

    app = Flask(__name__)
    file = Path(os.environ["FINDINGS_DATA"]) / f"lettings-{os.getpid()}.db"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{file}"
    db.init_app(app)
    with app.app_context():
        filling.fill()
    access.init_app(app)
    app.register_blueprint(pages.bp, url_prefix="/homes")
    app.register_blueprint(office.bp, url_prefix="/office")
    api.register(app)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
