"""shop -- a small back office with one page that grew slow: the settings of a project's groups.

    flask --app shop run

Configuration (environment, prefix SHOP_; or the mapping given to create_app):

    SHOP_DATA      folder of the database, made and filled at the first start (default: ./data)
    SHOP_GROUPS    groups a project has (default 40)
    SHOP_PEAKS     address of the history service (default http://127.0.0.1:5081)
    SHOP_HISTORY   threads: the page fetches every group's peak itself; none: the browser asks when needed
    SHOP_QUERIES   loop: one query a group; batch: one query a page
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from . import database, pages


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The application, with its database ready."""
    app = Flask(__name__)
    app.config.from_mapping(
        DATA="data", GROUPS=40, PEAKS="http://127.0.0.1:5081", HISTORY="threads", QUERIES="loop"
    )
    app.config.from_prefixed_env("SHOP")
    app.config.update(config or {})
    check_choice(app, "HISTORY", ("threads", "none"))
    check_choice(app, "QUERIES", ("loop", "batch"))
    database.init_app(app)
    app.register_blueprint(pages.blueprint)
    return app


def check_choice(app: Flask, key: str, allowed: tuple[str, ...]) -> None:
    """A misspelt switch must not quietly mean the default."""
    if app.config[key] not in allowed:
        raise ValueError(f"SHOP_{key} is {app.config[key]!r}; it must be one of {', '.join(allowed)}")
