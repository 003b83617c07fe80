"""observatory -- frames of a small telescope: previews, calibration, bundles, and the dome's devices."""

from __future__ import annotations

from flask import Flask

from . import devices, frames, nights
from .settings import Settings


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.extensions["observatory"] = Settings()
    app.register_blueprint(frames.bp, url_prefix="/frames")
    app.register_blueprint(nights.bp, url_prefix="/nights")
    app.register_blueprint(devices.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
