"""clinic -- a day in a clinic: Flask-SQLAlchemy models, blueprints, class-based views, an audit trail in a hook."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from . import audit, desk, office, referrals
from .models import db, fill


def create_app() -> Flask:
    """The application, with a database of its own process."""
    app = Flask(__name__)
    file = Path(os.environ["FINDINGS_DATA"]) / f"clinic-{os.getpid()}.db"
    file.unlink(missing_ok=True)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{file}"
    db.init_app(app)
    with app.app_context():
        db.create_all()
        fill()
    app.register_blueprint(desk.bp)
    app.register_blueprint(office.bp)
    app.register_blueprint(referrals.bp)
    app.register_blueprint(audit.bp, url_prefix="/audit")
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
