"""accounts -- what customers owe, to the cent."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import accumulate
from typing import Any

from flask import Blueprint, Response, request
from switches import planted

accounts = Blueprint("accounts", __name__)
sum_again = planted("hot_function@balance")
try_all = planted("hot_function@vouchers")
compare_all = planted("hot_function@doubles")
CENT = Decimal("0.01")
ENTRIES = [
    {
        "day": f"2026-{n // 100 + 1:02d}-{n % 28 + 1:02d}",
        "text": f"Print {n}",
        "amount": Decimal(n * 7919 % 40000 - 15000) / 100,
    }
    for n in range(1100)
]


def balance_after(entries: list[dict[str, Any]], number: int) -> Decimal:
    """What the account stands at after so many entries."""
    return sum((entry["amount"] for entry in entries[: number + 1]), Decimal())  # cause: hot_function@balance


def balances(entries: list[dict[str, Any]]) -> list[Decimal]:
    """What the account stands at after each entry."""
    if sum_again:
        return [
            balance_after(entries, number) for number in range(len(entries))
        ]  # cause: hot_function@balance
    return list(accumulate(entry["amount"] for entry in entries))


@accounts.get("/statement.csv")
def statement() -> Response:
    """All entries of a year with the balance after each."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["day", "text", "amount", "balance"])
    for entry, balance in zip(ENTRIES, balances(ENTRIES), strict=True):  # cause: hot_function@balance
        writer.writerow([entry["day"], entry["text"], entry["amount"].quantize(CENT), balance.quantize(CENT)])
    return Response(out.getvalue(), mimetype="text/csv")


VOUCHERS = (100, 50, 25, 20, 10, 5)


def ways(euros: int, first: int) -> int:
    """In how many ways vouchers make up a sum, from the first kind that may be taken."""
    if euros == 0:
        return 1
    if euros < 0 or first == len(VOUCHERS):
        return 0
    return ways(euros - VOUCHERS[first], first) + ways(euros, first + 1)  # cause: hot_function@vouchers


def ways_remembered(euros: int) -> int:
    """The same, each sum once."""

    @cache
    def rest(left: int, first: int) -> int:
        if left == 0:
            return 1
        if left < 0 or first == len(VOUCHERS):
            return 0
        return rest(left - VOUCHERS[first], first) + rest(left, first + 1)

    return rest(euros, 0)


@accounts.get("/vouchers")
def vouchers() -> dict[str, Any]:
    """How a gift can be put together."""
    euros = 480 + request.args.get("step", 0, type=int) % 3 * 5
    return {
        "euros": euros,
        "ways": ways(euros, 0) if try_all else ways_remembered(euros),
    }  # cause: hot_function@vouchers


CUSTOMERS = [
    {
        "id": n,
        "name": f"{('Anna', 'Bert', 'Cleo', 'Dirk', 'Edda')[n % 5]} {('Moor', 'Heath', 'Wood')[n % 3]}{n % 600}",
        "street": f"Lime Street {n % 600}",
        "postcode": f"{10115 + n % 600}",
    }
    for n in range(700)
]


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two entries are the same customer."""
    return (
        one["postcode"] == other["postcode"]
        and one["name"].casefold() == other["name"].casefold()
        and one["street"].casefold() == other["street"].casefold()
    )


def doubles(customers: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Customers who are there twice."""
    if compare_all:
        found = []
        for at, one in enumerate(customers):
            for other in customers[at + 1 :]:  # cause: hot_function@doubles
                if is_same(one, other):  # cause: hot_function@doubles
                    found.append((one["id"], other["id"]))
        return found
    first: dict[tuple[str, ...], list[int]] = defaultdict(list)
    pairs = []
    for one in customers:
        key = (one["postcode"], one["name"].casefold(), one["street"].casefold())
        pairs += [(earlier, one["id"]) for earlier in first[key]]
        first[key].append(one["id"])
    return sorted(pairs)


@accounts.get("/doubles")
def double_customers() -> dict[str, Any]:
    """Customers to be joined."""
    found = doubles(CUSTOMERS)  # cause: hot_function@doubles
    return {"customers": len(CUSTOMERS), "doubles": found}


def taxes(entries: list[dict[str, Any]]) -> dict[str, Decimal]:
    """What is owed to the state for each month."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        found[entry["day"][:7]] += (entry["amount"] * 19 / 119).quantize(CENT, ROUND_HALF_UP)
    return found


def largest(entries: list[dict[str, Any]]) -> list[list[str]]:
    """Ten entries."""
    return [
        [entry["day"], str(entry["amount"])]
        for entry in sorted(entries, key=lambda each: each["amount"])[-10:]
    ]


def per_weekday(entries: list[dict[str, Any]]) -> list[int]:
    """How many entries fell on each seventh day."""
    counts = [0] * 7
    for entry in entries:
        counts[int(entry["day"][-2:]) % 7] += 1
    return counts


def letters(entries: list[dict[str, Any]]) -> list[str]:
    """A line for each sum that is due."""
    return [f"{entry['text']}: {-entry['amount']:,} EUR are due" for entry in entries if entry["amount"] < 0]


LEDGER = [{**entry, "text": f"{entry['text']} of {year}"} for year in range(2016, 2027) for entry in ENTRIES]


@accounts.get("/year")
def year() -> dict[str, Any]:
    """The last years in some figures, each looked at once: nothing is wrong here."""
    part = LEDGER[: 8000 + request.args.get("more", 0, type=int)]
    return {
        "taxes": {month: str(sum_) for month, sum_ in taxes(part).items()},
        "largest": largest(part),
        "weekdays": per_weekday(part),
        "due": letters(part)[-20:],
        "balance": str(balances_of_year(part)[-1]),
    }


def balances_of_year(entries: list[dict[str, Any]]) -> list[Decimal]:
    """What the account stands at, day by day."""
    return list(accumulate(entry["amount"] for entry in entries))
