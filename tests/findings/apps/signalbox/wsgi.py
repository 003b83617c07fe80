"""The application."""

from __future__ import annotations

from flask import Flask

from . import edge, files, ops

app = Flask(__name__)
app.register_blueprint(edge.bp, url_prefix="/edge")
app.register_blueprint(ops.bp, url_prefix="/ops")
app.register_blueprint(files.bp, url_prefix="/files")


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"
