"""patterns -- regular expressions."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, request
from switches import planted

pages = Blueprint("patterns", __name__)
TEXT = " ".join(f"bar {n} of grade {n % 9} for order {n * 31 % 977}" for n in range(40))
TERMS = [f"order {n * 7 % 97777}" for n in range(1100)]
RULES = [rf"^grade {n}(st|nd|rd|th)? +bar\b[^a-z]{{1,{1 + n % 5}}}" for n in range(640)]
one_pattern_a_request = planted("regex_compile@marks")
pattern_a_rule = planted("regex_compile@rules")
COMPILED = [] if pattern_a_rule else [re.compile(rule) for rule in RULES]
PLAIN = re.compile(r"order \d+")
GRADE = re.compile(r"grade (\d)")


@pages.get("/marks")
def marks() -> dict[str, int]:
    """How often the terms of interest and the visitor's own occur."""
    own = request.args.get("own", "none")
    if one_pattern_a_request:
        wanted = re.compile("|".join(map(re.escape, [*TERMS, own])))  # cause: regex_compile@marks
        return {"marks": len(wanted.findall(TEXT))}
    terms = {*TERMS, own}
    return {"marks": sum(word in terms for word in PLAIN.findall(TEXT))}


def fitting(text: str) -> int:
    """How many rules fit."""
    if pattern_a_rule:
        return sum(re.match(rule, text) is not None for rule in RULES)  # cause: regex_compile@rules
    return sum(rule.match(text) is not None for rule in COMPILED)


@pages.get("/rules")
def rules() -> dict[str, int]:
    """How many rules fit a line."""
    return {"fit": fitting("grade 7th bar 42")}


@pages.get("/glossary")
def glossary() -> dict[str, Any]:
    """A pattern compiled once, used often: nothing is wrong here."""
    return {"grades": len([match[1] for match in GRADE.finditer(TEXT)])}
