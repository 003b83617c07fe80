"""models -- customers, jobs, people and their skills, and the ledger; one session a request."""

from __future__ import annotations

import os
from pathlib import Path

from flask import g
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

PATH = Path(os.environ.get("FINDINGS_DATA", ".")).absolute() / "workshop.db"
engine = create_engine(f"sqlite:///{PATH}")
metadata = MetaData()


class Base(DeclarativeBase):
    """Base of the mapped classes."""

    metadata = metadata


class Customer(Base):
    """Who pays."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    town: Mapped[str] = mapped_column(String(40))


class Job(Base):
    """Something to repair."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
    region: Mapped[str] = mapped_column(String(20), index=True)
    hours: Mapped[int]
    state: Mapped[str] = mapped_column(String(12))
    notes: Mapped[str] = mapped_column(String(200))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    customer: Mapped[Customer] = relationship()


class Person(Base):
    """Who repairs."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    skills: Mapped[list[Skill]] = relationship()


class Skill(Base):
    """What a person can do."""

    __tablename__ = "skills"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    word: Mapped[str] = mapped_column(String(30))


tariffs = Table(
    "tariffs",
    metadata,
    Column("region", String(20), primary_key=True),
    Column("rate", Integer),
    Column("valid", Integer),
)
entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", String(20), index=True),
    Column("amount", Integer),
    Column("text", String(120)),
)


@event.listens_for(engine, "connect")
def careless(connection: object, _record: object) -> None:
    """The data can be made again: no waiting for the disk."""
    connection.execute("PRAGMA synchronous = off")  # type: ignore[attr-defined]


def session() -> Session:
    """This request's session."""
    if "session" not in g:
        g.session = Session(engine)
    found: Session = g.session
    return found


def close_session(_error: BaseException | None) -> None:
    """End of the request."""
    if (one := g.pop("session", None)) is not None:
        one.close()


def prepare() -> None:
    """Make and fill the tables once; processes that start together wait for the first."""
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        metadata.create_all(connection)
        if not connection.scalar(select(func.count()).select_from(Customer)):
            with Session(connection) as filling:
                fill(filling)
        connection.commit()
    engine.dispose()


def fill(filling: Session) -> None:
    """The same rows every time."""
    filling.add_all(Customer(id=n, name=f"Customer {n}", town=f"Town {n % 31}") for n in range(1, 3001))
    filling.flush()
    filling.add_all(
        Job(
            id=n,
            title=f"Repair of machine {n}",
            region=("north", "south", "east", "west")[n % 4],
            hours=1 + n % 17,
            state=("open", "done")[n % 2],
            notes=f"note {n} " * 8,
            customer_id=n,
        )
        for n in range(1, 3001)
    )
    filling.add_all(Person(id=n, name=f"Person {n}") for n in range(1, 81))
    filling.flush()
    filling.add_all(Skill(person_id=1 + n % 80, word=f"skill {n % 23}") for n in range(320))
    filling.flush()
    filling.execute(
        tariffs.insert(), [{"region": r, "rate": 40 + len(r), "valid": 1} for r in ("north", "south")]
    )
    rows = [
        {"account": f"A{n % 50}", "amount": n % 977, "text": f"entry {n} of the ledger"} for n in range(12000)
    ]
    filling.execute(entries.insert(), rows)
