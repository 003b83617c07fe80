"""Exports: catalogues, feeds, badges, bundles."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any
from xml.dom import minidom
from xml.etree import ElementTree

from flask import Blueprint, Response, render_template, render_template_string, request
from switches import planted

pretty_json = planted("serialization_hot@catalogue")
try_import_each_time = planted("import_in_request@speedups")
pretty_xml = planted("serialization_hot@feed")
template_each_badge = planted("template_hot@badges")
list_of_fillers = planted("hot_function@filler")

bp = Blueprint("exports", __name__, template_folder="templates")

try:
    from printshop_speedups import rounded as fast_rounded
except ImportError:
    fast_rounded = None


def plain_rounded(cents: float) -> int:
    """To five cents."""
    return int(cents / 5 + 0.5) * 5


def rounded(cents: float) -> int:
    """To five cents, by the extension where it was built."""
    if try_import_each_time:
        try:
            from printshop_speedups import rounded as fast  # cause: import_in_request@speedups
        except ImportError:
            return plain_rounded(cents)
        return int(fast(cents))
    return int(fast_rounded(cents)) if fast_rounded else plain_rounded(cents)


def articles(start: int, count: int) -> list[dict[str, Any]]:
    """What can be printed."""
    return [
        {
            "number": f"A{start + at:05d}",
            "name": f"Paper {at % 90}, {80 + at % 220} g",
            "sizes": ["A5", "A4", "A3", "A2"][: at % 4 + 1],
            "prices": {str(10**step): (at * 7 % 400 + 20) * 9**step for step in range(4)},
        }
        for at in range(count)
    ]


@bp.get("/catalogue.json")
def catalogue() -> Response:
    """The catalogue, for partners' machines; the special offers come first."""
    found = articles(request.args.get("start", 0, type=int), 1800)
    for one in found[:200]:
        one["special"] = rounded(one["prices"]["10"] * 0.93)  # cause: import_in_request@speedups
    if pretty_json:
        text = json.dumps(found, indent=2, sort_keys=True)  # cause: serialization_hot@catalogue
    else:
        text = json.dumps(found, separators=(",", ":"))
    return Response(text, mimetype="application/json")


@bp.get("/feed.xml")
def feed() -> Response:
    """The same for a search engine, which reads XML."""
    root = ElementTree.Element("products")
    for one in articles(request.args.get("start", 0, type=int), 600):
        item = ElementTree.SubElement(root, "product", id=one["number"])
        for name in ("name", "prices"):
            ElementTree.SubElement(item, name).text = str(one[name])
    text = ElementTree.tostring(root, encoding="unicode")
    if pretty_xml:
        text = minidom.parseString(text).toprettyxml(indent=" ")  # cause: serialization_hot@feed
    return Response(text, mimetype="text/xml")


def badge(name: str, number: int) -> str:
    """A badge for a fair."""
    if template_each_badge:
        last = "{% if hall %}<text>{{ hall }}</text>{% endif %}"
        return render_template_string(  # cause: template_hot@badges
            f"<svg><text>{name}</text><text>{number}</text>{last}</svg>", hall=number % 9
        )
    return render_template("badge.html", name=name, number=number, hall=number % 9)


@bp.get("/badges/<int:number>")
def badges(number: int) -> str:
    """Badges of a company."""
    return "\n".join(badge(f"Guest {number}-{at}", at) for at in range(20))  # cause: template_hot@badges


FILLERS = [f"{start}{end}" for start in ("lor", "ip", "dol", "sit", "am", "con", "ad", "el") for end in
           ("em", "sum", "or", "et", "tur", "isc", "ing", "it", "do", "ei", "us", "mod", "temp", "inc", "id", "unt",
            "lab", "ore", "mag", "na", "al", "iqu", "en", "im", "min", "ve", "ni", "am", "qu", "is", "no", "st", "ru",
            "ex", "er", "ci", "ta", "ti", "on", "ul")]  # fmt: skip
FILLER_SET = frozenset(FILLERS)


def left_over(words: list[str]) -> int:
    """How many words of the mock-up are still there."""
    if list_of_fillers:
        return sum(1 for word in words if word in FILLERS)  # cause: hot_function@filler
    return sum(1 for word in words if word in FILLER_SET)


@bp.get("/wording/<int:number>")
def wording(number: int) -> dict[str, Any]:
    """Whether a text can go to print."""
    words = [f"word{(at * 7 + number) % 900}" if at % 6 else FILLERS[at % 320] for at in range(3500)]
    return {"words": len(words), "left": left_over(words)}  # cause: hot_function@filler


@bp.get("/bundles/<int:number>.zip")
def bundle(number: int) -> Response:
    """Files for who asks, compressed, another one for each: nothing is wrong here."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for at in range(6):
            text = "".join(f"line {number * n % 997}\n" for n in range(at * 30, at * 30 + 90))
            archive.writestr(f"{number}-{at}.txt", text)
    return Response(buffer.getvalue(), mimetype="application/zip")
