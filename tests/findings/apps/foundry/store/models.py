"""Mapped classes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from switches import planted

without_lot_key = planted("missing_index@lot")


class Base(DeclarativeBase):
    """All of them."""


class Customer(Base):
    """Who orders castings."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    region: Mapped[str]
    terms: Mapped[int]


class Order(Base):
    """An order with its lines."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    reference: Mapped[str]
    due_on: Mapped[dt.date]
    state: Mapped[str]
    total: Mapped[Decimal]
    customer: Mapped[Customer] = relationship()
    lines: Mapped[list[OrderLine]] = relationship(back_populates="order")


class Alloy(Base):
    """What a part is made of."""

    __tablename__ = "alloys"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    carbon: Mapped[float]


class Part(Base):
    """Something that is cast."""

    __tablename__ = "parts"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str]
    name: Mapped[str]
    alloy_id: Mapped[int] = mapped_column(ForeignKey("alloys.id"))
    grams: Mapped[int]
    pattern: Mapped[str]
    remark: Mapped[str]
    alloy: Mapped[Alloy] = relationship()


class OrderLine(Base):
    """So many of a part."""

    __tablename__ = "order_lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    part_id: Mapped[int] = mapped_column(ForeignKey("parts.id"))
    quantity: Mapped[int]
    poured: Mapped[int]
    order: Mapped[Order] = relationship(back_populates="lines")
    part: Mapped[Part] = relationship()


class Furnace(Base):
    """Where iron is molten."""

    __tablename__ = "furnaces"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    hall: Mapped[int]


class Melt(Base):
    """What a furnace gave at once."""

    __tablename__ = "melts" if without_lot_key else "melts_by_lot"
    id: Mapped[int] = mapped_column(primary_key=True)
    furnace_id: Mapped[int] = mapped_column(ForeignKey("furnaces.id"))
    lot_code: Mapped[str] = mapped_column()  # cause: missing_index@lot
    poured_at: Mapped[dt.datetime]
    kg: Mapped[int]
    celsius: Mapped[int]


class Booking(Base):
    """Days for which a furnace is taken."""

    __tablename__ = "bookings"
    id: Mapped[int] = mapped_column(primary_key=True)
    furnace_id: Mapped[int] = mapped_column(ForeignKey("furnaces.id"))
    first_day: Mapped[int]
    last_day: Mapped[int]
    label: Mapped[str]


class Measurement(Base):
    """A bore of a casting, as the gauge told it."""

    __tablename__ = "measurements"
    id: Mapped[int] = mapped_column(primary_key=True)
    part_id: Mapped[int]
    millimetres: Mapped[float]


class Setting(Base):
    """What the office can change."""

    __tablename__ = "settings"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Grant(Base):
    """What somebody may do."""

    __tablename__ = "grants"
    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str]
    verb: Mapped[str]


class Bin(Base):
    """A place in the store."""

    __tablename__ = "bins"
    id: Mapped[int] = mapped_column(primary_key=True)
    part_id: Mapped[int]
    shelf: Mapped[str]
    quantity: Mapped[int]
    reserved: Mapped[int]
