"""Records that the law wants: what was done, line by line; and the log of it all."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

from flask import Blueprint
from switches import planted

log_each_step = planted("log_io@steps")
sync_each_line = planted("disk_io@signatures")
compile_each_step = planted("regex_compile@steps")

bp = Blueprint("records", __name__)

FOLDER = Path(os.environ["FINDINGS_DATA"])


def make_log() -> logging.Logger:
    """Where steps are noted."""
    log = logging.getLogger("assay.steps")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    handler = logging.FileHandler(FOLDER / f"assay-{os.getpid()}-steps.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(threadName)s %(message)s"))
    log.addHandler(handler)
    return log


log = make_log()
STEP = re.compile(r"(?P<what>[a-z]+) (?P<much>\d+) ul into (?P<where>[A-P]\d+)")


def checked(step: str, allowed: int) -> str | None:
    """Where a step ends, if it is one that is allowed."""
    if compile_each_step:
        words = "|".join(("add", "mix", "take")[: allowed % 3 + 1])
        found = re.compile(  # cause: regex_compile@steps
            rf"({words}) (\d{{1,{allowed}}}) ul into ([A-P]\d+)"
        ).match(step)
        return found[3] if found else None
    found = STEP.match(step)
    return found["where"] if found and found["what"] in ("add", "mix", "take")[: allowed % 3 + 1] else None


@bp.get("/runs/<int:number>")
def run(number: int) -> dict[str, Any]:
    """What the robot did."""
    done, wells = 0, set()
    for at in range(360):
        step = f"{('add', 'mix', 'take')[at % 3]} {at % 90} ul into {'ABCDEFGH'[at % 8]}{at % 24 + 1}"
        where = checked(step, number * 45 + at % 45 + 3)  # cause: regex_compile@steps
        done += where is not None
        wells.add(where)
        if log_each_step:
            log.debug(
                "run %d step %d: %s goes to %s, %d done so far", number, at, step, where, done
            )  # cause: log_io@steps
    log.info("run %d: %d steps done", number, done)
    return {"done": done, "wells": len(wells)}


class Journal:
    """Signatures that nobody can take back."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a")

    def write(self, lines: list[str]) -> None:
        """For ever."""
        for line in lines:
            self.file.write(line + "\n")
            if sync_each_line:
                self.sync()  # cause: disk_io@signatures
        self.sync()

    def sync(self) -> None:
        """On to the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())  # cause: disk_io@signatures


journal = Journal(FOLDER / f"assay-{os.getpid()}.journal")


@bp.get("/signatures/<int:number>")
def sign(number: int) -> dict[str, Any]:
    """Signs what a day has brought."""
    lines = [f"{number};{at};{hash((number, at)) % 9973}" for at in range(20)]
    journal.write(lines)  # cause: disk_io@signatures
    return {"signed": len(lines)}


@bp.get("/levels/<int:number>")
def levels(number: int) -> dict[str, Any]:
    """Many lines for a level that nobody wants, which costs next to nothing: nothing is wrong here."""
    quiet = logging.getLogger("assay.quiet")
    total = 0
    for at in range(2500):
        total += (at * number) % 7
        quiet.debug("step %d of %d: %d", at, number, total)
    return {"total": total}
