"""texts -- what is done to words before they are printed."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
from datetime import datetime
from types import ModuleType
from typing import Any

from flask import Blueprint, request
from switches import planted

texts = Blueprint("texts", __name__)
term_by_term = planted("regex_compile@links")
copy_drafts = planted("serialization_hot@drafts")
parse_by_format = planted("hot_function@feed")
ask_the_style = planted("attribute_lookup_hot@columns")
look_for_faster = planted("import_in_request@numbers")
count_outside = planted("subprocess@words")

TERMS = [f"harbour{n}" for n in range(640)]
ALL_TERMS = re.compile(r"\b(" + "|".join(TERMS) + r")\b", re.IGNORECASE)
STORY = " ".join(f"the ship went to harbour{n * 3} and came back." for n in range(12))
DRAFTS = [
    {
        "id": n,
        "parts": [{"text": f"part {p}", "marks": list(range(9)), "by": f"writer {p}"} for p in range(12)],
    }
    for n in range(240)
]
STAMPS = [f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d}T{n % 24:02d}:{n % 60:02d}:07" for n in range(1800)]
FIGURES = [{"circulation": n * 41, "returned": n % 13} for n in range(260)]


# Links.


def link(text: str, term: str) -> str:
    """The text with a term made a link."""
    return re.sub(rf"\b({term})\b", r"<a>\1</a>", text, flags=re.IGNORECASE)  # cause: regex_compile@links


@texts.get("/links")
def links() -> dict[str, str]:
    """A story with all that the lexicon knows made links."""
    if not term_by_term:
        return {"story": ALL_TERMS.sub(r"<a>\1</a>", STORY)}
    text = STORY
    for term in TERMS:
        text = link(text, term)  # cause: regex_compile@links
    return {"story": text}


@texts.get("/search")
def search() -> dict[str, int]:
    """How often a word is in the story: nothing is wrong here."""
    pattern = re.compile(rf"\b{re.escape(request.args['word'])}\b")
    return {"found": sum(1 for _ in pattern.finditer(STORY))}


# Drafts.


def taken(draft: dict[str, Any]) -> dict[str, Any]:
    """A draft for somebody to work on, so that nobody changes ours."""
    if copy_drafts:
        copied: dict[str, Any] = pickle.loads(pickle.dumps(draft))  # cause: serialization_hot@drafts
        return copied
    return draft


@texts.get("/drafts")
def drafts() -> list[dict[str, Any]]:
    """What is being written."""
    return [{"id": one["id"], "parts": len(one["parts"])} for one in map(taken, DRAFTS)]


# Dates.


def moment(text: str) -> datetime:
    """When something was written."""
    if parse_by_format:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")  # cause: hot_function@feed
    return datetime.fromisoformat(text)


@texts.get("/feed")
def feed() -> dict[str, str]:
    """The newest moment of a long feed."""
    newest = max(moment(stamp) for stamp in STAMPS)  # cause: hot_function@feed
    return {"newest": newest.isoformat()}


# Columns.


class Style:
    """How a page looks: what it does not say itself, the style below it says."""

    def __init__(self, below: Style | None = None, **values: float) -> None:
        self.__dict__["_values"], self.__dict__["_below"] = values, below

    def __getattr__(self, name: str) -> float:
        values: dict[str, float] = self.__dict__["_values"]
        if name in values:  # cause: attribute_lookup_hot@columns
            return values[name]  # cause: attribute_lookup_hot@columns
        return getattr(self.__dict__["_below"], name)  # cause: attribute_lookup_hot@columns


BODY = Style(Style(Style(Style(width=7.5, gap=0.4), ink=3), paper=4), margin=2)


@texts.get("/columns")
def columns() -> dict[str, float]:
    """How long the story is when set."""
    letters = STORY * 14
    length = 0.0
    if ask_the_style:
        for letter in letters:
            length += BODY.gap if letter == " " else BODY.width  # cause: attribute_lookup_hot@columns
        return {"length": length}
    gap, width = BODY.gap, BODY.width
    return {"length": letters.count(" ") * gap + (len(letters) - letters.count(" ")) * width}


# Numbers.


def writer() -> ModuleType:
    """The fastest JSON module that is installed."""
    try:
        import swiftjson_native  # cause: import_in_request@numbers
    except ImportError:
        return json
    return swiftjson_native


@texts.get("/numbers")
def numbers() -> str:
    """Figures of the paper, a line each."""
    if look_for_faster:
        return "\n".join(writer().dumps(one) for one in FIGURES)  # cause: import_in_request@numbers
    return "\n".join(json.dumps(one) for one in FIGURES)


# Words.


@texts.get("/words")
def words() -> dict[str, int]:
    """How many words the story has."""
    if count_outside:
        done = subprocess.run(
            ["wc", "-w"], input=STORY, text=True, capture_output=True, check=True
        )  # cause: subprocess@words
        return {"words": int(done.stdout)}
    return {"words": len(STORY.split())}
