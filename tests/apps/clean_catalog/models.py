"""models -- products, who makes them, and who offers them at what price."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import func

db = SQLAlchemy()


class Maker(db.Model):
    """Who makes a product."""

    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(60), nullable=False)


class Product(db.Model):
    """What is sold."""

    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(120), nullable=False)
    text = db.Column(db.String(400), nullable=False)
    stock = db.Column(db.Integer, nullable=False)
    maker_id = db.Column(db.ForeignKey("maker.id"), nullable=False, index=True)
    maker = db.relationship(Maker)
    offers = db.relationship("Offer", order_by="Offer.cents")


class Offer(db.Model):
    """A price for a product."""

    id = db.Column(db.Integer, primary_key=True)
    product_id = db.Column(db.ForeignKey("product.id"), nullable=False, index=True)
    seller = db.Column(db.String(40), nullable=False)
    cents = db.Column(db.Integer, nullable=False)


def prepare() -> None:
    """Make and fill the tables once; workers that start together wait for the first."""
    with db.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        db.metadata.create_all(connection)
        if not connection.scalar(db.select(func.count()).select_from(Maker)):
            connection.execute(db.insert(Maker), [{"id": n, "name": f"Maker {n}"} for n in range(1, 21)])
            connection.execute(
                db.insert(Product),
                [
                    {
                        "id": n,
                        "title": f"Lamp model {n}",
                        "text": f"A lamp of {n % 60 + 5} watts for rooms of {n % 9 + 2} metres. " * 3,
                        "stock": n * 13 % 40,
                        "maker_id": n % 20 + 1,
                    }
                    for n in range(1, 481)
                ],
            )
            connection.execute(
                db.insert(Offer),
                [
                    {"product_id": n % 480 + 1, "seller": f"Seller {n % 11}", "cents": 900 + n * 137 % 9000}
                    for n in range(1440)
                ],
            )
        connection.commit()
    db.engine.dispose()
