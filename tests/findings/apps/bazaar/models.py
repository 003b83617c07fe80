"""models -- what the shop sells, to whom, and who looked."""

from __future__ import annotations

from datetime import datetime

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

DDL = [
    "CREATE TABLE category (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)",
    "INSERT INTO category SELECT seq, concat('Category ', seq) FROM seq_1_to_12",
    "CREATE TABLE product (id INT PRIMARY KEY, sku CHAR(8) NOT NULL, name VARCHAR(60) NOT NULL,"
    " category_id INT NOT NULL, cents INT NOT NULL, stock INT NOT NULL, grams INT NOT NULL,"
    " colour VARCHAR(20) NOT NULL, material VARCHAR(20) NOT NULL, added DATETIME NOT NULL,"
    " active BOOL NOT NULL, KEY (category_id), KEY (name), UNIQUE KEY (sku))",
    "INSERT INTO product SELECT seq, lpad(hex(seq), 8, '0'), concat('Product ', seq), seq % 12 + 1,"
    " 199 + seq * 37 % 9000, seq * 13 % 90, 100 + seq * 71 % 4000, elt(seq % 4 + 1, 'red', 'blue', 'grey',"
    " 'green'), elt(seq % 3 + 1, 'wood', 'steel', 'linen'), '2026-01-01' + INTERVAL seq MINUTE, 1"
    " FROM seq_1_to_1500",
    "CREATE TABLE customer (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, email VARCHAR(80) NOT NULL,"
    " city VARCHAR(40) NOT NULL, UNIQUE KEY (email))",
    "INSERT INTO customer SELECT seq, concat('Customer ', seq), concat('c', seq, '@example.org'),"
    " concat('City ', seq % 50) FROM seq_1_to_1200",
    "CREATE TABLE orders (id INT PRIMARY KEY, customer_id INT NOT NULL, placed DATETIME NOT NULL,"
    " status VARCHAR(12) NOT NULL, cents INT NOT NULL, printed INT NOT NULL,"
    " KEY (customer_id), KEY (placed))",
    "INSERT INTO orders SELECT seq, seq * 7 % 1200 + 1, '2026-01-01' + INTERVAL seq MINUTE, elt(seq % 4 + 1,"
    " 'open', 'paid', 'sent', 'returned'), 500 + seq * 131 % 20000, 0 FROM seq_1_to_3000",
    "CREATE TABLE order_line (id INT PRIMARY KEY AUTO_INCREMENT, order_id INT NOT NULL,"
    " product_id INT NOT NULL, quantity INT NOT NULL, KEY (order_id), KEY (product_id))",
    "INSERT INTO order_line (order_id, product_id, quantity)"
    " SELECT seq % 3000 + 1, seq * 17 % 1500 + 1, seq % 4 + 1 FROM seq_1_to_9000",
    "CREATE TABLE review (id INT PRIMARY KEY, product_id INT NOT NULL, stars INT NOT NULL,"
    " body VARCHAR(200) NOT NULL, KEY (product_id))",
    "INSERT INTO review SELECT seq, seq * 11 % 1500 + 1, seq % 5 + 1, repeat('Works as it should. ', 5)"
    " FROM seq_1_to_6000",
    "CREATE TABLE setting (name VARCHAR(40) PRIMARY KEY, value VARCHAR(80) NOT NULL)",
    "INSERT INTO setting VALUES ('currency', 'EUR'), ('shop_name', 'Bazaar'), ('theme', 'plain')",
    "CREATE TABLE page_view (id INT PRIMARY KEY, visitor CHAR(12) NOT NULL, path VARCHAR(60) NOT NULL,"
    " seen DATETIME NOT NULL)",
    "INSERT INTO page_view SELECT seq, lpad(hex(seq * 7919 % 12000), 12, '0'),"
    " concat('/products/', seq % 1500 + 1), '2026-01-01' + INTERVAL seq SECOND FROM seq_1_to_60000",
    "CREATE TABLE page_view_indexed (PRIMARY KEY (id), KEY (visitor)) SELECT * FROM page_view",
    "CREATE TABLE price_change (id INT PRIMARY KEY AUTO_INCREMENT, batch INT NOT NULL, sku CHAR(8) NOT NULL,"
    " cents INT NOT NULL, KEY (batch))",
]
db = SQLAlchemy()


class Category(db.Model):
    """A shelf of the shop."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Product(db.Model):
    """Something to sell."""

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    name: Mapped[str]
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"))
    cents: Mapped[int]
    stock: Mapped[int]
    grams: Mapped[int]
    colour: Mapped[str]
    material: Mapped[str]
    added: Mapped[datetime]
    active: Mapped[bool]
    category: Mapped[Category] = relationship()


class Customer(db.Model):
    """Somebody who bought."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    city: Mapped[str]
    orders: Mapped[list[Order]] = relationship(back_populates="customer", order_by="Order.id")


class Order(db.Model):
    """What was bought at once."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    placed: Mapped[datetime]
    status: Mapped[str]
    cents: Mapped[int]
    printed: Mapped[int]
    customer: Mapped[Customer] = relationship(back_populates="orders")
    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.id")


class OrderLine(db.Model):
    """A product of an order."""

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    quantity: Mapped[int]


class Review(db.Model):
    """What somebody thinks of a product."""

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    stars: Mapped[int]
    body: Mapped[str]
    product: Mapped[Product] = relationship()


class Setting(db.Model):
    """What the shop keeper may change."""

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class PageView(db.Model):
    """A visitor looked at a page."""

    id: Mapped[int] = mapped_column(primary_key=True)
    visitor: Mapped[str]
    path: Mapped[str]
    seen: Mapped[datetime]


class PriceChange(db.Model):
    """A price that a supplier sent."""

    id: Mapped[int] = mapped_column(primary_key=True)
    batch: Mapped[int]
    sku: Mapped[str]
    cents: Mapped[int]
