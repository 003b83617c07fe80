"""Letters and decisions: what is written, logged and sent."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from pathlib import Path
from typing import Any

from flask import Blueprint
from switches import planted

from .store import session

compile_each_term = planted("regex_compile@glossary")
wait_for_replica = planted("sleep@replica")
log_each_line = planted("log_io@decisions")
copy_by_json = planted("serialization_hot@copies")

bp = Blueprint("letters", __name__)

TERMS = {
    f"{first}{second}": f"/glossary/{first}-{second}"
    for first in ("term", "grant", "loan", "fee", "study", "course", "exam", "rent", "travel", "book")
    for second in (*(f"case{n}" for n in range(52)), "s")
}
TERM = re.compile(r"\b[a-z]+(?:case\d+|s)\b")


def link(text: str) -> str:
    """Turn each word of the glossary into a link."""
    if compile_each_term:
        for term, address in TERMS.items():  # cause: regex_compile@glossary
            text = re.sub(
                rf"\b{term}\b(?!</a>)", f'<a href="{address}">{term}</a>', text
            )  # cause: regex_compile@glossary
        return text
    return TERM.sub(lambda found: anchor(found[0]), text)


def anchor(word: str) -> str:
    """A link, if it is a word of the glossary."""
    return f'<a href="{TERMS[word]}">{word}</a>' if word in TERMS else word


@bp.get("/letters/<int:number>")
def letter(number: int) -> str:
    """What an applicant is told."""
    words = list(TERMS)
    text = ". ".join(
        f"We have looked at {words[(number * 7 + n * 11) % len(words)]} with care" for n in range(12)
    )
    return f"<p>{link(text)}</p>"  # cause: regex_compile@glossary


class Decisions:
    """A log of its own, which auditors read."""

    def __init__(self) -> None:
        self.log = logging.getLogger("bursary.decisions")
        self.log.setLevel(logging.INFO)
        self.log.propagate = False
        file = Path(os.environ["FINDINGS_DATA"]) / f"bursary-{os.getpid()}.log"
        handler = logging.FileHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(module)s:%(lineno)d %(message)s"))
        self.log.addHandler(handler)

    def note(self, essays: list[dict[str, Any]]) -> None:
        """What was decided, and why."""
        if not log_each_line:
            self.log.info(
                "%d decided, %d with words to spare", len(essays), sum(e["words"] > 900 for e in essays)
            )
            return
        for essay in essays:  # cause: log_io@decisions
            for rule in ("length", "topic"):  # cause: log_io@decisions
                self.log.info("essay %d: %s is fine", essay["id"], rule)  # cause: log_io@decisions


decisions = Decisions()


def publish(number: int) -> None:
    """Have it on the web; the page there reads from a replica."""
    with session() as connection:
        connection.execute("SELECT set_config('bursary.published', %s, true)", (str(number),))
    if wait_for_replica:
        time.sleep(0.025)  # cause: sleep@replica


@bp.get("/decisions/<int:number>")
def decide(number: int) -> dict[str, Any]:
    """Decides what can be decided without people."""
    with session() as connection:
        essays = connection.execute(
            "SELECT id, words FROM essay WHERE id BETWEEN %s AND %s ORDER BY id",
            (number * 180 + 1, number * 180 + 180),
        ).fetchall()
    decisions.note(essays)  # cause: log_io@decisions
    publish(number)  # cause: sleep@replica
    return {"decided": len(essays), "long": sum(essay["words"] > 900 for essay in essays)}


def copy_of(marks: dict[str, Any]) -> dict[str, Any]:
    """Marks that may be changed without the others seeing it."""
    if copy_by_json:
        copied: dict[str, Any] = json.loads(json.dumps(marks))  # cause: serialization_hot@copies
        return copied
    return dict(marks)


@bp.get("/dossiers/<int:number>")
def dossiers(number: int) -> dict[str, Any]:
    """Marks of applicants on average, without the one that does not count."""
    with session() as connection:
        found = connection.execute(
            "SELECT applicant_id, papers->'marks' AS marks FROM dossier WHERE applicant_id > %s"
            " ORDER BY applicant_id LIMIT 320",
            (number * 10,),
        ).fetchall()
    shown = []
    for row in found:
        counted = copy_of(row["marks"])  # cause: serialization_hot@copies
        del counted["subject 7"]
        points = [mark[0] for mark in counted.values()]
        shown.append({"applicant": row["applicant_id"], "mean": sum(points) / len(points)})
    return {"dossiers": shown}
