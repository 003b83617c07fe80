"""Tables, the session of a request, and what a new schema is filled with."""

from __future__ import annotations

import os

from flask import g
from sqlalchemy import Engine, ForeignKey, Index, create_engine, func, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, object_session, relationship
from switches import planted

reference_scanned = planted("missing_index@reference")
SCHEMA = f"brewery_{os.getpid()}"
engine: Engine | None = None


class Base(DeclarativeBase):
    """All tables."""


class Tank(Base):
    """A vessel in the cellar."""

    __tablename__ = "tank"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    litres: Mapped[int]


class Batch(Base):
    """A brew."""

    __tablename__ = "batch"
    id: Mapped[int] = mapped_column(primary_key=True)
    beer: Mapped[str]
    week: Mapped[int] = mapped_column(index=True)
    tank_id: Mapped[int] = mapped_column(ForeignKey("tank.id"))
    tank: Mapped[Tank] = relationship(lazy="joined", innerjoin=True)

    @property
    def gravity(self) -> int | None:
        """The extract as last measured."""
        newest = select(Reading.plato).where(Reading.batch_id == self.id).order_by(Reading.day.desc())
        session = object_session(self)
        return session.scalar(newest.limit(1)) if session else None  # cause: n_plus_one@gravity


class Reading(Base):
    """What the hydrometer said."""

    __tablename__ = "reading"
    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(index=True)
    day: Mapped[int]
    plato: Mapped[int]


class Booking(Base):
    """When a tank is to be used."""

    __tablename__ = "booking"
    id: Mapped[int] = mapped_column(primary_key=True)
    tank_id: Mapped[int]
    starts: Mapped[int]
    ends: Mapped[int]


class Addition(Base):
    """Something that goes into a kettle."""

    __tablename__ = "addition"
    id: Mapped[int] = mapped_column(primary_key=True)
    sheet: Mapped[int]
    what: Mapped[str]
    grams: Mapped[int]


class Grant(Base):
    """What somebody may do."""

    __tablename__ = "access_grant"
    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(index=True)
    verb: Mapped[str]


class Customer(Base):
    """A pub or a shop."""

    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    town: Mapped[str]


class Order(Base):
    """What a customer wants."""

    __tablename__ = "sales_order"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(index=True)
    reference: Mapped[str]
    day: Mapped[int] = mapped_column(index=True)
    beer: Mapped[str]
    crates: Mapped[int]
    cents: Mapped[int]
    remark: Mapped[str]


if not reference_scanned:
    Index("ix_order_reference", func.lower(Order.reference))

BEERS = ("pils", "bock", "stout", "weizen", "märzen", "kölsch", "porter", "saison")


def session() -> Session:
    """The session of this request."""
    if "session" not in g:
        g.session = Session(engine)
    return g.session


def close_session(_: BaseException | None = None) -> None:
    """At the end of it."""
    if "session" in g:
        g.pop("session").close()


def open_store() -> None:
    """Connect, and make the tables."""
    global engine
    url = make_url(os.environ["FINDINGS_POSTGRESQL"]).set(drivername="postgresql+psycopg")
    engine = create_engine(url, pool_size=4, connect_args={"options": f"-c search_path={SCHEMA}"})
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        Base.metadata.create_all(connection)
    with Session(engine) as filling:
        fill(filling)
        filling.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def fill(into: Session) -> None:
    """Rows."""
    put = into.execute
    put(insert(Tank), [{"id": n, "name": f"T{n:02d}", "litres": 1000 * (n % 5 + 1)} for n in range(1, 41)])
    put(
        insert(Batch),
        [
            {"id": n, "beer": BEERS[n % 8], "week": n // 36, "tank_id": n % 40 + 1}
            for n in range(1, 3000)
        ],
    )  # fmt: skip
    put(
        insert(Reading),
        [{"batch_id": n % 3000, "day": n // 3000, "plato": 160 - n // 300} for n in range(12_000)],
    )
    put(
        insert(Booking),
        [{"tank_id": n % 40, "starts": n * 13 % 2900, "ends": n * 13 % 2900 + 9} for n in range(1000)],
    )
    put(insert(Grant), [{"login": f"user{n % 50}", "verb": f"batch.{n // 50}"} for n in range(400)])
    put(
        insert(Customer),
        [{"id": n, "name": f"The {BEERS[n % 8]} house {n}", "town": f"Town {n % 90}"} for n in range(1, 901)],
    )
    into.execute(
        text(
            "INSERT INTO sales_order (customer_id, reference, day, beer, crates, cents, remark)"
            " SELECT CASE WHEN n % 12 = 0 THEN 7 ELSE n % 893 + 8 END, 'SO-' || lpad(n::text, 6, '0'), n / 60,"
            " (CAST(:beers AS text[]))[n % 8 + 1], n % 17 + 1, 1200 + n % 900, repeat('to the back door ', 3)"
            " FROM generate_series(1, 42000) AS n"
        ),
        {"beers": list(BEERS)},
    )
