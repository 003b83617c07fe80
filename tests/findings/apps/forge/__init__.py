"""forge -- pages that compute: loops, patterns, imports, templates, serialising, attributes."""

from __future__ import annotations

from flask import Flask

from . import loading, patterns, rendering, texts

app = Flask(__name__)
for part in (texts, patterns, loading, rendering):
    app.register_blueprint(part.pages)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"
