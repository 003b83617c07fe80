"""roster -- who of a team is at work, and on which shift. A fixture with two known causes and their repairs.

    PYTHONPATH=tests/apps flask --app roster run          GET /team/north

Configuration (environment, prefix ROSTER_; or the mapping given to create_app):

    ROSTER_DSN        mysql://user[:password]@host:port/database, or sqlite:///path (sqlite:///roster.db)
    ROSTER_PEER       host:port of peer.py, which tells who is present
    ROSTER_PRESENCE   executor: an executor a request, a submit a member; shared: one executor for the
                      process; none: not on this page
    ROSTER_SHIFTS     each: a query a member; together: one query with IN
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from . import db
from .team import blueprint as team

CHOICES = {"PRESENCE": ("executor", "shared", "none"), "SHIFTS": ("each", "together")}


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The application, with its tables made and filled."""
    app = Flask(__name__)
    app.config.from_mapping(
        DSN="sqlite:///roster.db", PEER="127.0.0.1:5650", PRESENCE="executor", SHIFTS="each"
    )
    app.config.from_prefixed_env("ROSTER")
    app.config.update(config or {})
    for key, allowed in CHOICES.items():
        if app.config[key] not in allowed:
            raise ValueError(f"ROSTER_{key} must be one of {', '.join(allowed)}")
    db.init_app(app)
    app.register_blueprint(team, url_prefix="/team")
    app.add_url_rule("/health", view_func=lambda: "ok", endpoint="health")
    return app
