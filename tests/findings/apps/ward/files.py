"""files -- what the ward keeps on the disk."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from flask import Blueprint
from switches import planted

from ward.habits import FOLDER

files = Blueprint("files", __name__)
file_for_each = planted("disk_io@counters")
walk_each_time = planted("disk_io@usage")
write_when_full = planted("tail_latency@audit")
NAMES = [f"counter-{n}" for n in range(24)]


def prepare() -> None:
    """The files that are there from the start."""
    for folder in range(40):
        below = FOLDER / "scans" / f"day-{folder}"
        below.mkdir(parents=True, exist_ok=True)
        for number in range(40):
            (below / f"scan-{number}").touch()
    (FOLDER / "sums").mkdir(exist_ok=True)
    for number in range(5):
        (FOLDER / "sums" / f"list-{number}").write_text(f"line of list {number}\n" * 40)
    (FOLDER / "rules.txt").write_text("wash hands\nspeak low\n")


def save(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole or not at all."""
    aside = path.with_suffix(f".{os.getpid()}")
    with aside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # cause: disk_io@counters
    aside.replace(path)


@files.get("/counters")
def counters() -> dict[str, int]:
    """Count this visit, in all counters."""
    if file_for_each:
        for name in NAMES:
            save(FOLDER / name, "1\n")  # cause: disk_io@counters
    else:
        save(FOLDER / "counters", "".join(f"{name} 1\n" for name in NAMES))
    return {"counters": len(NAMES)}


def size_of_scans() -> int:
    """Bytes of all scans."""
    total = 0
    for folder, _, names in os.walk(FOLDER / "scans"):  # cause: disk_io@usage
        total += sum(Path(folder, name).stat().st_size for name in names)  # cause: disk_io@usage
    return total


known_size = cache(size_of_scans)


@files.get("/usage")
def usage() -> dict[str, int]:
    """How much the scans take up."""
    return {"bytes": size_of_scans() if walk_each_time else known_size()}  # cause: disk_io@usage


unwritten: list[str] = []


def write_all() -> None:
    """Write what was noted, each line for good."""
    with (FOLDER / f"audit-{os.getpid()}").open("a") as file:
        for line in unwritten:
            file.write(line + "\n")
            file.flush()  # cause: tail_latency@audit
            os.fsync(file.fileno())  # cause: tail_latency@audit
    unwritten.clear()


@files.get("/audit/<int:number>")
def audit(number: int) -> dict[str, int]:
    """Note who looked at what; now and then the notes are written."""
    unwritten.extend(f"visitor {number} saw {page}" for page in range(8))
    if len(unwritten) >= 56:
        if write_when_full:
            write_all()  # cause: tail_latency@audit
        else:
            unwritten.clear()
    return {"noted": 8}


@files.get("/rules")
def rules() -> dict[str, list[str]]:
    """The rules of the house, from their file: nothing is wrong here."""
    return {"rules": (FOLDER / "rules.txt").read_text().splitlines()}
