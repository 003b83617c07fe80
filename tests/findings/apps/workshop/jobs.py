"""jobs -- pages about jobs: a list, a board with prices, an export."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from switches import planted

from .models import Job, session, tariffs

pages = Blueprint("jobs", __name__)
LISTED = 160
BOARD = 160

newest = select(Job).order_by(Job.id.desc()).limit(LISTED)
if not planted("n_plus_one@jobs"):
    newest = newest.options(selectinload(Job.customer))
whole_row = planted("orm_overhead@export")
tariff_each_time = planted("duplicate_query@board")


@pages.get("/jobs")
def listing() -> str:
    """The newest jobs; the template says whose they are."""
    return render_template("jobs.html", jobs=session().scalars(newest).all())


def in_region(view: Callable[..., Any]) -> Callable[..., Any]:
    """The region of the query string, north if there is none."""

    @wraps(view)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return view(*args, region=request.args.get("region", "north"), **kwargs)

    return inner


def rate_of(region: str) -> int:
    """Price of an hour."""
    query = select(tariffs.c.rate).where(tariffs.c.region == region, tariffs.c.valid == 1)
    return session().execute(query).scalar_one()  # cause: duplicate_query@board


def price(job: Job, rate: int | None) -> int:
    """What a job comes to."""
    return job.hours * (rate_of(job.region) if rate is None else rate)  # cause: duplicate_query@board


@pages.get("/board")
@in_region
def board(region: str) -> dict[str, Any]:
    """Jobs of a region with their prices."""
    jobs = session().scalars(select(Job).where(Job.region == region).order_by(Job.id).limit(BOARD)).all()
    rate = None if tariff_each_time else rate_of(region)
    return {
        "jobs": [{"title": job.title, "price": price(job, rate)} for job in jobs]
    }  # cause: duplicate_query@board


@pages.get("/export")
def export() -> Response:
    """Hours of every job as text."""
    if whole_row:
        jobs = session().scalars(select(Job)).all()  # cause: orm_overhead@export
        lines = [f"{job.id};{job.hours}" for job in jobs]
    else:
        lines = [f"{number};{hours}" for number, hours in session().execute(select(Job.id, Job.hours))]
    return Response("\n".join(lines), mimetype="text/csv")
