"""The cellar's week: what ferments where, and whether two brews want the same tank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import func, insert, select
from switches import planted

from .store import Addition, Batch, Booking, Reading, Tank, session

gravity_when_drawn = planted("n_plus_one@gravity")
every_pair = planted("hot_function@overlaps")
flush_each = planted("n_plus_one@additions")

bp = Blueprint("planning", __name__, url_prefix="/planning")


@dataclass(slots=True)
class Card:
    """A batch as the board shows it."""

    beer: str
    tank: str
    gravity: int | None
    key: int


class Board:
    """The batches of a week."""

    def __init__(self, week: int) -> None:
        self.batches = session().query(Batch).filter_by(week=week).order_by(Batch.id).all()

    def cards(self) -> Iterable[Card]:
        """One after the other."""
        if gravity_when_drawn:
            for each in self.batches:
                yield Card(each.beer, each.tank.name, each.gravity, each.id)  # cause: n_plus_one@gravity
            return
        known = self.gravities()
        for each in self.batches:
            yield Card(each.beer, each.tank.name, known.get(each.id), each.id)

    def gravities(self) -> dict[int, int]:
        """The last readings of all."""
        wanted = (
            select(Reading.batch_id, Reading.plato)
            .distinct(Reading.batch_id)
            .where(Reading.batch_id.in_([each.id for each in self.batches]))
            .order_by(Reading.batch_id, Reading.day.desc())
        )
        return dict(session().execute(wanted).tuples().all())


@bp.get("/board/<int:week>")
def board(week: int) -> str:
    """For the screen in the brewhouse."""
    return render_template(
        "board.html", cards=Board(week % 80 + 1).cards(), week=week
    )  # cause: n_plus_one@gravity duplicate_query@grants


@bp.get("/tanks")
def tanks() -> dict[str, Any]:
    """What is in the tanks, each asked for by its key of a session that holds them: nothing is wrong here."""
    held = session().scalars(select(Tank)).all()
    last = select(Batch.tank_id, func.max(Batch.id)).where(Batch.week > 80).group_by(Batch.tank_id)
    shown = {}
    for tank_id, batch in session().execute(last):
        tank = session().get(Tank, tank_id)
        if tank is not None:
            shown[tank.name] = [batch, tank.litres]
    return {"tanks": shown, "all": len(held)}


Slot = tuple[int, int, int]


def clashes(slots: Sequence[Slot]) -> int:
    """How often two want the same tank on the same day."""
    if every_pair:
        found = 0
        for one, other in combinations(slots, 2):  # cause: hot_function@overlaps
            if one[0] == other[0] and one[1] < other[2] and other[1] < one[2]:  # cause: hot_function@overlaps
                found += 1
        return found
    by_tank: dict[int, list[Slot]] = defaultdict(list)
    for slot in slots:
        by_tank[slot[0]].append(slot)
    return sum(
        one[1] < other[2] and other[1] < one[2]
        for mine in by_tank.values()
        for one, other in combinations(mine, 2)
    )


@bp.get("/capacity/<int:week>")
def capacity(week: int) -> dict[str, int]:
    """Whether it all fits."""
    rows = session().execute(select(Booking.tank_id, Booking.starts, Booking.ends)).all()
    slots = [(tank, starts + week, ends + week) for tank, starts, ends in rows]
    return {"week": week, "clashes": clashes(slots)}  # cause: hot_function@overlaps


class BrewSheets:
    """Keeps what the brewer has typed."""

    def add(self, sheet: int, what: str, grams: int) -> int:
        """One addition; its number."""
        one = Addition(sheet=sheet, what=what, grams=grams)
        session().add(one)
        session().flush()  # cause: n_plus_one@additions
        return one.id

    def add_all(self, sheet: int, lines: list[tuple[str, int]]) -> list[int]:
        """Several."""
        if flush_each:
            return [self.add(sheet, what, grams) for what, grams in lines]  # cause: n_plus_one@additions
        rows = [{"sheet": sheet, "what": what, "grams": grams} for what, grams in lines]
        return list(session().scalars(insert(Addition).returning(Addition.id), rows))


@bp.get("/brewsheet/<int:number>")
def brewsheet(number: int) -> dict[str, Any]:
    """What goes into a kettle, and when."""
    lines = [(f"hop {minute}", 40 + minute) for minute in range(30)]
    kept = BrewSheets().add_all(number, lines)  # cause: n_plus_one@additions
    session().commit()
    return {"sheet": number, "kept": len(kept)}
