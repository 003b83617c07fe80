"""harbour -- berths, pilots and customs: it knows little itself and asks a lot, by many clients."""

from __future__ import annotations

from flask import Flask, Response, g

from . import bridge, office, tower


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    for part in (bridge.bp, office.bp, tower.bp):
        app.register_blueprint(part)

    @app.before_request
    def berth() -> None:
        g.berth = "north"

    @app.after_request
    def say_where(answer: Response) -> Response:
        answer.headers["X-Berth"] = g.berth
        return answer

    app.add_url_rule("/health", "health", lambda: "ok")
    return app
