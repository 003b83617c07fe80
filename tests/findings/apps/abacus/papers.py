"""Papers: receipts that are kept, and forms that authorities want."""

from __future__ import annotations

import copy
import os
import pickle
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path
from typing import Any

from flask import Blueprint
from switches import planted

sync_each_receipt = planted("disk_io@receipts")
parse_for_each_field = planted("serialization_hot@form")
copy_for_each_row = planted("serialization_hot@cache")

bp = Blueprint("papers", __name__)


def folder() -> Path:
    """Where receipts are."""
    found = Path(os.environ["FINDINGS_DATA"]) / f"receipts-{os.getpid()}"
    found.mkdir(exist_ok=True)
    return found


class Drawer:
    """Receipts of a day, as files."""

    def __init__(self, number: int) -> None:
        self.path = folder() / f"day-{number % 4}.txt"

    def put(self, lines: list[str]) -> int:
        """Write them so that they are there after a power cut."""
        with self.path.open("w") as file:
            for line in lines:
                file.write(line)
                if sync_each_receipt:
                    file.flush()
                    os.fsync(file.fileno())  # cause: disk_io@receipts
            file.flush()
            os.fsync(file.fileno())  # cause: disk_io@receipts
        return sum(map(len, lines))


@bp.get("/receipts/<int:number>")
def receipts(number: int) -> dict[str, Any]:
    """Receipts of a day."""
    lines = [f"receipt {number % 4}-{step}: {step * 37 % 900} cents\n" for step in range(30)]
    return {"bytes": Drawer(number).put(lines)}  # cause: disk_io@receipts


def make_form() -> str:
    """A form, as the tax office sends it."""
    root = ET.Element("form", year="2026")
    for number in range(260):
        field = ET.SubElement(root, "field", id=f"F{number}", kind="amount")
        ET.SubElement(field, "cents").text = str(number * 37)
        ET.SubElement(field, "remark").text = "as last year"
    return ET.tostring(root, encoding="unicode")


FORM = make_form()


class Form:
    """A form, asked field by field."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root: ET.Element | None = None

    def tree(self) -> ET.Element:
        """All fields."""
        if parse_for_each_field or self.root is None:
            self.root = ET.fromstring(self.text)  # cause: serialization_hot@form
        return self.root

    def cents(self, name: str) -> int:
        """What stands in a field."""
        field = self.tree().find(f"./field[@id='{name}']/cents")  # cause: serialization_hot@form
        return int(field.text or 0) if field is not None else 0


@bp.get("/forms/<int:number>")
def form(number: int) -> dict[str, Any]:
    """Some fields of a form."""
    read = Form(FORM)
    return {"cents": [read.cents(f"F{number + step}") for step in range(24)]}  # cause: serialization_hot@form


class Cache:
    """Like the one across the street: whoever takes something out gets his own copy, unpacked."""

    def __init__(self) -> None:
        self.packed: dict[str, bytes] = {}

    def put(self, name: str, value: Any) -> None:
        """Keep it."""
        self.packed[name] = zlib.compress(pickle.dumps(value), 1)

    def get(self, name: str) -> Any:
        """Take it out."""
        return pickle.loads(zlib.decompress(self.packed[name]))  # cause: serialization_hot@cache


cache = Cache()
cache.put(
    "tariffs",
    {f"T{n}": {"cents": n * 7, "zones": [n % 5, n % 7], "name": f"Tariff {n}"} for n in range(2500)},
)


def tariff(name: str, known: dict[str, Any] | None) -> int:
    """What something costs."""
    tariffs = known if known is not None else cache.get("tariffs")  # cause: serialization_hot@cache
    return int(tariffs[name]["cents"])


@bp.get("/tariffs/<int:number>")
def tariffs(number: int) -> dict[str, Any]:
    """Some tariffs."""
    known = None if copy_for_each_row else cache.get("tariffs")
    return {
        "cents": [tariff(f"T{number * 8 + step}", known) for step in range(10)]
    }  # cause: serialization_hot@cache


BLANK = {"header": {"to": "the tax office", "lines": [""] * 4}, "rows": [], "signed": False}


@bp.get("/drafted/<int:number>")
def drafted(number: int) -> dict[str, Any]:
    """A few letters from a blank, each with its own copy as it has to be: nothing is wrong here."""
    letters = []
    for step in range(12):
        letter: dict[str, Any] = copy.deepcopy(BLANK)
        letter["rows"].append(number + step)
        letters.append(letter)
    return {"letters": letters}
