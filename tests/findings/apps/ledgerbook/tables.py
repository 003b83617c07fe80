"""Tables, and the books of some years."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import ForeignKey, Index, String, create_engine, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, scoped_session, sessionmaker
from switches import planted

no_reference_index = planted("missing_index@reference")

FILE = Path(os.environ["FINDINGS_DATA"]) / f"ledgerbook-{os.getpid()}.db"
engine = create_engine(f"sqlite:///{FILE}")
Session = scoped_session(sessionmaker(engine))


class Base(DeclarativeBase):
    """All of them."""


class Setting(Base):
    """What a firm has chosen."""

    __tablename__ = "setting"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str]


class Partner(Base):
    """Whom one deals with."""

    __tablename__ = "partner"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    country: Mapped[str]


class Account(Base):
    """An account of the chart."""

    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    title: Mapped[str]
    lines: Mapped[list[Line]] = relationship(back_populates="account", order_by="Line.id")

    @property
    def balance(self) -> int:
        """What is on it, in cents."""
        return sum(line.cents for line in self.lines)  # cause: n_plus_one@balances


class Voucher(Base):
    """A voucher, which has some lines."""

    __tablename__ = "voucher"
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(index=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partner.id"), index=True)
    text: Mapped[str]
    partner: Mapped[Partner] = relationship()
    lines: Mapped[list[Line]] = relationship(back_populates="voucher", order_by="Line.id")


class Line(Base):
    """An amount on an account."""

    __tablename__ = "line"
    __table_args__ = (Index("line_sums", "account_id", "cents"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    voucher_id: Mapped[int] = mapped_column(ForeignKey("voucher.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    cents: Mapped[int]
    voucher: Mapped[Voucher] = relationship(back_populates="lines")
    account: Mapped[Account] = relationship(back_populates="lines")


class BankLine(Base):
    """What the bank says."""

    __tablename__ = "bank_line"
    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(index=not no_reference_index)  # cause: missing_index@reference
    day: Mapped[str]
    cents: Mapped[int]
    purpose: Mapped[str]


WORDS = ("rent", "paper", "fuel", "freight", "advice", "repairs", "insurance", "licences", "meals")


def prepare() -> None:
    """Make and fill them."""
    FILE.unlink(missing_ok=True)
    Base.metadata.create_all(engine)
    rows: dict[type[Base], list[dict[str, object]]] = {
        Setting: [{"name": n, "value": v} for n, v in (("currency", "EUR"), ("year", "2026"), ("firm", "Ada"))],
        Partner: [{"id": n, "name": f"Partner {n:04d}", "country": ("DE", "FR", "DK")[n % 3]} for n in range(1, 901)],
        Account: [{"id": n, "code": f"{1000 + n}", "title": f"{WORDS[n % 9]} {n}"} for n in range(1, 71)],
        Voucher: [
            {"id": n, "day": f"{2023 + n // 5000}-{n // 400 % 12 + 1:02d}-{n % 28 + 1:02d}",
             "partner_id": n * 31 % 900 + 1, "text": f"{WORDS[n % 9]} of {n % 12 + 1}/{n % 4}"}
            for n in range(1, 20_001)
        ],
        Line: [
            {"voucher_id": n // 2 + 1, "account_id": n * 13 % 70 + 1, "cents": n * 37 % 9000 - 4000}
            for n in range(40_000)
        ],
        BankLine: [
            {"reference": f"RF{n * 7919 % 1_000_003:08d}", "day": f"2026-{n % 12 + 1:02d}-{n % 28 + 1:02d}",
             "cents": n * 53 % 80_000, "purpose": f"{WORDS[n % 9]} invoice {n * 3} thank you, and see you again"}
            for n in range(1, 90_001)
        ],
    }  # fmt: skip
    with engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(insert(table), values)
