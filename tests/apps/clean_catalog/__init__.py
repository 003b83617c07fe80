"""clean_catalog -- a healthy catalogue page over Flask-SQLAlchemy: nothing here is worth a finding.

One query with its related rows loaded by selectinload, then a page of macros whose work is spread thin.
"""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, render_template, request
from sqlalchemy.orm import joinedload, selectinload

from . import filters
from .models import Product, db, prepare

PER_PAGE = 48


def create_app() -> Flask:
    """The application, with its database filled."""
    app = Flask(__name__)
    folder = Path(os.environ.get("CLEAN_DATA", ".")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'clean_catalog.db'}?timeout=30"
    db.init_app(app)
    filters.init_app(app)
    with app.app_context():
        prepare()

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.get("/catalog")
    def catalog() -> str:
        page = request.args.get("page", 1, type=int)
        products = db.session.scalars(
            db.select(Product)
            .options(joinedload(Product.maker), selectinload(Product.offers))
            .order_by(Product.id)
            .offset((page - 1) * PER_PAGE)
            .limit(PER_PAGE)
        ).all()
        return render_template("catalog.html", products=products, page=page)

    return app
