"""database -- the session that the pages use, bound to the application's own SQLite file."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from . import seed

session: scoped_session[Session] = scoped_session(sessionmaker())


def init_app(app: Flask) -> None:
    """Make the database if there is none, bind the session, give it back after every request."""
    groups = int(app.config["GROUPS"])
    path = Path(app.config["DATA"]).absolute() / f"shop-{groups}.db"
    if not path.exists():
        seed.make_database(path, groups)
    session.remove()
    session.configure(bind=create_engine(f"sqlite:///{path}"))

    @app.teardown_appcontext
    def close_session(_error: BaseException | None) -> None:
        session.remove()
