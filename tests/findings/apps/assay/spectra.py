"""Spectra: peaks in them, names of compounds in texts about them, and networks of both."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from functools import wraps
from math import exp, sqrt
from typing import Any, TypeVar

from flask import Blueprint
from switches import planted

look_up_each_point = planted("attribute_lookup_hot@calibration")
compile_each_name = planted("regex_compile@compounds")
collect_at_end = planted("gc_pressure@network")
compare_all = planted("hot_function@match")

bp = Blueprint("spectra", __name__)
Result = TypeVar("Result")


class Layers:
    """Settings in layers: what is not in one is looked for in the next."""

    def __init__(self, *layers: dict[str, float]) -> None:
        self._layers = layers

    def __getattr__(self, name: str) -> float:
        for layer in self._layers:  # cause: attribute_lookup_hot@calibration
            if name in layer:  # cause: attribute_lookup_hot@calibration
                return layer[name]  # cause: attribute_lookup_hot@calibration
        raise AttributeError(name)


calibration = Layers({"today": 1.0}, {"gain": 1.1}, {"offset": 0.02, "lamp": 0.97, "dark": 3.0})


@bp.get("/spectra/<int:number>")
def spectrum(number: int) -> dict[str, Any]:
    """A spectrum, corrected."""
    raw = [(at * 31 + number) % 997 for at in range(9000)]
    if look_up_each_point:
        corrected = [
            (value - calibration.dark) * calibration.gain / calibration.lamp
            + calibration.offset  # cause: attribute_lookup_hot@calibration
            for value in raw
        ]
    else:
        dark, gain, lamp, offset = calibration.dark, calibration.gain, calibration.lamp, calibration.offset
        corrected = [(value - dark) * gain / lamp + offset for value in raw]
    return {"highest": max(corrected), "area": sum(corrected), "start": corrected[:16]}


STEMS = ("meth", "eth", "prop", "but", "pent", "hex", "hept", "oct", "non", "dec")
ENDINGS = ("anol", "anal", "ane", "ene", "yne", "anoate", "ylamine", "oxide")
COMPOUNDS = [stem + ending for stem in STEMS for ending in ENDINGS]
NAMED = re.compile(rf"\b({'|'.join(COMPOUNDS)})[ -](\d+)\b")


def mentioned(text: str, batch: int) -> list[str]:
    """Which compounds of a batch a text is about."""
    if compile_each_name:
        return [
            name
            for name in COMPOUNDS
            if re.search(
                rf"\b(?:{name}|{name.title()})[ -]0*{batch}\b", text
            )  # cause: regex_compile@compounds
        ]
    return sorted({name for name, number in NAMED.findall(text) if int(number) == batch})


@bp.get("/texts/<int:number>")
def texts(number: int) -> dict[str, Any]:
    """What somebody wrote about a batch."""
    text = " and ".join(f"{COMPOUNDS[at * 3 % 80]}-{number + at % 2} was weak" for at in range(25))
    return {"batch": number, "about": mentioned(text, number)}  # cause: regex_compile@compounds


WORD = re.compile(r"[A-Za-z]{4,}")


@bp.get("/words/<int:number>")
def words(number: int) -> dict[str, Any]:
    """Words of many short texts by a pattern that is compiled once: nothing is wrong here."""
    texts = [
        f"plate {number + at} was read at noon; {COMPOUNDS[(at + number) % 40]} was clear"
        for at in range(1800)
    ]
    seen: dict[str, int] = {}
    for text in texts:
        for word in WORD.findall(text):
            seen[word] = seen.get(word, 0) + 1
    return {"words": len(seen), "most": max(seen.values())}


def tidy(function: Callable[..., Result]) -> Callable[..., Result]:
    """Leave no rubbish behind: the machine is small."""

    @wraps(function)
    def tidily(*values: Any, **named: Any) -> Result:
        try:
            return function(*values, **named)
        finally:
            if collect_at_end:
                gc.collect()  # cause: gc_pressure@network

    return tidily


class Node:
    """A compound and those it reacts with."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.near: list[Node] = []


library = [{"compound": n, "peaks": [n % 40, n % 41], "named": [f"c{n}"]} for n in range(30_000)]


@bp.get("/network/<int:number>")
@tidy  # cause: gc_pressure@network
def network(number: int) -> dict[str, Any]:
    """What reacts with what."""
    nodes = [Node(at) for at in range(700)]
    for node in nodes:
        for step in (1, 5, 11):
            other = nodes[(node.number * 3 + step + number) % 700]
            node.near.append(other)
            other.near.append(node)
    return {
        "from": library[number]["named"],
        "most": max(len(node.near) for node in nodes),
    }  # cause: gc_pressure@network


SHAPES = [[exp(-((at - middle) ** 2) / 18) for at in range(64)] for middle in range(2, 62)]


def likeness(one: list[float], other: list[float]) -> float:
    """How alike two spectra are, by their angle."""
    across = sum(left * right for left, right in zip(one, other, strict=True))  # cause: hot_function@match
    lengths = sqrt(sum(each * each for each in one)) * sqrt(
        sum(each * each for each in other)
    )  # cause: hot_function@match
    return across / lengths


LENGTHS = [sqrt(sum(each * each for each in shape)) for shape in SHAPES]


def best(spectrum: list[float]) -> int:
    """The shape that is most like a spectrum; a peak far away need not be compared."""
    if compare_all:
        return max(range(60), key=lambda at: likeness(spectrum, SHAPES[at]))  # cause: hot_function@match
    top = spectrum.index(max(spectrum))
    near = range(max(0, top - 4), min(60, top + 1))
    length = sqrt(sum(each * each for each in spectrum))
    across = {at: sum(a * b for a, b in zip(spectrum, SHAPES[at], strict=True)) for at in near}
    return max(near, key=lambda at: across[at] / (length * LENGTHS[at]))


@bp.get("/matches/<int:number>")
def matches(number: int) -> dict[str, Any]:
    """What a mixture may be made of."""
    found = []
    for part in range(12):
        middle = 6 + (number * 7 + part * 5) % 50
        found.append(
            best([exp(-((at - middle) ** 2) / 18) + at % 3 / 1000 for at in range(64)])
        )  # cause: hot_function@match
    return {"number": number, "shapes": found}


def dilutions(number: int) -> list[float]:
    """Steps of a series."""
    return [1.0 / (1 + (number + at) % 60) for at in range(9000)]


def responses(series: list[float]) -> list[float]:
    """What a sensor shows."""
    return [3.0 * each / (0.4 + each) for each in series]


def residuals(series: list[float], shown: list[float]) -> list[float]:
    """How far a line is from it."""
    return [abs(2.1 * x + 0.1 - y) for x, y in zip(series, shown, strict=True)]


def summary(values: list[float]) -> dict[str, float]:
    """Mean and spread."""
    mean = sum(values) / len(values)
    return {"mean": mean, "spread": sqrt(sum((each - mean) ** 2 for each in values) / len(values))}


@bp.get("/fits/<int:number>")
def fit(number: int) -> dict[str, Any]:
    """How good a fit is: a little arithmetic in many places, nothing is wrong here."""
    series = dilutions(number)
    shown = responses(series)
    return {"residuals": summary(residuals(series, shown)), "shown": summary(shown)}
