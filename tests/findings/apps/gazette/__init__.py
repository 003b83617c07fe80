"""gazette -- a newspaper: pages of macros and includes, and work on texts."""

from __future__ import annotations

from flask import Flask

from gazette.pages import pages
from gazette.texts import texts

app = Flask(__name__)
app.register_blueprint(pages)
app.register_blueprint(texts)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.template_filter("money")
def money(cents: int) -> str:
    """An amount as readers know it."""
    return f"{cents // 100},{cents % 100:02d}"
