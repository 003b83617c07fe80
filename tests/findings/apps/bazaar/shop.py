"""shop -- the pages that customers see."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from .models import Category, Product, Review, db

shop = Blueprint("shop", __name__)


@shop.get("/")
def home() -> str:
    """The front page: three different questions, each cheap; nothing is wrong here."""
    newest = db.session.scalars(select(Product).order_by(Product.id.desc()).limit(8)).all()
    categories = db.session.scalars(select(Category).order_by(Category.name)).all()
    praised = select(Review).options(joinedload(Review.product)).where(Review.stars == 5).limit(5)
    reviews = db.session.scalars(praised.order_by(Review.id)).all()
    return render_template("bazaar/home.html", newest=newest, categories=categories, reviews=reviews)


@shop.get("/products")
def products() -> str:
    """A page of products with their prices."""
    page = db.paginate(
        select(Product).order_by(Product.name), page=request.args.get("page", 1, type=int), per_page=40
    )
    return render_template("bazaar/products.html", page=page)


@shop.get("/products/<int:number>")
def product(number: int) -> str:
    """One product, its category joined and ten of its reviews: nothing is wrong here."""
    found = db.get_or_404(Product, number, options=[joinedload(Product.category)])
    said = select(Review).where(Review.product_id == number).order_by(Review.id.desc()).limit(10)
    return render_template("bazaar/product.html", product=found, reviews=db.session.scalars(said).all())
