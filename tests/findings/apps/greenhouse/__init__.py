"""greenhouse -- sensors, valves and cameras of glasshouses: threads beside requests, files, logs, devices."""

from __future__ import annotations

from flask import Flask

from . import devices, records, world


def create_app() -> Flask:
    """The application, with its files and its threads."""
    records.make_files()
    world.start()
    app = Flask(__name__)
    for module in (devices, records, world):
        app.register_blueprint(module.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
