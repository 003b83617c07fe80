"""The halls: melts, and what is planned for the furnaces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, abort, g, render_template, request
from sqlalchemy import func, select
from sqlalchemy.orm import aliased
from switches import planted

from ..store import Session
from ..store.models import Booking, Furnace, Grant, Melt

look_up_each_row = planted("duplicate_query@grants")
rank_all_melts = planted("slow_query@latest")
draw_each_day = planted("template_hot@gantt")

bp = Blueprint("production", __name__, template_folder="../templates")
DAYS = 120


@bp.before_request
def who() -> None:
    """Tablets tell who holds them."""
    g.login = request.headers.get("X-Login", "ida")


class Permissions:
    """What the person at the tablet may do."""

    def __init__(self, login: str) -> None:
        self.login = login
        self._verbs: set[str] | None = None

    def _load(self) -> set[str]:
        mine = select(Grant.verb).where(Grant.login == self.login)
        return set(Session.scalars(mine))  # cause: duplicate_query@grants

    def can(self, verb: str) -> bool:
        """Whether it is allowed."""
        if look_up_each_row:
            return verb in self._load()  # cause: duplicate_query@grants
        if self._verbs is None:
            self._verbs = self._load()
        return verb in self._verbs


def with_permissions(view: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a view the permissions."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return view(Permissions(g.login), *args, **kwargs)

    return wrapped


def melt_row(melt: Melt, mine: Permissions) -> dict[str, Any]:
    """A melt as the tablet shows it."""
    return {
        "id": melt.id,
        "kg": melt.kg,
        "hot": melt.celsius > 1450,
        "actions": [
            verb for verb in ("verb4", "verb8", "verb9") if mine.can(verb)
        ],  # cause: duplicate_query@grants
    }


@bp.get("/melts")
@with_permissions
def melts(mine: Permissions) -> dict[str, Any]:
    """Melts of a lot."""
    lot = request.args.get("lot") or abort(400)
    found = Session.scalars(
        select(Melt)
        .filter_by(lot_code=lot)
        .order_by(Melt.poured_at.desc())
        .limit(10)  # cause: missing_index@lot
    )
    return {
        "melts": [melt_row(each, mine) for each in found]
    }  # cause: duplicate_query@grants missing_index@lot


def latest_melts() -> dict[int, int]:
    """How hot each furnace was the last time."""
    if rank_all_melts:
        order = func.row_number().over(partition_by=Melt.furnace_id, order_by=Melt.poured_at.desc())
        ranked = select(Melt.furnace_id, Melt.celsius, order.label("place")).subquery()
        rows = Session.execute(
            select(ranked.c.furnace_id, ranked.c.celsius).where(
                ranked.c.place == 1
            )  # cause: slow_query@latest
        )
    else:
        newest = (
            select(Melt.furnace_id, func.max(Melt.poured_at).label("at")).group_by(Melt.furnace_id).subquery()
        )
        last = aliased(Melt)
        on = (last.furnace_id == newest.c.furnace_id) & (last.poured_at == newest.c.at)
        rows = Session.execute(select(last.furnace_id, last.celsius).join(newest, on))
    return dict(rows.tuples().all())  # cause: slow_query@latest


def taken_days() -> dict[int, dict[int, str]]:
    """What is on which day, by furnace."""
    taken: dict[int, dict[int, str]] = defaultdict(dict)
    for booking in Session.execute(
        select(Booking.furnace_id, Booking.first_day, Booking.last_day, Booking.label)
    ):
        for day in range(booking.first_day, booking.last_day + 1):
            taken[booking.furnace_id][day] = booking.label
    return taken


def runs(days: dict[int, str]) -> list[tuple[int, str]]:
    """Days of the same order put together."""
    found: list[tuple[int, str]] = []
    for day in range(DAYS):
        label = days.get(day, "")
        if found and found[-1][1] == label:
            found[-1] = (found[-1][0] + 1, label)
        else:
            found.append((1, label))
    return found


@bp.get("/planning")
def planning() -> str:
    """Who is where until the summer."""
    taken = taken_days()
    furnaces = Session.scalars(select(Furnace).order_by(Furnace.id)).all()
    latest = latest_melts()  # cause: slow_query@latest
    if draw_each_day:
        return render_template(  # cause: template_hot@gantt
            "foundry/planning.html", furnaces=furnaces, taken=taken, latest=latest, days=DAYS
        )
    rows = [(each, latest[each.id], runs(taken[each.id])) for each in furnaces]
    return render_template("foundry/runs.html", rows=rows)
