"""Plates: raw files of a reader, what is taken from them, and how they are handed on."""

from __future__ import annotations

import importlib
import json
import os
import struct
import subprocess
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Blueprint, Response
from switches import planted

from .methods import elisa

read_whole = planted("disk_io@wells")
sort_outside = planted("subprocess@order")
indent = planted("serialization_hot@export")
reload_method = planted("import_in_request@method")
keep_all = planted("memory_growth@curves")

bp = Blueprint("plates", __name__)

FOLDER = Path(os.environ["FINDINGS_DATA"])
RAW = FOLDER / f"assay-{os.getpid()}.raw"
PLATES, WELLS, WELL_BYTES = 200, 384, 384


def make_files() -> None:
    """What the reader has written, and the small files beside it."""
    well = bytes(range(256)) + bytes(range(128))
    RAW.write_bytes(well * WELLS * PLATES)
    for number in range(3):
        note = {"reader": number, "gain": 1.0 + number / 10, "dark": [n % 7 for n in range(90)]}
        (FOLDER / f"assay-{os.getpid()}-reader{number}.json").write_text(json.dumps(note))


class RawFile:
    """The reader's file: plate after plate, well after well."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def well(self, plate: int, well: int) -> tuple[int, ...]:
        """The values of one well."""
        if not read_whole:
            return self.part(plate, well)
        data = self.path.read_bytes()  # cause: disk_io@wells
        return struct.unpack_from("<96i", data, (plate * WELLS + well) * WELL_BYTES)

    def part(self, plate: int, well: int) -> tuple[int, ...]:
        """The same without the rest of the file."""
        start = (plate * WELLS + well) * WELL_BYTES
        with self.path.open("rb") as raw:
            raw.seek(start)
            return struct.unpack("<96i", raw.read(WELL_BYTES))


@bp.get("/plates/<int:number>/wells/7")
def well(number: int) -> dict[str, Any]:
    """A well."""
    values = RawFile(RAW).well(number % PLATES, 7)  # cause: disk_io@wells
    return {"plate": number, "mean": sum(values) / len(values), "first": values[:8]}


@bp.get("/readers/<int:number>")
def reader(number: int) -> dict[str, Any]:
    """A reader's small file, read when it is asked for: nothing is wrong here."""
    text = (FOLDER / f"assay-{os.getpid()}-reader{number % 3}.json").read_text()
    known = json.loads(text)
    return {"gain": known["gain"], "dark": sum(known["dark"])}


def in_order(names: list[str]) -> list[str]:
    """Names as the robot takes them: A2 before A10."""
    if sort_outside:
        done = subprocess.run(  # cause: subprocess@order
            ["sh", "-c", "sort -V | uniq"], input="\n".join(names), capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()
    return sorted(set(names), key=lambda name: (name[0], int(name[1:])))


@bp.get("/worklists/<int:number>")
def worklist(number: int) -> dict[str, Any]:
    """What the robot is to do."""
    names = [f"{'PONMLKJIHGFEDCBA'[at % 16]}{(at * 7 + number) % 24 + 1}" for at in range(384)]
    return {"steps": in_order(names)[: 96 + number % 5]}  # cause: subprocess@order


def as_text(rows: list[dict[str, Any]]) -> str:
    """Rows as JSON."""
    if indent:
        return json.dumps(rows, indent=2, sort_keys=True)  # cause: serialization_hot@export
    return json.dumps(rows)


@bp.get("/export/<int:number>")
def export(number: int) -> Response:
    """A plate for another laboratory's machine."""
    rows = [
        {
            "well": at,
            "plate": number,
            "od": [0.1 + (at * number) % 13, 0.2, 0.3, 0.4],
            "flags": ["ok", at % 3 == 0],
        }
        for at in range(1100)
    ]
    return Response(as_text(rows), mimetype="application/json")  # cause: serialization_hot@export


def method() -> ModuleType:
    """The method of today; people edit it while this runs."""
    if reload_method:
        return importlib.reload(elisa)  # cause: import_in_request@method
    return elisa


@bp.get("/results/<int:number>")
def results(number: int) -> dict[str, Any]:
    """What a plate says by the method."""
    chosen = method()  # cause: import_in_request@method
    plate = chosen.Plate(number, chosen.Gain(1.2), chosen.Blank(3), chosen.Limits(9, 90))
    return {"result": [chosen.judge(plate, value) for value in RawFile(RAW).part(number % PLATES, 11)][:24]}


def curve(number: int) -> list[float]:
    """A standard curve for a lot of reagent."""
    slope = 0.5 + number % 97 / 100
    return [slope * at / (1.0 + slope * at / 5000) for at in range(14_000)]


curve_of = lru_cache(maxsize=None if keep_all else 4)(curve)  # cause: memory_growth@curves


@bp.get("/lots/<int:number>")
def lot(number: int) -> dict[str, Any]:
    """How a lot of reagent behaves."""
    points = curve_of(number)  # cause: memory_growth@curves
    return {"lot": number, "middle": points[7000], "end": points[-1]}
