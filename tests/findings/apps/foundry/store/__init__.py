"""The database: one engine for the process, a session for each request."""

from __future__ import annotations

import mariadb_tables
from sqlalchemy import create_engine
from sqlalchemy.orm import scoped_session, sessionmaker

from .rows import statements

NAME = "foundry"

mariadb_tables.make(NAME, statements())
engine = create_engine(mariadb_tables.url(NAME), pool_size=4, pool_recycle=1800)
Session = scoped_session(sessionmaker(engine, expire_on_commit=False))


def shutdown_session(_error: BaseException | None = None) -> None:
    """Give the connection back."""
    Session.remove()
