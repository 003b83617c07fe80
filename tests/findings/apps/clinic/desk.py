"""The desk: who comes today, and who somebody is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, g, render_template, request
from flask.views import MethodView
from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from switches import planted

from .models import Doctor, Letter, Message, Patient, Prescription, Visit, db

insurer_when_drawn = planted("n_plus_one@insurer")
count_for_each_row = planted("duplicate_query@unread")
count_each_doctor = planted("n_plus_one@workload")

bp = Blueprint("desk", __name__, template_folder="templates")


def count_unread(ward: str) -> int:
    """How many messages nobody has read."""
    waiting = select(func.count()).select_from(Message).where(Message.ward == ward, Message.seen == 0)
    return db.session.scalar(waiting) or 0  # cause: duplicate_query@unread


def remembered(ward: str) -> int:
    """The same, asked once a request."""
    if "unread" not in g:
        g.unread = {}
    if ward not in g.unread:
        g.unread[ward] = count_unread(ward)
    return int(g.unread[ward])


@bp.context_processor
def badges() -> dict[str, Callable[[str], int]]:
    """What every page may show."""
    return {"unread": count_unread if count_for_each_row else remembered}


def first_visits(start: int, count: int) -> list[Visit]:
    """Visits with their patients."""
    wanted = select(Visit).join(Visit.patient).order_by(Visit.id).where(Visit.id > start).limit(count)
    loading = contains_eager(Visit.patient)
    if not insurer_when_drawn:
        loading = loading.joinedload(Patient.insurer)
    return list(db.session.scalars(wanted.options(loading)).all())


@bp.get("/board/<int:number>")
def board(number: int) -> str:
    """Who sits in the waiting room."""
    visits = first_visits(number * 41 % 2000, 32)  # cause: n_plus_one@insurer
    return render_template(
        "board.html", visits=visits, ward="W2"
    )  # cause: n_plus_one@insurer duplicate_query@unread


class PatientView(MethodView):
    """A patient with all that belongs to him, in four statements: nothing is wrong here."""

    def get(self, number: int) -> dict[str, Any]:
        """What the desk sees."""
        wanted = (
            select(Patient)
            .where(Patient.id == number + 1)
            .options(joinedload(Patient.insurer), selectinload(Patient.visits).joinedload(Visit.doctor))
        )
        patient = db.session.scalar(wanted) or abort(404)
        letters = db.session.scalars(select(Letter.subject).where(Letter.patient_id == patient.id))
        return {
            "name": patient.name,
            "insurer": patient.insurer.name,
            "visits": [[one.day, one.doctor.name, one.minutes] for one in patient.visits],
            "letters": list(letters),
        }


bp.add_url_rule("/patients/<int:number>", view_func=PatientView.as_view("patient"))


class Diary(MethodView):
    """Visits of a day, page by page."""

    def get(self) -> dict[str, Any]:
        """A page."""
        wanted = select(Visit).where(Visit.day == request.args["day"]).order_by(Visit.id)
        page = db.paginate(wanted, per_page=20)  # cause: missing_index@day
        return {"all": page.total, "visits": [[one.id, one.minutes] for one in page]}


bp.add_url_rule("/diary", view_func=Diary.as_view("diary"))


class Workload:
    """How much each doctor has to do."""

    def of(self, doctor: Doctor) -> dict[str, Any]:
        """One."""
        mine = Visit.doctor_id == doctor.id
        count = select(func.count()).select_from(Visit).where(mine, Visit.id > 39_000)
        return {
            "name": doctor.name,
            "visits": db.session.scalar(count),  # cause: n_plus_one@workload
        }  # cause: n_plus_one@workload

    def of_all(self, doctors: list[Doctor]) -> list[dict[str, Any]]:
        """All at once."""
        rows = db.session.execute(
            select(Visit.doctor_id, func.count()).where(Visit.id > 39_000).group_by(Visit.doctor_id)
        )
        counts = dict(rows.tuples().all())
        return [{"name": one.name, "visits": counts.get(one.id, 0)} for one in doctors]


@bp.get("/workload")
def workload() -> dict[str, Any]:
    """Visits a doctor."""
    doctors = list(db.session.scalars(select(Doctor).order_by(Doctor.id)).all())
    load = Workload()
    if count_each_doctor:
        return {"doctors": list(map(load.of, doctors))}  # cause: n_plus_one@workload
    return {"doctors": load.of_all(doctors)}


@bp.get("/rounds/<int:number>")
def rounds(number: int) -> dict[str, Any]:
    """Prescriptions of some visits, by one IN: nothing is wrong here."""
    ids = list(range(number * 30 + 1, number * 30 + 31))
    found: dict[int, list[str]] = {each: [] for each in ids}
    chosen = select(Prescription.visit_id, Prescription.drug).where(Prescription.visit_id.in_(ids))
    for visit, drug in db.session.execute(chosen):
        found[visit].append(drug)
    return {"rounds": found}


@bp.get("/wards")
def wards() -> dict[str, Any]:
    """Messages by ward, from a table of some thousand rows: nothing is wrong here."""
    rows = db.session.execute(
        select(Message.ward, func.count(), func.sum(Message.seen)).group_by(Message.ward)
    )
    return {"wards": [list(row) for row in rows]}
