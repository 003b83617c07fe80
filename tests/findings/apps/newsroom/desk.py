"""The desk: what is put on the front page."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, render_template
from switches import planted

from .clients import NEIGHBOUR, Photos, Ticker, wires

one_after_the_other = planted("sequential_io@wires")
section_by_section = planted("sequential_io@digest")
pattern_for_each_word = planted("regex_compile@house_style")
ask_for_quote = planted("slow_external@quote")
pool_for_each = planted("thread_churn@thumbs")

bp = Blueprint("desk", __name__, template_folder="templates")
pool = ThreadPoolExecutor(8, "wires")


@dataclass
class Wire:
    """An agency."""

    name: str
    milliseconds: int

    @property
    def headlines(self) -> list[str]:
        """What it says now."""
        url = f"{NEIGHBOUR}/{self.milliseconds}/x240/{self.name}"
        text = wires.get(url, timeout=5).text  # cause: sequential_io@wires
        return [text[at : at + 40] for at in range(0, len(text), 40)]


AGENCIES = [
    Wire(name, 9 + at % 3) for at, name in enumerate(("north", "south", "east", "west", "sport", "law"))
]


@bp.get("/front")
def front() -> str:
    """The front page."""
    if one_after_the_other:
        found = {wire.name: wire.headlines for wire in AGENCIES}  # cause: sequential_io@wires
    else:
        asked = pool.map(lambda wire: wire.headlines, AGENCIES)
        found = {wire.name: lines for wire, lines in zip(AGENCIES, asked, strict=True)}
    return render_template("front.html", found=found)


def column(place: int) -> str:
    """A column that a neighbour writes."""
    return wires.get(f"{NEIGHBOUR}/10/x120/column{place}", timeout=5).text


@bp.get("/columns")
def columns() -> dict[str, Any]:
    """Four columns, asked for at the same time: nothing is wrong here."""
    return {"columns": list(pool.map(column, range(4)))}


@bp.get("/photos/<int:number>")
def photos(number: int) -> dict[str, Any]:
    """A roll of film."""
    return {"sizes": Photos().roll(number, 10)}  # cause: connection_churn@photos


@bp.get("/ticker/<int:number>")
def ticker(number: int) -> dict[str, Any]:
    """What runs along the bottom."""
    return {"size": Ticker().all(number)}  # cause: sleep@pace


class Quotes:
    """What shares cost, which is known for a while."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[float, str]] = {}

    def get(self, name: str) -> str:
        """Of one."""
        until, text = self.kept.get(name, (0.0, ""))
        if ask_for_quote or until < time.monotonic():
            text = wires.get(f"{NEIGHBOUR}/60/x100/{name}", timeout=5).text  # cause: slow_external@quote
            self.kept[name] = time.monotonic() + 600, text
        return text


quotes = Quotes()


def chart(text: str) -> list[int]:
    """A line for the page."""
    rows = [sum(map(ord, text[at:])) * 31 % 97 for at in range(len(text))]
    return [round(sum(rows[: at + 1]) / (at + 1)) for at in range(len(rows))]


@bp.get("/shares")
def shares() -> dict[str, Any]:
    """A share, drawn."""
    return {"chart": chart(quotes.get("paper-mill"))}  # cause: slow_external@quote


forecast: dict[str, tuple[float, str]] = {}


@bp.get("/moon")
def moon() -> dict[str, Any]:
    """What is asked for once and then kept: nothing is wrong here."""
    until, text = forecast.get("moon", (0.0, ""))
    if until < time.monotonic():
        text = wires.get(f"{NEIGHBOUR}/30/x64/moon", timeout=5).text
        forecast["moon"] = time.monotonic() + 900, text
    return {"moon": text, "chart": chart(text)}


def thumb(number: int) -> str:
    """A small picture."""
    return hashlib.sha1(bytes([number % 251]) * 3000).hexdigest()[:12]


@bp.get("/thumbs/<int:number>")
def thumbs(number: int) -> dict[str, Any]:
    """Small pictures."""
    found = []
    for place in range(number, number + 50):  # cause: thread_churn@thumbs
        if pool_for_each:
            with ThreadPoolExecutor(max_workers=1) as own:  # cause: thread_churn@thumbs
                found.append(own.submit(thumb, place).result(timeout=2))  # cause: thread_churn@thumbs
        else:
            found.append(thumb(place))
    return {"thumbs": found}


WORDS = [f"{start}{middle}{end}" for start in ("re", "un", "over") for middle in "abcdefghijklmn" for end in
         ("ing", "ed", "tion", "ness", "ism")]  # fmt: skip
HOUSE_STYLE = re.compile("|".join(rf"\b{word}\b" for word in WORDS), re.IGNORECASE)


def in_house_style(text: str, section: str) -> str:
    """Without the words that the chief dislikes."""
    if pattern_for_each_word:
        for word in WORDS:  # cause: regex_compile@house_style
            text = re.sub(rf"(?i:\b{word}\b)(?#{section})", "…", text)  # cause: regex_compile@house_style
        return text
    return HOUSE_STYLE.sub("…", text)


def section_text(section: str) -> str:
    """What a neighbour wrote."""
    return wires.get(f"{NEIGHBOUR}/16/x400/{section}", timeout=5).text  # cause: sequential_io@digest


@bp.get("/digest")
def digest() -> Response:
    """All sections, as they come."""
    sections = ("home", "abroad", "money", "arts", "local")
    if section_by_section:
        texts: Iterator[str] = (section_text(each) for each in sections)  # cause: sequential_io@digest
    else:
        texts = pool.map(section_text, sections)

    def parts() -> Iterator[str]:
        for section, text in zip(sections, texts, strict=True):  # cause: sequential_io@digest
            yield f"== {section}\n{in_house_style(text, section)}\n"  # cause: regex_compile@house_style

    return Response(parts(), mimetype="text/plain")
