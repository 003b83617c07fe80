"""tables -- what the depot keeps, and the rows it starts with."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """Of all tables."""


db = SQLAlchemy(model_class=Base)


class Supplier(db.Model):
    """Who sends things."""

    __tablename__ = "supplier"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    country: Mapped[str]


class Category(db.Model):
    """A node of the tree of goods."""

    __tablename__ = "category"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"), index=True)
    name: Mapped[str]
    children: Mapped[list[Category]] = relationship(order_by="Category.name")


class Item(db.Model):
    """A thing on a shelf."""

    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[int]
    shelf: Mapped[int] = mapped_column(index=True)
    supplier_id: Mapped[int] = mapped_column(ForeignKey("supplier.id"))
    category_id: Mapped[int] = mapped_column(ForeignKey("category.id"))
    supplier: Mapped[Supplier] = relationship()
    category: Mapped[Category] = relationship()


class Sale(db.Model):
    """A line of a bill."""

    __tablename__ = "sale"
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    month: Mapped[int] = mapped_column(index=True)
    day: Mapped[int]
    amount: Mapped[int]
    cents: Mapped[int]
    till: Mapped[str]
    clerk: Mapped[str]


class Movement(db.Model):
    """Something was carried from one shelf to another."""

    __tablename__ = "movement"
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
    note: Mapped[str]


class Lot(db.Model):
    """A delivery in one piece; found by its code."""

    __tablename__ = "lot"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    remark: Mapped[str]


def fill(path: Path, *, indexed: bool) -> None:
    """Make the database at `path`, unless it is there; `indexed`: lots are found by their code."""
    if path.exists():
        return
    aside = path.with_suffix(f".{os.getpid()}")
    with sqlite3.connect(aside) as plain:
        plain.executescript(
            """
            CREATE TABLE supplier (id INTEGER PRIMARY KEY, name TEXT, country TEXT);
            CREATE TABLE category (id INTEGER PRIMARY KEY, parent_id INTEGER, name TEXT);
            CREATE INDEX category_parent ON category (parent_id);
            CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price INTEGER, shelf INTEGER,
                               supplier_id INTEGER, category_id INTEGER);
            CREATE INDEX item_shelf ON item (shelf);
            CREATE TABLE sale (id INTEGER PRIMARY KEY, item_id INTEGER, month INTEGER, day INTEGER,
                               amount INTEGER, cents INTEGER, till TEXT, clerk TEXT);
            CREATE INDEX sale_month ON sale (month);
            CREATE TABLE movement (id INTEGER PRIMARY KEY, item_id INTEGER, note TEXT);
            CREATE TABLE lot (id INTEGER PRIMARY KEY, code TEXT, remark TEXT);
            """
        )
        rows: dict[str, list[tuple[object, ...]]] = {
            "supplier": [(n, f"supplier {n}", "NL" if n % 3 else "PT") for n in range(1, 81)],
            "category": [(n, (n - 2) // 6 + 1 if n > 1 else None, f"category {n}") for n in range(1, 44)],
            "item": [(n, f"item {n}", n * 7, n % 10, n // 7 % 80 + 1, n % 43 + 1) for n in range(1, 601)],
            "sale": [
                (
                    n,
                    n % 600 + 1,
                    n % 12 + 1,
                    n % 28 + 1,
                    n % 5 + 1,
                    n % 900,
                    f"till {n % 9}",
                    f"clerk {n % 40}",
                )
                for n in range(1, 24001)
            ],
            "movement": [(n, n % 600 + 1, f"carried to shelf {n % 10} by hand") for n in range(1, 14001)],
            "lot": [(n, f"L{n * 7919 % 250007}", "arrived dry and whole " * 4) for n in range(1, 250001)],
        }
        for table, values in rows.items():
            marks = ", ".join("?" * len(values[0]))
            plain.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        if indexed:
            plain.execute("CREATE INDEX lot_code ON lot (code)")
    plain.close()
    aside.replace(path)
