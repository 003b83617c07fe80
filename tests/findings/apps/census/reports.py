"""reports -- figures worked out when somebody asks."""

from __future__ import annotations

import copy
import csv
import json
import statistics
from collections import Counter, defaultdict
from datetime import date, datetime
from hashlib import sha256
from html import escape
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify
from switches import planted

from . import figures

reports = Blueprint("reports", __name__)
parse_slowly = planted("hot_function@days")
seen_in_list = planted("hot_function@names")
copy_settings = planted("hot_function@settings")
load_boundaries = planted("serialization_hot@boundaries")
look_up_each_time = planted("attribute_lookup_hot@rents")
dump_twice = planted("serialization_hot@households")


def day(text: str) -> date:
    """A day as the registry writes it."""
    if parse_slowly:
        return datetime.strptime(text, "%Y-%m-%d").date()  # cause: hot_function@days
    return date.fromisoformat(text)


@reports.get("/moves")
def moves() -> dict[str, Any]:
    """How long people waited to move, by street."""
    waited: defaultdict[str, list[int]] = defaultdict(list)
    for row in csv.DictReader(figures.MOVES.splitlines()):
        days = (day(row["moved"]) - day(row["asked"])).days  # cause: hot_function@days
        waited[row["street"]].append(days)
    return {street: round(statistics.fmean(days), 2) for street, days in waited.items()}


def without_repeats(names: list[str]) -> list[str]:
    """Names in the order in which they came, each once."""
    if not seen_in_list:
        return list(dict.fromkeys(names))
    seen: list[str] = []  # cause: hot_function@names
    for name in names:
        if name not in seen:  # cause: hot_function@names
            seen.append(name)  # cause: hot_function@names
    return seen


@reports.get("/names")
def names() -> dict[str, Any]:
    """How many different names there are."""
    every = [person["name"] for each in figures.HOUSEHOLDS[:500] for person in each["persons"]]
    found = without_repeats(every + every[:300])  # cause: hot_function@names
    return {"names": len(found), "first": found[:3], "last": found[-3:]}


def settings_for(year: int) -> dict[str, Any]:
    """Settings of the office with another year."""
    if copy_settings:
        mine = copy.deepcopy(figures.SETTINGS)  # cause: hot_function@settings
        mine["year"] = year
        return mine
    return {**figures.SETTINGS, "year": year}


boundaries_kept: dict[str, Any] = {} if load_boundaries else json.loads(figures.BOUNDARIES.read_text())


def boundaries() -> dict[str, Any]:
    """Where the areas end."""
    if load_boundaries:
        with open(figures.BOUNDARIES, encoding="utf-8") as file:
            return json.load(file)  # cause: serialization_hot@boundaries
    return boundaries_kept


def rents() -> int:
    """What all households pay in a year, with tax."""
    total = 0
    if look_up_each_time:
        for quarter in range(1, 5):
            for each in figures.HOUSEHOLDS:
                total += (
                    each["rent"] * (100 + current_app.config["VAT"]) * quarter
                )  # cause: attribute_lookup_hot@rents
                total -= g.user.discount  # cause: attribute_lookup_hot@rents
        return total
    factor, discount = 100 + current_app.config["VAT"], g.user.discount
    for quarter in range(1, 5):
        for each in figures.HOUSEHOLDS:
            total += each["rent"] * factor * quarter
            total -= discount
    return total


@reports.get("/overview")
def overview() -> dict[str, Any]:
    """The page that everybody opens first: settings, areas and one figure."""
    mine = settings_for(2026)  # cause: hot_function@settings
    areas = boundaries()  # cause: serialization_hot@boundaries
    shown = [each["title"] for each in mine["columns"].values() if each["shown"]]
    total = rents()  # cause: attribute_lookup_hot@rents
    return {"year": mine["year"], "columns": len(shown), "areas": len(areas), "rents": total}


def plain(data: Any) -> Any:
    """Data in which nothing is left that JSON cannot write."""
    return json.loads(json.dumps(data, default=str))  # cause: serialization_hot@households


PLAIN = plain(figures.HOUSEHOLDS)


@reports.get("/households.json")
def households() -> Response:
    """The first households with all that is known of them."""
    data = plain(figures.HOUSEHOLDS) if dump_twice else PLAIN  # cause: serialization_hot@households
    return jsonify(streets=Counter(each["street"] for each in data), first=data[:5])


def growth(years: int) -> list[float]:
    """How a town grows, in small steps."""
    size, found = 1000.0, []
    for step in range(years * 365):
        size += size * (20000 - size) / 20000 / 3650
        if step % 365 == 0:
            found.append(round(size, 1))
    return found


TREND = growth(800)


@reports.get("/trend")
def trend() -> dict[str, Any]:
    """A slow computation that was made at the start: nothing is wrong here."""
    return {"trend": TREND[:40], "highest": max(TREND)}


def rows_of(text: str) -> list[list[str]]:
    """Rows of a table."""
    return list(csv.reader(text.splitlines()))


def by_street(rows: list[list[str]]) -> Counter[str]:
    """How many moved to each street."""
    return Counter(row[3] for row in rows)


def by_month(rows: list[list[str]]) -> dict[str, int]:
    """How many asked in each month."""
    found: dict[str, int] = {}
    for row in rows:
        month = row[1][:7]
        found[month] = found.get(month, 0) + 1
    return found


def waits(rows: list[list[str]]) -> list[int]:
    """How many days each waited."""
    return [(date.fromisoformat(row[2]) - date.fromisoformat(row[1])).days for row in rows]


def smoothed(values: list[int]) -> list[float]:
    """Means of seven."""
    return [sum(values[at : at + 7]) / 7 for at in range(len(values) - 6)]


def quarters(values: list[int]) -> list[float]:
    """The quartiles."""
    return statistics.quantiles(values, n=4)


def lines_of(rows: list[list[str]]) -> str:
    """Rows as a page shows them."""
    return "\n".join(f"<li>{escape(person)} {escape(street)}</li>" for person, _, _, street in rows)


def seal(text: str) -> str:
    """What changes when the text does."""
    return sha256(text.encode()).hexdigest()[:12]


def ages() -> list[int]:
    """How old the people are whose names end in 1."""
    return [
        2025 - p["born"].year
        for each in figures.HOUSEHOLDS[:200]
        for p in each["persons"]
        if p["name"].endswith("1")
    ]


def dearest() -> list[int]:
    """Numbers of the households that pay most."""
    return [each["id"] for each in sorted(figures.HOUSEHOLDS[:500], key=lambda each: -each["rent"])[:10]]


WEEK = "\n".join(figures.MOVES.splitlines()[1:901])


@reports.get("/week")
def week() -> dict[str, Any]:
    """Many small figures, none of which costs much: nothing is wrong here."""
    rows = rows_of(WEEK)
    waited = waits(rows)
    means = smoothed(waited)
    return {
        "streets": by_street(rows),
        "months": by_month(rows),
        "quarters": quarters(waited),
        "longest": round(max(means), 2),
        "seal": seal(lines_of(rows)),
        "oldest": max(ages()),
        "dearest": dearest(),
    }
