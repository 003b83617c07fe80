"""documents -- pages, letters and lists."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template
from switches import planted

from . import figures

documents = Blueprint("documents", __name__)
include_rows = planted("template_hot@rows")
compile_each = planted("regex_compile@places")
append_text = planted("hot_function@letter")
import_each_time = planted("import_in_request@lines")
ask_git = planted("subprocess@version")
read_notes = planted("disk_io@notes")

ROWS = [
    {
        "id": n,
        "street": figures.STREETS[n % 5],
        "persons": n % 6 + 1,
        "rent": 300 + n * 17 % 900,
        "note": "counted",
    }
    for n in range(1500)
]


@documents.get("/table")
def table() -> str:
    """A long table."""
    return render_template("census/table.html", rows=ROWS, include_rows=include_rows)


@documents.get("/roster")
def roster() -> str:
    """Two hundred rows, by a loop and a macro for the head of the table: nothing is wrong here."""
    return render_template("census/roster.html", rows=ROWS[:200])


PLACES = [f"{front}{back}" for front in figures.STREETS for back in (f" {n}" for n in range(120))]
TEXT = " ".join(f"From {PLACES[n * 7 % 600]} to {PLACES[n * 11 % 600]}." for n in range(12))
ANY_PLACE = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(PLACES, key=len, reverse=True))) + r")\b")


def places_in(text: str) -> list[str]:
    """Which places a text names."""
    if compile_each:
        return [
            place for place in PLACES if re.search(rf"\b{re.escape(place)}\b", text)
        ]  # cause: regex_compile@places
    named = set(ANY_PLACE.findall(text))
    return [place for place in PLACES if place in named]


@documents.get("/places")
def places() -> dict[str, Any]:
    """Places that the note of the day names."""
    return {"places": places_in(TEXT)}  # cause: regex_compile@places


class Letter:
    """A letter that is written line by line."""

    def __init__(self) -> None:
        self.text = ""
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        """One more line."""
        if append_text:
            self.text += text + "\n"  # cause: hot_function@letter
        else:
            self.lines.append(text + "\n")

    def whole(self) -> str:
        """All that was written."""
        return self.text if append_text else "".join(self.lines)


@documents.get("/letter")
def letter() -> Response:
    """A letter with a line for each person."""
    mine = Letter()
    for n in range(3000):
        where = figures.STREETS[n % 5]
        text = f"Person {n:05d} of {where} was counted on day {n % 365}; it is well so, and was checked."
        mine.line(text)  # cause: hot_function@letter
    return Response(mine.whole(), mimetype="text/plain")


try:
    import rapidjson as fast_json
except ImportError:
    fast_json = json


def dumps(row: dict[str, Any]) -> str:
    """A row as JSON, by the quicker module where there is one."""
    if import_each_time:
        try:
            import rapidjson as quick  # cause: import_in_request@lines
        except ImportError:
            import json as quick
        return quick.dumps(row)
    return fast_json.dumps(row)


@documents.get("/lines.ndjson")
def lines() -> Response:
    """The table, a line a row."""
    text = "\n".join(dumps(row) for row in ROWS[:250])  # cause: import_in_request@lines
    return Response(text, mimetype="application/x-ndjson")


REPOSITORY = figures.FOLDER / "release"
GIT_ENV = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "HOME": str(figures.FOLDER),
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
       for what, value in (("NAME", "c"), ("EMAIL", "c@example.org"), ("DATE", "2026-01-01T00:00:00Z"))},
}  # fmt: skip


def git(*words: str) -> str:
    """What git says of the release."""
    command = ["git", "-C", str(REPOSITORY), *words]
    done = subprocess.run(
        command, env=GIT_ENV, check=True, capture_output=True, text=True
    )  # cause: subprocess@version
    return done.stdout.strip()


REPOSITORY.mkdir()
git("init", "-q")
git("commit", "-q", "--allow-empty", "-m", "release")
git("tag", "v1.4")


def release() -> dict[str, str]:
    """Which release this is."""
    tag = git("describe", "--tags", "--always")  # cause: subprocess@version
    commit, made = (
        git("rev-parse", "--short", "HEAD"),
        git("log", "-1", "--format=%cs"),
    )  # cause: subprocess@version
    branch = git("rev-parse", "--abbrev-ref", "HEAD")  # cause: subprocess@version
    return {"tag": tag, "commit": commit, "made": made, "branch": branch}


RELEASE = release()


@documents.get("/about")
def about() -> str:
    """What this is, with the release in the footer."""
    return render_template(
        "census/about.html", release=release() if ask_git else RELEASE
    )  # cause: subprocess@version


def title_of(path: Path) -> str:
    """The title of a note: its first line."""
    with path.open(encoding="utf-8") as file:  # cause: disk_io@notes
        return file.read().partition("\n")[0].removeprefix("# ")  # cause: disk_io@notes


def titles() -> list[str]:
    """Titles of all notes."""
    return [title_of(path) for path in sorted(figures.NOTES.iterdir())]  # cause: disk_io@notes


TITLES = titles()


@documents.get("/notes")
def notes() -> dict[str, Any]:
    """The list of the notes."""
    return {"notes": titles() if read_notes else TITLES}  # cause: disk_io@notes
