"""Layout: lines of a receipt, dots of a proof, sheets of a book."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint
from switches import planted

measure_again = planted("hot_function@wrap")
look_up_each_dot = planted("attribute_lookup_hot@profile")
collect_often = planted("gc_pressure@threshold")

bp = Blueprint("layout", __name__)

WIDTHS = {letter: 3 + ord(letter) % 5 for letter in "abcdefghijklmnopqrstuvwxyz "}
WORDS = (
    "paper",
    "of",
    "two",
    "hundred",
    "grams",
    "cut",
    "and",
    "folded",
    "by",
    "hand",
    "on",
    "both",
    "sides",
)


def width(text: str) -> int:
    """Millimetres of a text."""
    return sum(WIDTHS[letter] for letter in text)


def wrap(words: list[str], limit: int) -> list[str]:
    """Lines that are no wider than the limit."""
    lines, line = [], ""
    if measure_again:
        for word in words:  # cause: hot_function@wrap
            longer = f"{line} {word}".strip()
            if width(longer) > limit:  # cause: hot_function@wrap
                lines.append(line)
                longer = word
            line = longer
        return [*lines, line]
    used = 0
    for word in words:
        own = width(word)
        if line and used + WIDTHS[" "] + own > limit:
            lines.append(line)
            line, used = word, own
        else:
            used += own + (WIDTHS[" "] if line else 0)
            line = f"{line} {word}".strip()
    return [*lines, line]


@bp.get("/receipts/<int:number>")
def receipt(number: int) -> dict[str, Any]:
    """A receipt, as wide as the roll."""
    words = [WORDS[(number + at * at) % len(WORDS)] for at in range(1600)]
    lines = wrap(words, 1500)  # cause: hot_function@wrap
    return {"lines": lines, "height": len(lines) * 4}


class Curve:
    """How dark a dot gets."""

    def __init__(self, gain: float) -> None:
        self._settings = {"gain": gain, "floor": 0.04, "steps": 64}

    def __getattr__(self, name: str) -> Any:
        try:
            return self._settings[name]  # cause: attribute_lookup_hot@profile
        except KeyError:
            raise AttributeError(name) from None


class Profile:
    """What a press does to a picture."""

    def __init__(self) -> None:
        self.curves = {"black": Curve(1.12), "cyan": Curve(1.07)}

    @property
    def black(self) -> Curve:
        """The curve of black."""
        return self.curves["black"]  # cause: attribute_lookup_hot@profile


profile = Profile()


@bp.get("/proofs/<int:number>")
def proof(number: int) -> dict[str, Any]:
    """How a picture will look."""
    dots = [(x * 37 + number * 11) % 256 for x in range(22_000)]
    if look_up_each_dot:
        printed = [
            int(max(dot * profile.black.gain, profile.black.floor * 255) * profile.black.steps / 255)
            for dot in dots
        ]  # cause: attribute_lookup_hot@profile
    else:
        gain, floor, steps = profile.black.gain, profile.black.floor * 255, profile.black.steps
        printed = [int(max(dot * gain, floor) * steps / 255) for dot in dots]
    return {"ink": sum(printed), "darkest": max(printed), "first": printed[:20]}


ARCHIVE = [{"order": n, "parts": [n, n + 1], "paper": (n % 7, [n % 3])} for n in range(20_000)]


@contextmanager
def little_memory() -> Iterator[None]:
    """The machine has little: give back early what is no longer used."""
    if not collect_often:
        yield
        return
    before = gc.get_threshold()
    gc.set_threshold(60, 3, 3)  # cause: gc_pressure@threshold
    try:
        yield
    finally:
        gc.set_threshold(*before)  # cause: gc_pressure@threshold


def impose(pages: int) -> list[dict[str, Any]]:
    """Which page comes where on which sheet."""
    sheets: list[dict[str, Any]] = []
    for at in range(0, pages, 4):  # cause: gc_pressure@threshold
        front = {"left": pages - at, "right": at + 1, "marks": [at, at + 1]}  # cause: gc_pressure@threshold
        back = {"left": at + 2, "right": pages - at - 1, "marks": [at + 2]}  # cause: gc_pressure@threshold
        sheets.append({"front": front, "back": back})  # cause: gc_pressure@threshold
    return sheets


@bp.get("/imposition/<int:number>")
def imposition(number: int) -> dict[str, Any]:
    """A book on sheets."""
    with little_memory():  # cause: gc_pressure@threshold
        sheets = impose(28_000 + number * 4)  # cause: gc_pressure@threshold
    return {"sheets": len(sheets), "first": sheets[0], "orders": len(ARCHIVE)}


LEFT = (
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
)


def check(digits: str) -> int:
    """The last digit of a code."""
    return -sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits)) % 10


def bars(digits: str) -> str:
    """A code in black and white."""
    left = "".join(LEFT[int(digit)] for digit in digits[1:7])
    right = "".join(LEFT[int(digit)].translate({48: 49, 49: 48}) for digit in digits[7:])
    return f"101{left}01010{right}101"


def runs(pattern: str) -> list[int]:
    """How wide each bar is."""
    found, last = [], ""
    for bit in pattern:
        if bit == last:
            found[-1] += 1
        else:
            found.append(1)
        last = bit
    return found


@bp.get("/barcodes/<int:number>")
def barcodes(number: int) -> dict[str, Any]:
    """Bars of some numbers, little steps of which each has to be done: nothing is wrong here."""
    codes = [f"40{number:04d}{at:06d}" for at in range(12)]
    return {"bars": [runs(bars(f"{code}{check(code)}")) for code in codes]}
