"""assay -- a laboratory: plates, spectra, methods and their records; files, threads, arithmetic."""

from __future__ import annotations

from flask import Flask

from . import instruments, plates, records, spectra


def create_app() -> Flask:
    """The application with its files."""
    plates.make_files()
    app = Flask(__name__)
    for module in (plates, spectra, records, instruments):
        app.register_blueprint(module.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
