"""The pit: shared state, with workers that look after it."""

from __future__ import annotations

import hashlib
import os
import random
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from flask import Blueprint
from switches import planted

from .jobs import ask

write_under_lock = planted("lock_contention@book")
grade_all_again = planted("gil_contention@grades")
renew_inline = planted("tail_latency@keys")
search_in_list = planted("regression@tonnage")

bp = Blueprint("pit", __name__)
chance = random.Random(7)


FOLDER = Path(os.environ["FINDINGS_DATA"]) / f"quarry-book-{os.getpid()}"
FOLDER.mkdir(parents=True, exist_ok=True)
SECTIONS = 16


class LoadBook:
    """What has left the pit; put away section by section, by a worker."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.lines = [f"{chance.getrandbits(120):030x}" for _ in range(600)]

    def put_away(self) -> None:
        """So that a power cut takes nothing."""
        if write_under_lock:
            with self.lock:  # cause: lock_contention@book
                for section in range(SECTIONS):
                    self.write(section, self.lines[section::SECTIONS])  # cause: lock_contention@book
            return
        with self.lock:
            lines = list(self.lines)
        for section in range(SECTIONS):
            self.write(section, lines[section::SECTIONS])

    def write(self, section: int, lines: list[str]) -> None:
        """A section, for good."""
        with (FOLDER / f"section-{section}.txt").open("w") as out:
            out.write("\n".join(lines))
            out.flush()
            os.fsync(out.fileno())

    def note(self, load: int) -> int:
        """Write a load into it."""
        with self.lock:  # cause: lock_contention@book
            self.lines[load % 600] = f"{load:030x}"
            return len(self.lines)


book = LoadBook()
keeper = ThreadPoolExecutor(1, thread_name_prefix="keeper")


@bp.get("/loads/<int:number>")
def loads(number: int) -> dict[str, Any]:
    """A lorry leaves."""
    keeper.submit(book.put_away)
    heavy = ask("SELECT sum(minutes) FROM step WHERE job_id BETWEEN %s AND %s", number, number + 150)[0][0]
    return {"noted": book.note(number), "heavy": int(heavy)}  # cause: lock_contention@book


class Grader:
    """The quality of the stone, from all samples."""

    def __init__(self) -> None:
        self.samples = [chance.randbytes(4_000) for _ in range(48)]
        self.grades: dict[int, int] = {}

    def grade_all(self) -> None:
        """From the beginning."""
        for place, sample in enumerate(self.samples):  # cause: gil_contention@grades
            self.grade(place, sample)  # cause: gil_contention@grades

    def grade(self, place: int, sample: bytes) -> None:
        """Of one sample."""
        grade = 0
        for byte in sample:  # cause: gil_contention@grades
            grade = (grade * 33 + byte) & 0xFFFF  # cause: gil_contention@grades
        self.grades[place] = grade

    def fingerprints(self, number: int) -> Iterable[str]:
        """For the laboratory."""
        for sample in self.samples[number % 30 : number % 30 + 12]:
            yield hashlib.sha256(sample).hexdigest()[:12]


grader = Grader()
graders = ThreadPoolExecutor(1, thread_name_prefix="grader")


@bp.get("/samples/<int:number>")
def samples(number: int) -> dict[str, Any]:
    """A sample came in: what the laboratory has to know; the grades may follow."""
    if grade_all_again:
        graders.submit(grader.grade_all)  # cause: gil_contention@grades
    else:
        graders.submit(grader.grade, 3, grader.samples[3][:600])
    return {"samples": list(grader.fingerprints(number))}  # cause: gil_contention@grades


class GateKeys:
    """The key of the gate, good for some lorries."""

    def __init__(self) -> None:
        self.number = count(1)
        self.key = b""
        self.renew(0)

    def renew(self, number: int) -> None:
        """A new one, which takes a while."""
        self.key = hashlib.pbkdf2_hmac(
            "sha256", b"gate", str(number).encode(), 120_000
        )  # cause: tail_latency@keys

    def current(self) -> bytes:
        """The one to be used now."""
        number = next(self.number)
        if number % 8 == 0:
            if renew_inline:
                self.renew(number)  # cause: tail_latency@keys
            else:
                keeper.submit(self.renew, number)
        return self.key


keys = GateKeys()


@bp.get("/gate/<int:number>")
def gate(number: int) -> dict[str, str]:
    """What opens the gate for a lorry."""
    key = keys.current()  # cause: tail_latency@keys
    return {"opens": hashlib.blake2b(str(number).encode(), key=key).hexdigest()}


def without_doubles(loads_seen: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Each load once, the first time that it was weighed."""
    if search_in_list:
        kept: list[tuple[int, int]] = []
        for load in loads_seen:
            if load not in kept:  # cause: regression@tonnage
                kept.append(load)
        return kept
    return list(dict.fromkeys(loads_seen))


@bp.get("/tonnage/<int:number>")
def tonnage(number: int) -> dict[str, int]:
    """What has left in a week."""
    seen = [(n * 37 % 1100, n % 5) for n in range(number, number + 2200)]
    return {"kilograms": sum(weight for weight, _ in without_doubles(seen))}  # cause: regression@tonnage


packers = ThreadPoolExecutor(2, thread_name_prefix="packer")
packed_so_far = {"bytes": 0}
packed_lock = Lock()


def pack(sample: bytes) -> None:
    """Pack a sample; the lock is held for the sum alone."""
    size = len(zlib.compress(sample * 4, 6))
    with packed_lock:
        packed_so_far["bytes"] += size


@bp.get("/packing/<int:number>")
def packing(number: int) -> dict[str, int]:
    """Samples are packed by two threads that are kept: nothing is wrong here."""
    list(packers.map(pack, grader.samples[number % 40 : number % 40 + 6]))
    return {"bytes": packed_so_far["bytes"]}
