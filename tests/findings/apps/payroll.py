"""payroll -- reports on hours and pay: SQLAlchemy 2 without an extension, MariaDB by mysqlclient."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

import mariadb_tables
from flask import Flask, abort
from sqlalchemy import ForeignKey, create_engine, extract, func, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    object_session,
    relationship,
    selectinload,
)
from switches import planted

DDL = [
    "CREATE TABLE team (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)",
    "INSERT INTO team SELECT seq, concat('Team ', seq) FROM seq_1_to_30",
    "CREATE TABLE employee (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, team_id INT NOT NULL,"
    " monthly INT NOT NULL, KEY (team_id))",
    "INSERT INTO employee SELECT seq, concat('Employee ', seq), seq % 30 + 1, 200000 + seq * 97 % 300000"
    " FROM seq_1_to_900",
    "CREATE TABLE bonus (id INT PRIMARY KEY, employee_id INT NOT NULL, cents INT NOT NULL,"
    " KEY (employee_id))",
    "INSERT INTO bonus SELECT seq, seq % 900 + 1, seq * 131 % 50000 FROM seq_1_to_2700",
    "CREATE TABLE punch (id INT PRIMARY KEY, employee_id INT NOT NULL, worked_on DATE NOT NULL,"
    " minutes INT NOT NULL, project INT NOT NULL, KEY worked (worked_on, minutes),"
    " KEY by_project (project, minutes))",
    "INSERT INTO punch SELECT seq, seq * 7919 % 900 + 1, '2023-01-01' + INTERVAL (seq * 13 % 1095) DAY,"
    " 60 + seq * 29 % 420, seq * 31 % 40 FROM seq_1_to_80000",
    "CREATE TABLE punch_indexed (PRIMARY KEY (id), KEY (employee_id)) SELECT * FROM punch",
    "CREATE TABLE change_log (id INT PRIMARY KEY, author VARCHAR(20) NOT NULL, field VARCHAR(20) NOT NULL,"
    " old_value VARCHAR(80) NOT NULL, new_value VARCHAR(80) NOT NULL, at DATETIME NOT NULL)",
    "INSERT INTO change_log SELECT seq, concat('user', seq % 9), elt(seq % 3 + 1, 'monthly', 'team', 'name'),"
    " repeat('before ', 8), repeat('after ', 8), '2026-01-01' + INTERVAL seq MINUTE FROM seq_1_to_12000",
    "CREATE TABLE rate (name VARCHAR(20) PRIMARY KEY, permille INT NOT NULL)",
    "INSERT INTO rate VALUES ('pension', 93), ('health', 73), ('care', 18), ('jobless', 13), ('tax', 210)",
]
mariadb_tables.make("payroll", DDL)
URL = f"mysql+mysqldb://root@127.0.0.1:{urlsplit(os.environ['FINDINGS_MARIADB']).port}/payroll"
engine = create_engine(URL)
app = Flask(__name__)

ask_for_each = planted("n_plus_one@bonuses")
search_employee = planted("missing_index@hours")
year_of_column = planted("slow_query@march")
fetch_all = planted("unbounded_result@changes")
connect_each_time = planted("connection_churn@rates")


class Base(DeclarativeBase):
    """What the tables have in common."""


class Team(Base):
    """People who work together."""

    __tablename__ = "team"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Bonus(Base):
    """Money beside the salary."""

    __tablename__ = "bonus"
    id: Mapped[int] = mapped_column(primary_key=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey("employee.id"))
    cents: Mapped[int]


class Employee(Base):
    """Somebody who is paid."""

    __tablename__ = "employee"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    monthly: Mapped[int]
    team: Mapped[Team] = relationship()
    bonuses: Mapped[list[Bonus]] = relationship()

    @property
    def bonus(self) -> int:
        """All that comes beside the salary."""
        if ask_for_each:
            mine = select(func.sum(Bonus.cents)).where(Bonus.employee_id == self.id)
            return int(object_session(self).scalar(mine))  # cause: n_plus_one@bonuses
        return sum(each.cents for each in self.bonuses)


class Punch(Base):
    """Minutes that somebody worked."""

    __tablename__ = "punch"
    id: Mapped[int] = mapped_column(primary_key=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey("employee.id"))
    worked_on: Mapped[date]
    minutes: Mapped[int]
    project: Mapped[int]


class Rate(Base):
    """What is kept back of a pay."""

    __tablename__ = "rate"
    name: Mapped[str] = mapped_column(primary_key=True)
    permille: Mapped[int]


class Change(Base):
    """Somebody changed something."""

    __tablename__ = "change_log"
    id: Mapped[int] = mapped_column(primary_key=True)
    author: Mapped[str]
    field: Mapped[str]
    old_value: Mapped[str]
    new_value: Mapped[str]
    at: Mapped[datetime]


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/teams/<int:number>/pay")
def team_pay(number: int) -> dict[str, Any]:
    """What a team costs a month."""
    with Session(engine) as session:
        asked = select(Employee).where(Employee.team_id == number).order_by(Employee.id)
        if not ask_for_each:
            asked = asked.options(selectinload(Employee.bonuses))
        team = session.scalars(asked).all()
        return {each.name: each.monthly + each.bonus for each in team}  # cause: n_plus_one@bonuses


@app.get("/employees/<int:number>/hours")
def hours(number: int) -> dict[str, Any]:
    """What an employee worked, newest first."""
    table = "punch" if search_employee else "punch_indexed"
    with engine.connect() as connection:
        asked = (
            f"SELECT worked_on, minutes FROM {table} WHERE employee_id = %s ORDER BY worked_on DESC, id DESC"
        )
        rows = connection.exec_driver_sql(asked, (number,)).all()  # cause: missing_index@hours
    return {"hours": [{"day": day.isoformat(), "minutes": minutes} for day, minutes in rows]}


@app.get("/months/march")
def march() -> dict[str, Any]:
    """Minutes of each project in a month."""
    asked = select(Punch.project, func.sum(Punch.minutes)).group_by(Punch.project).order_by(Punch.project)
    if year_of_column:
        year, month = extract("year", Punch.worked_on), extract("month", Punch.worked_on)
        asked = asked.where(year == 2025, month == 3)
    else:
        asked = asked.where(Punch.worked_on >= date(2025, 3, 1), Punch.worked_on < date(2025, 4, 1))
    with Session(engine) as session:
        return {
            str(project): int(total) for project, total in session.execute(asked)
        }  # cause: slow_query@march


@app.get("/projects")
def projects() -> dict[str, Any]:
    """Minutes of each project since ever: one sum that an index covers takes the time; nothing is wrong here."""
    asked = select(Punch.project, func.count(), func.sum(Punch.minutes)).group_by(Punch.project)
    with Session(engine) as session:
        return {str(project): [count, int(total)] for project, count, total in session.execute(asked)}


@app.get("/changes")
def changes() -> dict[str, Any]:
    """What was changed last."""
    with Session(engine) as session:
        if fetch_all:
            every = session.scalars(
                select(Change).order_by(Change.id)
            ).all()  # cause: unbounded_result@changes
            newest = every[-20:]
        else:
            newest = session.scalars(select(Change).order_by(Change.id.desc()).limit(20)).all()[::-1]
        return {"changes": [f"{each.author} {each.field} {each.at:%d.%m. %H:%M}" for each in newest]}


def database() -> Session:
    """A session for whoever has none."""
    if connect_each_time:
        return Session(create_engine(URL))  # cause: connection_churn@rates
    return Session(engine)


def monthly_pay(number: int) -> int:
    """What an employee is paid a month."""
    with database() as session:  # cause: connection_churn@rates
        return session.scalar(select(Employee.monthly).where(Employee.id == number)) or abort(404)


def bonus_of(number: int) -> int:
    """What an employee gets beside it."""
    with database() as session:  # cause: connection_churn@rates
        return int(session.scalar(select(func.sum(Bonus.cents)).where(Bonus.employee_id == number)))


def team_of(number: int) -> str:
    """The team of an employee."""
    with database() as session:  # cause: connection_churn@rates
        return session.scalars(select(Team.name).join(Employee).where(Employee.id == number)).one()


def rates() -> dict[str, int]:
    """What is kept back of every pay."""
    with database() as session:  # cause: connection_churn@rates
        return {rate.name: rate.permille for rate in session.scalars(select(Rate).order_by(Rate.name))}


@app.get("/employees/<int:number>/net")
def net(number: int) -> dict[str, Any]:
    """What is left of the pay; each helper opens what it needs."""
    pay = monthly_pay(number) + bonus_of(number)  # cause: connection_churn@rates
    kept = {
        name: pay * permille // 1000 for name, permille in rates().items()
    }  # cause: connection_churn@rates
    return {
        "team": team_of(number),
        "gross": pay,
        **kept,
        "net": pay - sum(kept.values()),
    }  # cause: connection_churn@rates


@app.get("/employees/<int:number>")
def employee_card(number: int) -> dict[str, Any]:
    """A card of an employee: three different questions, each by its key; nothing is wrong here."""
    with Session(engine) as session:
        employee = session.get(Employee, number) or abort(404)
        size = session.scalar(select(func.count()).where(Employee.team_id == employee.team_id))
        return {"name": employee.name, "team": employee.team.name, "colleagues": size - 1}
