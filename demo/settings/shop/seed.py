"""seed -- fill an empty database with the same 150,000 settings every time.

The rows of the project that the demo shows, `harbour`, come last: it is the newest one. The file is
written aside and renamed, so that several workers may start at once in an empty folder.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from .models import Base

ROWS = 150_000
NEWEST_PROJECT = "harbour"
PLACES = ("quay", "depot", "office", "market", "yard", "kiosk", "bakery", "garage")
STATES = ("on", "on", "on", "paused", "off")
OWNERS = ("ada", "bela", "chi", "dora", "emil", "fatma")


def make_database(path: Path, groups_per_project: int) -> None:
    """Create and fill the database at path; a concurrent maker's equal file may win."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
    os.close(handle)
    connection = sqlite3.connect(aside)
    try:
        connection.execute("PRAGMA synchronous = off")
        for table in Base.metadata.sorted_tables:
            connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        fill(connection, groups_per_project)
        for table in Base.metadata.sorted_tables:
            for index in table.indexes:
                connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
        connection.commit()
    finally:
        connection.close()
    os.replace(aside, path)


def fill(connection: sqlite3.Connection, groups_per_project: int) -> None:
    """Insert every project's groups and their settings."""
    projects = [f"project{number:05d}" for number in range(ROWS // groups_per_project - 1)]
    projects.append(NEWEST_PROJECT)
    codes = [f"{PLACES[n % len(PLACES)]}-{n:02d}" for n in range(groups_per_project)]
    connection.executemany(
        "INSERT INTO groups (project, code, title) VALUES (?, ?, ?)",
        ((project, code, code.replace("-", " ").title()) for project in projects for code in codes),
    )
    connection.executemany(
        "INSERT INTO settings (name, state, refresh_s, hosts, workers, queue_limit, warn_at, stop_at,"
        " labels, owner, note, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        setting_rows(projects, codes),
    )


def setting_rows(projects: list[str], codes: list[str]) -> Iterator[tuple[object, ...]]:
    """One row per group; drawn from a fixed seed."""
    draw = random.Random(20260214)
    for project in projects:
        for code in codes:
            dice = draw.getrandbits(32)
            yield (
                f"{project}:{code}",
                STATES[dice % len(STATES)],
                30 * (1 + dice % 10),
                f"{code}-a.{project}.example,{code}-b.{project}.example",
                1 + dice % 16,
                100 * (1 + dice % 50),
                60 + dice % 20,
                85 + dice % 15,
                f"tier{dice % 4},{code.split('-')[0]},zone{dice % 7}",
                OWNERS[dice % len(OWNERS)],
                f"Checked with {OWNERS[(dice >> 8) % len(OWNERS)]} in week {1 + dice % 52}.",
                f"2025-{1 + dice % 12:02d}-{1 + dice % 28:02d}",
            )
