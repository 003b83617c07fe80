"""figures -- the data that the reports are about, and small helpers for them."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

FIRST = date(2025, 1, 1)
STREETS = ("Mill Lane", "High Street", "Station Road", "Church Walk", "Bridge Street")
FOLDER = Path(tempfile.mkdtemp(prefix="census-", dir=os.environ["FINDINGS_DATA"]))


def table_of_moves() -> str:
    """Who moved when, as the registry sends it."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(["person", "asked", "moved", "street"])
    for n in range(1500):
        asked = FIRST + timedelta(days=n * 7 % 330)
        write([f"P{n:05d}", asked, asked + timedelta(days=n * 13 % 60), STREETS[n % 5]])
    return out.getvalue()


MOVES = table_of_moves()
HOUSEHOLDS: list[dict[str, Any]] = [
    {
        "id": n,
        "street": STREETS[n % 5],
        "persons": [
            {"name": f"Person {n}-{k}", "born": FIRST - timedelta(days=n * 31 % 20000 + k)} for k in range(3)
        ],
        "rent": 300 + n * 17 % 900,
    }
    for n in range(2000)
]
SETTINGS: dict[str, Any] = {
    "columns": {f"column_{n}": {"title": f"Column {n}", "width": n % 9, "shown": True} for n in range(2600)},
    "colours": [{"name": f"c{n}", "rgb": [n % 256, n * 2 % 256, n * 3 % 256]} for n in range(600)],
    "year": 2025,
}
BOUNDARIES = FOLDER / "boundaries.json"
BOUNDARIES.write_text(
    json.dumps({f"area-{n}": [[n / 7, k / 3] for k in range(40)] for n in range(400)}), encoding="utf-8"
)
NOTES = FOLDER / "notes"
NOTES.mkdir()
for number in range(500):
    (NOTES / f"note-{number:03d}.md").write_text(f"# Note {number}\n\n{'Something was counted. ' * 20}\n")
