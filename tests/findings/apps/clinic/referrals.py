"""Referrals: whom a letter of another practice is about."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint
from sqlalchemy import select
from switches import planted

from .models import Letter, Patient, db

compare_all_names = planted("hot_function@distance")
ask_each_patient = planted("n_plus_one@letters")
wait_for_fax = planted("sleep@fax")

bp = Blueprint("referrals", __name__)


def distance(one: str, other: str) -> int:
    """How many letters differ (Levenshtein)."""
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):  # cause: hot_function@distance
        now = [row]
        for column, against in enumerate(other, 1):  # cause: hot_function@distance
            now.append(  # cause: hot_function@distance
                min(before[column] + 1, now[column - 1] + 1, before[column - 1] + (letter != against))
            )
        before = now
    return before[-1]


def closest(name: str, names: dict[str, int]) -> int:
    """The patient who is called most like this."""
    if compare_all_names:
        return names[min(names, key=lambda known: distance(name, known))]  # cause: hot_function@distance
    return names[name] if name in names else names[min(names, key=lambda known: distance(name, known))]


def slowly(view: Callable[..., Any]) -> Callable[..., Any]:
    """Not faster than the fax."""

    @wraps(view)
    def paced(*args: Any, **kwargs: Any) -> Any:
        if wait_for_fax:
            time.sleep(0.006)  # cause: sleep@fax
        return view(*args, **kwargs)

    return paced


@bp.get("/referrals/<int:number>")
@slowly  # cause: sleep@fax
def referrals(number: int) -> dict[str, Any]:
    """Letters that came, each with the patient and his other letters."""
    people = db.session.execute(select(Patient.name, Patient.id).where(Patient.id <= 24)).tuples().all()
    names = dict(people)
    wanted = [people[(number + step) % 24][0] for step in range(24)]
    found = [closest(name, names) for name in wanted]  # cause: hot_function@distance
    letters: dict[int, list[str]] = {each: [] for each in found}
    if ask_each_patient:
        for each in found:  # cause: n_plus_one@letters
            chosen = select(Letter).where(Letter.patient_id == each)
            letters[each] += [one.subject for one in db.session.scalars(chosen)]  # cause: n_plus_one@letters
    else:
        for one in db.session.scalars(select(Letter).where(Letter.patient_id.in_(found))):
            letters[one.patient_id].append(one.subject)
    return {"referrals": [[name, letters[each]] for name, each in zip(wanted, found, strict=True)]}
