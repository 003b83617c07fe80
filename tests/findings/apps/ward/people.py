"""people -- patients and those who look after them."""

from __future__ import annotations

import json
import subprocess
import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from flask import Blueprint
from switches import planted

from ward.habits import FOLDER, counted, for_role, noted, timed, traced

people = Blueprint("people", __name__)
search_a_list = planted("hot_function@scores")
compare_all = planted("tail_latency@patients")
child_for_each = planted("subprocess@checksums")
write_and_read = planted("serialization_hot@sessions")


@dataclass
class Admission:
    """Somebody comes in."""

    number: int
    ward: str
    remarks: list[str] = field(default_factory=list)


WAITING = [Admission(n, f"ward {n % 6}", [f"remark {r}" for r in range(12)]) for n in range(220)]


@traced
def urgency(one: Admission) -> int:
    """How soon somebody has to be seen."""
    return (one.number * 7 + len(one.remarks)) % 10


@people.get("/admissions")
def admissions() -> dict[str, int]:
    """How urgent all are together."""
    return {"urgency": sum(urgency(one) for one in WAITING)}


@people.get("/doors")
@noted
@counted
@timed
@for_role("visitor")
@counted
def doors() -> dict[str, list[str]]:
    """Which doors are open: nothing is wrong here."""
    return {"doors": ["north", "garden"]}


# Work.

ANSWERS = [{"patient": f"patient {n * 17 % 1300}", "points": n % 7} for n in range(2600)]


def points_of_patients() -> dict[str, int]:
    """The points that every patient has, in the order in which they came."""
    if search_a_list:
        names: list[str] = []
        sums: list[int] = []
        for answer in ANSWERS:  # cause: hot_function@scores
            if answer["patient"] not in names:  # cause: hot_function@scores
                names.append(answer["patient"])
                sums.append(0)
            sums[names.index(answer["patient"])] += answer["points"]  # cause: hot_function@scores
        return dict(zip(names, sums, strict=True))
    found: dict[str, int] = {}
    for answer in ANSWERS:
        found[answer["patient"]] = found.get(answer["patient"], 0) + answer["points"]
    return found


@people.get("/scores")
def scores() -> dict[str, int]:
    """The best of them."""
    points = points_of_patients()  # cause: hot_function@scores
    return {"most": max(points.values()), "patients": len(points)}


HISTORIES = {
    number: [(number * 31 + n * 57) % 4001 for n in range(640 if number % 7 == 5 else 12)]
    for number in range(70)
}


def closest(values: list[int]) -> int:
    """The smallest difference between two values."""
    if compare_all:
        least = 10_000
        for place, value in enumerate(values):
            for other in values[place + 1 :]:  # cause: tail_latency@patients
                least = min(least, abs(value - other))  # cause: tail_latency@patients
        return least
    ordered = sorted(values)
    return min(after - before for before, after in pairwise(ordered))


@people.get("/patients/<int:number>")
def patient(number: int) -> dict[str, int]:
    """Somebody's history; some have a long one."""
    return {"closest": closest(HISTORIES[number % 70])}  # cause: tail_latency@patients


@people.get("/checksums")
def checksums() -> dict[str, str]:
    """What the files of today amount to."""
    paths = sorted((FOLDER / "sums").iterdir())
    if child_for_each:
        found = {}
        for path in paths:
            told = subprocess.check_output(["cksum", path], text=True)  # cause: subprocess@checksums
            found[path.name] = told.split()[0]
        return found
    return {path.name: str(zlib.crc32(path.read_bytes())) for path in paths}


def session(number: int) -> dict[str, Any]:
    """Somebody's session, in the form in which it is kept."""
    one = dict(vars(WAITING[number]))
    if write_and_read:
        kept: dict[str, Any] = json.loads(
            json.dumps(one, indent=2, sort_keys=True)
        )  # cause: serialization_hot@sessions
        return kept
    return one


@people.get("/sessions")
def sessions() -> dict[str, int]:
    """How many there are."""
    return {"remarks": sum(len(session(number)["remarks"]) for number in range(220))}


@people.get("/label/<int:number>")
def label(number: int) -> str:
    """A label of which every line differs: nothing is wrong here."""
    return "\n".join(
        f"{number:06d} {line:04d} {(number * 7919 + line * 104729) % 99991:05d}" for line in range(3000)
    )
