"""school -- students and classes in MariaDB through SQLAlchemy's ORM; the mapping names keys that the tables lack."""

from __future__ import annotations

from typing import Any

import mariadb_tables
from flask import Flask, g, request
from sqlalchemy import Column, ForeignKey, Integer, String, Table, create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from switches import planted

STUDENTS, SEATS, CLASSES, BADGES = 50_000, 90_000, 250, 3_000
no_student_key, no_seat_key = planted("missing_index@students"), planted("missing_index@seats")
DATABASE = f"school_{int(no_student_key)}{int(no_seat_key)}"

mariadb_tables.make(
    DATABASE,
    [
        "CREATE TABLE students (student_id INT NOT NULL, name VARCHAR(80) NOT NULL)",
        "CREATE TABLE classes (class_id INT PRIMARY KEY, name VARCHAR(80) NOT NULL)",
        "CREATE TABLE seats (class_id INT NOT NULL, student_id INT NOT NULL)",
        "CREATE TABLE badges (id INT PRIMARY KEY, code VARCHAR(12) NOT NULL, KEY (code))",
        f"INSERT INTO students SELECT seq, concat('Student ', seq) FROM seq_1_to_{STUDENTS}",
        f"INSERT INTO classes SELECT seq, concat('Class ', seq) FROM seq_1_to_{CLASSES}",
        f"INSERT INTO seats SELECT 1 + seq * 7 MOD {CLASSES}, 1 + seq * 11 MOD {STUDENTS} FROM seq_1_to_{SEATS}",
        f"INSERT INTO badges SELECT seq, lpad(seq, 6, '0') FROM seq_1_to_{BADGES}",
        *([] if no_student_key else ["CREATE INDEX by_student ON students (student_id)"]),
        *([] if no_seat_key else ["CREATE INDEX by_student ON seats (student_id)"]),
        "ANALYZE TABLE students, classes, seats, badges",
    ],
)
engine = create_engine(mariadb_tables.url(DATABASE))
app = Flask(__name__)


class Base(DeclarativeBase):
    """Base of the mapped classes."""


seats = Table(
    "seats",
    Base.metadata,
    Column("class_id", Integer, ForeignKey("classes.class_id")),
    Column("student_id", Integer, ForeignKey("students.student_id")),
)


class Class(Base):
    """A class that students sign up for."""

    __tablename__ = "classes"
    class_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class Student(Base):
    """Who signs up."""

    __tablename__ = "students"
    student_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    classes: Mapped[list[Class]] = relationship(secondary=seats)


def session() -> Session:
    """This request's session."""
    if "session" not in g:
        g.session = Session(engine)
    found: Session = g.session
    return found


@app.teardown_appcontext
def close_session(_error: BaseException | None) -> None:
    """End of the request."""
    if (one := g.pop("session", None)) is not None:
        one.close()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/my_class")
def my_class() -> dict[str, Any]:
    """Classes of a student."""
    wanted = select(Student).where(Student.student_id == request.args.get("student", 0, type=int) + 1)
    student = session().scalars(wanted).one()  # cause: missing_index@students
    return {
        "name": student.name,
        "classes": [each.name for each in student.classes],
    }  # cause: missing_index@seats


@app.get("/classes")
def classes() -> dict[str, Any]:
    """Some classes, by their key: nothing is wrong here."""
    some = select(Class).where(Class.class_id.in_(range(40, 70))).order_by(Class.class_id)
    return {"classes": [each.name for each in session().scalars(some)]}


@app.get("/badge")
def badge() -> dict[str, Any]:
    """The column is text and the value a number: there is an index, and it cannot serve."""
    return {"badges": list(session().scalars(text("SELECT id FROM badges WHERE code = 1234")))}
