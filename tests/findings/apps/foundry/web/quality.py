"""Quality: control charts and certificates."""

from __future__ import annotations

import statistics
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flask import Blueprint
from sqlalchemy import select
from switches import planted

from ..store import Session
from ..store.models import Measurement, Part

run_cksum = planted("subprocess@digest")
look_again = planted("sleep@spooler")
each_window_anew = planted("hot_function@spread")

bp = Blueprint("quality", __name__)
FORM = Path(__file__).parents[1] / "templates" / "foundry" / "_base.html"
WINDOW = 40
spooler = ThreadPoolExecutor(1, thread_name_prefix="spooler")


def spreads(values: list[float]) -> list[float]:
    """The standard deviation of each window."""
    if each_window_anew:
        return [
            statistics.pstdev(values[start : start + WINDOW])  # cause: hot_function@spread
            for start in range(len(values) - WINDOW)
        ]
    found = []
    first = values[0]
    shifted = [value - first for value in values]
    total, squares = sum(shifted[:WINDOW]), sum(value * value for value in shifted[:WINDOW])
    for start in range(len(values) - WINDOW):
        mean = total / WINDOW
        found.append(max(squares / WINDOW - mean * mean, 0.0) ** 0.5)
        gone, new = shifted[start], shifted[start + WINDOW]
        total, squares = total + new - gone, squares + new * new - gone * gone
    return found


@bp.get("/quality/<int:part>")
def control_chart(part: int) -> dict[str, Any]:
    """How the bore of a part drifts."""
    wanted = select(Measurement.millimetres).where(Measurement.part_id == part % 80).order_by(Measurement.id)
    values = list(Session.scalars(wanted))
    spread = spreads(values)  # cause: hot_function@spread
    return {"values": len(values), "spread": [round(each, 4) for each in spread[-20:]]}


class Certificate:
    """A paper that goes with a casting."""

    def __init__(self, number: int, name: str) -> None:
        self.number, self.name = number, name

    def form_digest(self) -> str:
        """Which form it was printed on, as the auditors want to see it."""
        if run_cksum:
            told = subprocess.run(  # cause: subprocess@digest
                f"cksum {FORM} | cut -d' ' -f1", shell=True, capture_output=True, text=True, check=True
            )
            return told.stdout.strip()
        return str(zlib.crc32(FORM.read_bytes()))

    def label(self) -> bytes:
        """Dots for the label printer."""
        return zlib.compress(f"{self.number} {self.name}".encode() * 2000)

    def spool(self) -> int:
        """Have the label made by the thread that owns the printer."""
        job = spooler.submit(self.label)
        if look_again:
            while not job.done():
                time.sleep(0.025)  # cause: sleep@spooler
        return len(job.result())


@bp.get("/castings/<int:number>/certificate")
def certificate(number: int) -> dict[str, Any]:
    """The paper."""
    name = Session.scalar(select(Part.name).where(Part.id == number % 2600 + 1))
    paper = Certificate(number, name or "?")
    return {
        "name": paper.name,
        "form": paper.form_digest(),  # cause: subprocess@digest
        "label": paper.spool(),  # cause: sleep@spooler
    }
