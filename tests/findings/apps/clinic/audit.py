"""The audit trail: who has looked at what, written when the answer is ready."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, g
from sqlalchemy import select
from switches import planted

from .models import Visit, db

line_for_each_row = planted("log_io@trail")

bp = Blueprint("audit", __name__)
trail = logging.getLogger("clinic.trail")
trail.setLevel(logging.INFO)
trail.propagate = False


@bp.record_once
def open_trail(_: object) -> None:
    """Where it is written."""
    handler = logging.FileHandler(Path(os.environ["FINDINGS_DATA"]) / f"trail-{os.getpid()}.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    trail.addHandler(handler)


@bp.after_request
def write_trail(answer: Response) -> Response:
    """Tell what was shown."""
    shown = g.get("shown", ())
    if line_for_each_row:
        for visit, minutes in shown:  # cause: log_io@trail
            trail.info("visit %d with %d minutes was shown", visit, minutes)  # cause: log_io@trail
    else:
        trail.info("visits %s were shown", ",".join(str(visit) for visit, _ in shown))
    return answer


@bp.get("/<int:number>")
def shown_visits(number: int) -> dict[str, Any]:
    """Visits, of which the trail says that they were seen."""
    chosen = select(Visit.id, Visit.minutes).where(Visit.id > number * 10).order_by(Visit.id).limit(350)
    g.shown = [tuple(row) for row in db.session.execute(chosen)]
    return {"minutes": sum(minutes for _, minutes in g.shown)}
