"""archive -- files: lists of what is there, checksums, settings."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from flask import Blueprint, request
from switches import planted

archive = Blueprint("archive", __name__)
hash_each_time = planted("hot_function@checksums")
count_by_child = planted("subprocess@lines")
read_settings = planted("serialization_hot@settings")
look_for_plugins = planted("hot_function@plugins")
FOLDER = Path(tempfile.mkdtemp(prefix="atelier-", dir=os.environ["FINDINGS_DATA"]))
NEGATIVES = FOLDER / "negatives"
NEGATIVES.mkdir()
for number in range(12):
    (NEGATIVES / f"roll-{number:02d}.raw").write_bytes(bytes(range(256)) * 5000 + number.to_bytes(2, "big"))
JOURNALS = FOLDER / "journals"
JOURNALS.mkdir()
for number in range(12):
    (JOURNALS / f"2026-{number + 1:02d}.log").write_text("opened the shutter\n" * (900 + number))
SETTINGS = FOLDER / "settings.toml"
SETTINGS.write_text(
    "".join(
        f'[paper.p{n}]\nname = "Paper {n}"\nsizes = [{n}, {n + 10}, {n + 20}]\nglossy = {str(n % 2 == 0).lower()}\n'
        f"price = {n / 4}\n"
        for n in range(600)
    )
)
SHEETS = "roll,frame,title,rating\n" + "".join(
    f"{n // 36},{n % 36},Frame {n},{n * 7 % 6}\n" for n in range(20_000)
)
sums_kept: dict[tuple[str, int, int], str] = {}


def checksum(path: Path) -> str:
    """What changes when a file does."""
    if hash_each_time:
        return hashlib.sha512(path.read_bytes()).hexdigest()  # cause: hot_function@checksums
    known = path.stat()
    key = (path.name, known.st_mtime_ns, known.st_size)
    if key not in sums_kept:
        sums_kept[key] = hashlib.sha512(path.read_bytes()).hexdigest()
    return sums_kept[key]


@archive.get("/manifest")
def manifest() -> dict[str, Any]:
    """What is in the archive, for the copy in the other house."""
    rolls = {
        path.name: checksum(path) for path in sorted(NEGATIVES.iterdir())
    }  # cause: hot_function@checksums
    return {"rolls": rolls, "bytes": sum(path.stat().st_size for path in NEGATIVES.iterdir())}


def lines_of(path: Path) -> int:
    """How many lines a file has."""
    if count_by_child:
        told = subprocess.check_output(["wc", "-l", str(path)], text=True)  # cause: subprocess@lines
        return int(told.split()[0])
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(65536), b""))


@archive.get("/journals")
def journals() -> dict[str, Any]:
    """How much was written in each month."""
    return {path.stem: lines_of(path) for path in sorted(JOURNALS.glob("*.log"))}  # cause: subprocess@lines


settings_kept: dict[int, dict[str, Any]] = {}


def settings() -> dict[str, Any]:
    """What the head of the studio wrote down."""
    if read_settings:
        return tomllib.loads(SETTINGS.read_text())  # cause: serialization_hot@settings
    changed = SETTINGS.stat().st_mtime_ns
    if changed not in settings_kept:
        settings_kept.clear()
        settings_kept[changed] = tomllib.loads(SETTINGS.read_text())
    return settings_kept[changed]


@archive.get("/papers")
def papers() -> dict[str, Any]:
    """Papers that can be had in a size."""
    size = request.args.get("size", 30, type=int)
    found = settings()["paper"].values()  # cause: serialization_hot@settings
    return {"papers": [each["name"] for each in found if size in each["sizes"]]}


def plugins() -> list[str]:
    """What other packages bring along."""
    found = []
    for group in ("effects", "formats", "papers"):
        found += [
            f"{group}: {each.name}" for each in entry_points(group=f"atelier.{group}")
        ]  # cause: hot_function@plugins
    return [*sorted(found), "effects: none", "formats: png"]


PLUGINS = plugins()


@archive.get("/effects")
def effects() -> dict[str, Any]:
    """What can be done to a picture, and to which."""
    names = plugins() if look_for_plugins else PLUGINS  # cause: hot_function@plugins
    wanted = request.args.get("rating", 4, type=int)
    fit = [row for row in csv.DictReader(SHEETS.splitlines()[:900]) if int(row["rating"]) == wanted]
    return {"effects": names, "pictures": [row["title"] for row in fit]}


LINES = SHEETS.splitlines()


def frames(lines: Iterable[str], rolls: range) -> list[tuple[str, int]]:
    """Titles and ratings of the frames of some rolls."""
    return [(title, int(rating)) for roll, _, title, rating in csv.reader(lines) if int(roll) in rolls]


def stars(found: list[tuple[str, int]]) -> dict[int, int]:
    """How many frames have each rating."""
    return dict(sorted(Counter(rating for _, rating in found).items()))


def words(found: list[tuple[str, int]]) -> list[str]:
    """What stands below the best frames."""
    return [f"{title.upper()} {'*' * rating}" for title, rating in found if rating > 3]


@archive.get("/sheet")
def contact_sheet() -> dict[str, Any]:
    """Three hundred rolls, from the first one that is asked for: nothing is wrong here."""
    first = request.args.get("roll", 0, type=int)
    found = frames(LINES[1 + first * 36 : 1 + (first + 300) * 36], range(first, first + 300))
    return {"frames": len(found), "stars": stars(found), "words": words(found)}
