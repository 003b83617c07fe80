"""Tables of the clinic, and what is in them."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from switches import planted

without_day = planted("missing_index@day")


class Base(DeclarativeBase):
    """All tables."""


db = SQLAlchemy(model_class=Base)


class Insurer(db.Model):
    """Who pays."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    patients: Mapped[list[Patient]] = relationship(back_populates="insurer", order_by="Patient.id")


class Patient(db.Model):
    """Who is ill."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    born: Mapped[int]
    insurer_id: Mapped[int] = mapped_column(ForeignKey("insurer.id"), index=True)
    insurer: Mapped[Insurer] = relationship(back_populates="patients")
    visits: Mapped[list[Visit]] = relationship(back_populates="patient")


class Doctor(db.Model):
    """Who helps."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    ward: Mapped[str]


class Visit(db.Model):
    """An appointment."""

    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    doctor_id: Mapped[int] = mapped_column(ForeignKey("doctor.id"), index=True)
    day: Mapped[str] = mapped_column(index=not without_day)
    minutes: Mapped[int]
    note: Mapped[str]
    patient: Mapped[Patient] = relationship(back_populates="visits")
    doctor: Mapped[Doctor] = relationship()


class Prescription(db.Model):
    """What the pharmacy gets."""

    id: Mapped[int] = mapped_column(primary_key=True)
    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id"), index=True)
    drug: Mapped[str]
    milligrams: Mapped[int]
    days: Mapped[int]
    remark: Mapped[str]


class Message(db.Model):
    """What the desk has to read."""

    id: Mapped[int] = mapped_column(primary_key=True)
    ward: Mapped[str] = mapped_column(index=True)
    seen: Mapped[int]


class Letter(db.Model):
    """A letter of another practice."""

    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    subject: Mapped[str]


class Sample(db.Model):
    """A tube that came to the laboratory."""

    id: Mapped[int] = mapped_column(primary_key=True)
    barcode: Mapped[str]
    millilitres: Mapped[int]


def fill() -> None:
    """Rows."""
    names = ("Ada", "Ben", "Cleo", "Dov", "Edda", "Finn", "Gita", "Hugo")
    put = db.session.execute
    put(insert(Insurer), [{"id": n, "name": f"Mutual {n}"} for n in range(1, 301)])
    put(
        insert(Doctor),
        [{"id": n, "name": f"Dr {names[n % 8]} {n}", "ward": f"W{n % 6}"} for n in range(1, 61)],
    )
    put(
        insert(Patient),
        [
            {"id": n, "name": f"{names[n % 8]} {names[n // 8 % 8]}son {n}", "born": 1930 + n % 80,
             "insurer_id": n * 7 % 300 + 1 if n % 2 else 300}
            for n in range(1, 3001)
        ],
    )  # fmt: skip
    note = "came with a cough and was sent home with tea; to be seen again if it lasts. " * 2
    put(
        insert(Visit),
        [
            {"id": n, "patient_id": n * 17 % 3000 + 1, "doctor_id": n % 60 + 1, "minutes": 10 + n % 50,
             "day": f"2026-{n // 40 % 12 + 1:02d}-{n // 480 % 28 + 1:02d}", "note": note}
            for n in range(1, 40_001)
        ],
    )  # fmt: skip
    put(
        insert(Prescription),
        [
            {"id": n, "visit_id": n, "drug": f"Drug {n % 90}", "milligrams": n % 50 * 10, "days": n % 14,
             "remark": "after meals"}
            for n in range(1, 9001)
        ],
    )  # fmt: skip
    put(insert(Message), [{"id": n, "ward": f"W{n % 6}", "seen": n % 3 == 0} for n in range(1, 2401)])
    put(
        insert(Letter),
        [{"id": n, "patient_id": n % 3000 + 1, "subject": f"Finding {n}"} for n in range(1, 9001)],
    )
    db.session.commit()
