"""theatre -- the pages of a theatre, drawn by the server: macros, includes, filters, a context processor, PyMySQL."""

from __future__ import annotations

from flask import Flask

from . import backstage, drawing, foyer, store


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    app.secret_key = "curtain"
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    store.prepare()
    drawing.attach(app)
    app.register_blueprint(foyer.bp)
    app.register_blueprint(backstage.bp)
    app.add_url_rule("/health", "health", lambda: "ok")
    return app
