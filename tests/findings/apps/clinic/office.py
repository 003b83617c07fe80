"""The office: exports, invoices, and what comes in by file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response
from sqlalchemy import func, select
from switches import planted

from .models import Insurer, Patient, Prescription, Sample, Visit, db

objects_for_export = planted("orm_overhead@export")
indent_answer = planted("serialization_hot@pretty")
commit_each_sample = planted("n_plus_one@samples")
load_all_patients = planted("unbounded_result@members")

bp = Blueprint("office", __name__)
COLUMNS = ("id", "drug", "milligrams", "days", "remark")


def prescription_rows() -> Iterable[tuple[Any, ...]]:
    """What the pharmacy wants, which is all."""
    if objects_for_export:
        found = db.session.scalars(  # cause: orm_overhead@export
            select(Prescription).where(Prescription.id <= 4000).order_by(Prescription.id)
        )
        return [
            (one.id, one.drug, one.milligrams, one.days, one.remark) for one in found
        ]  # cause: orm_overhead@export
    columns = [getattr(Prescription, name) for name in COLUMNS]
    chosen = select(*columns).where(Prescription.id <= 4000).order_by(Prescription.id)
    return [tuple(row) for row in db.session.execute(chosen)]


@bp.get("/prescriptions.csv")
def prescriptions() -> Response:
    """A file for the pharmacy."""
    into = io.StringIO()
    writer = csv.writer(into)
    writer.writerow(COLUMNS)
    writer.writerows(prescription_rows())  # cause: orm_overhead@export
    return Response(into.getvalue(), mimetype="text/csv")


class Exchange:
    """The format that other clinics read."""

    def encode(self, rows: list[dict[str, Any]]) -> str:
        """As text."""
        if indent_answer:
            return json.dumps({"visits": rows}, indent=2, sort_keys=True)  # cause: serialization_hot@pretty
        return json.dumps({"visits": rows}, sort_keys=True)


@bp.get("/exchange/<int:number>")
def exchange(number: int) -> Response:
    """Visits for another clinic."""
    chosen = select(Visit.id, Visit.patient_id, Visit.day, Visit.minutes, Visit.note)
    found = db.session.execute(chosen.where(Visit.id > number).order_by(Visit.id).limit(1200))
    rows = [
        {
            "id": id_,
            "who": {"patient": who, "scheme": "local"},
            "day": day,
            "minutes": minutes,
            "codes": [minutes, who],
        }
        for id_, who, day, minutes, _ in found
    ]
    return Response(Exchange().encode(rows), mimetype="application/json")  # cause: serialization_hot@pretty


def receive(barcode: str, millilitres: int) -> None:
    """Keep a tube."""
    db.session.add(Sample(barcode=barcode, millilitres=millilitres))
    if commit_each_sample:
        db.session.commit()  # cause: n_plus_one@samples


@bp.get("/samples/<int:number>")
def samples(number: int) -> dict[str, Any]:
    """Tubes of a tray."""
    for place in range(10):  # cause: n_plus_one@samples
        receive(f"T{number:05d}-{place:02d}", 5 + place % 4)  # cause: n_plus_one@samples
    db.session.commit()
    return {"received": 10}


@bp.get("/insurers/<int:number>/members")
def members(number: int) -> dict[str, Any]:
    """How many somebody insures, and who came last."""
    insurer = db.get_or_404(Insurer, 300)
    if load_all_patients:
        count = len(insurer.patients)  # cause: unbounded_result@members
        last = [one.name for one in insurer.patients[-5:]]  # cause: unbounded_result@members
    else:
        mine = Patient.insurer_id == insurer.id
        count = db.session.scalar(select(func.count()).select_from(Patient).where(mine)) or 0
        newest = db.session.scalars(select(Patient.name).where(mine).order_by(Patient.id.desc()).limit(5))
        last = list(reversed(newest.all()))
    return {"insurer": insurer.name, "members": count, "last": last, "page": number}
