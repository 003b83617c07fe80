"""Records: journals, exports, firmware; files of all kinds."""

from __future__ import annotations

import hashlib
import json
import logging
import logging.handlers
import os
import subprocess
from pathlib import Path
from typing import Any

from flask import Blueprint
from switches import planted

log_each_drop = planted("log_io@journal")
sync_each_file = planted("disk_io@exports")
ask_a_program = planted("subprocess@checksum")

bp = Blueprint("records", __name__)
FOLDER = Path(os.environ["FINDINGS_DATA"]) / f"greenhouse-{os.getpid()}"


def make_files() -> None:
    """What lies there from the beginning."""
    for name in ("beds", "firmware", "exports"):
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
    for bed in range(12):
        plants = {"plants": [f"tomato {bed}-{at}" for at in range(25)], "warm": 18 + bed % 5}
        (FOLDER / "beds" / f"{bed}.json").write_text(json.dumps(plants))
    for version in range(4):
        (FOLDER / "firmware" / f"v{version}.bin").write_bytes(bytes(range(256)) * 400 * (version + 1))


def journal_log() -> logging.Logger:
    """The journal, whose file begins anew when it is big."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger("greenhouse.journal")
    log.propagate = False
    log.setLevel(logging.INFO)
    handler = logging.handlers.RotatingFileHandler(FOLDER / "journal.log", maxBytes=50_000_000, backupCount=1)
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-8s %(threadName)s %(funcName)s: %(message)s")
    )
    log.addHandler(handler)
    return log


log = journal_log()


class Irrigation:
    """Drops, where they fall."""

    def __init__(self, number: int) -> None:
        self.number = number

    def drop(self, at: int) -> int:
        """One drop."""
        litres = (at * 13 + self.number) % 7
        if log_each_drop:
            log.info("valve %d, step %d: %d litres", self.number, at, litres)  # cause: log_io@journal
        return litres

    def run(self, steps: int) -> int:
        """All of them."""
        total = sum(self.drop(at) for at in range(steps))  # cause: log_io@journal
        log.info("valve %d: %d litres in %d steps", self.number, total, steps)
        return total


@bp.get("/journal/<int:number>")
def journal(number: int) -> dict[str, Any]:
    """Waters a bed."""
    return {"litres": Irrigation(number).run(320)}  # cause: log_io@journal


def note(file: Path, text: str) -> None:
    """A line more; where it has to survive everything, on the disk before anything else is done."""
    with file.open("a") as out:
        out.write(text + "\n")
        if sync_each_file:
            out.flush()
            os.fsync(out.fileno())  # cause: disk_io@exports


@bp.get("/exports/<int:number>")
def export(number: int) -> dict[str, Any]:
    """Lines for the screens at the doors, which show the newest; a screen that missed one shows the next."""
    for bed in range(8):
        text = json.dumps({"bed": bed, "litres": number * bed % 90})
        note(FOLDER / "exports" / f"{bed}.jsonl", text)  # cause: disk_io@exports
    return {"files": 8}


def checksum(file: Path) -> str:
    """What the device compares."""
    if ask_a_program:
        done = subprocess.run(  # cause: subprocess@checksum
            ["sha256sum", str(file)], check=True, capture_output=True, text=True
        )
        return done.stdout.split()[0]
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@bp.get("/firmware/<int:number>")
def firmware(number: int) -> dict[str, Any]:
    """Which version a device should have."""
    file = FOLDER / "firmware" / f"v{number % 4}.bin"
    return {"bytes": file.stat().st_size, "sha256": checksum(file)}  # cause: subprocess@checksum


@bp.get("/beds/<int:number>")
def bed(number: int) -> dict[str, Any]:
    """A bed, from a small file which may change: nothing is wrong here."""
    found: dict[str, Any] = json.loads((FOLDER / "beds" / f"{number % 12}.json").read_text())
    return found


@bp.get("/doors/<int:number>")
def doors(number: int) -> dict[str, Any]:
    """Who went through a door, with a line for each in the log: nothing is wrong here."""
    for person in range(5):
        log.info("door %d: person %d", number, person)
    return {"persons": 5}
