"""Figures: statements, invoices, pay slips."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from flask import Blueprint
from switches import planted

digit_by_digit = planted("hot_function@checksum")
rules_each_time = planted("regex_compile@rules")
through_the_proxy = planted("attribute_lookup_hot@settings")
parse_by_format = planted("hot_function@dates")
cents_by_decimal = planted("regression@rounding")

bp = Blueprint("figures", __name__)


def account(number: int) -> str:
    """An account number (IBAN) that is right."""
    plain = f"{number * 7919:018d}"
    return f"DE{98 - int(plain + '131400') % 97:02d}{plain}"


STATEMENT = "account;cents\n" + "".join(f"{account(n)};{n * 31}\n" for n in range(450))


class Statement:
    """Rows of a bank."""

    def __init__(self, text: str) -> None:
        self.rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))

    def valid(self, iban: str) -> bool:
        """Whether the check digits are right."""
        turned = iban[4:] + iban[:4]
        if not digit_by_digit:
            return int(turned.replace("DE", "1314")) % 97 == 1
        rest = 0
        for sign in turned:  # cause: hot_function@checksum
            value = ord(sign) - 55 if sign.isalpha() else int(sign)  # cause: hot_function@checksum
            for digit in str(value):  # cause: hot_function@checksum
                rest = (rest * 10 + int(digit)) % 97  # cause: hot_function@checksum
        return rest == 1

    def total(self) -> int:
        """Of the rows that are right."""
        return sum(
            int(row["cents"]) for row in self.rows if self.valid(row["account"])
        )  # cause: hot_function@checksum


@bp.get("/statements/<int:number>")
def statement(number: int) -> dict[str, Any]:
    """A statement, added up."""
    return {"number": number, "cents": Statement(STATEMENT).total()}  # cause: hot_function@checksum


class Rule:
    """Which account a booking goes to, by its text."""

    def __init__(self, account: int, shop: str) -> None:
        self.account = account
        self.pattern = re.compile(
            rf"\b{shop}\s+(?:no\.?\s*)?(\d{{1,4}})\b.*{account}?"
        )  # cause: regex_compile@rules


def all_rules() -> list[Rule]:
    """As the clerk has written them down."""
    return [
        Rule(4000 + number, f"shop{number * 37 % 9973}") for number in range(620)
    ]  # cause: regex_compile@rules


kept_rules = None if rules_each_time else all_rules()
BOOKINGS = [f"card payment shop{n * 37 % 9973} no. {n} thank you" for n in range(0, 620, 40)]


@bp.get("/rules/<int:number>")
def rules(number: int) -> dict[str, Any]:
    """Where bookings go."""
    known = kept_rules or all_rules()  # cause: regex_compile@rules
    by_shop = {rule.account: rule for rule in known}
    found = [next((a for a, rule in by_shop.items() if rule.pattern.search(text)), 0) for text in BOOKINGS]
    return {"accounts": found, "number": number}


class Settings:
    """Settings as attributes: settings.tax.food.percent."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        value = self._values[name]  # cause: attribute_lookup_hot@settings
        return Settings(value) if isinstance(value, dict) else value  # cause: attribute_lookup_hot@settings


settings = Settings({"tax": {"food": {"percent": 7}, "other": {"percent": 19}}, "free": {"below": 50}})


def tax_of(lines: list[int]) -> int:
    """Tax of an invoice."""
    if not through_the_proxy:
        below, food, other = settings.free.below, settings.tax.food.percent, settings.tax.other.percent
        return sum(0 if cents < below else cents * (food if cents % 3 else other) for cents in lines)
    total = 0
    for cents in lines:  # cause: attribute_lookup_hot@settings
        if cents < settings.free.below:  # cause: attribute_lookup_hot@settings
            continue
        if cents % 3:
            total += cents * settings.tax.food.percent  # cause: attribute_lookup_hot@settings
        else:
            total += cents * settings.tax.other.percent  # cause: attribute_lookup_hot@settings
    return total


@bp.get("/invoices/<int:number>")
def invoice(number: int) -> dict[str, Any]:
    """An invoice of many lines."""
    lines = [(number + step) * 7919 % 3000 for step in range(9000)]
    return {"tax": tax_of(lines) // 100, "cents": sum(lines)}  # cause: attribute_lookup_hot@settings


DAYS = [date.fromordinal(738_000 + n * 7 % 900).isoformat() for n in range(2500)]


@bp.get("/calendar/<int:number>")
def calendar(number: int) -> dict[str, Any]:
    """Bookings by the day of the week."""
    counts = [0] * 7
    for text in DAYS:  # cause: hot_function@dates
        if parse_by_format:
            day = datetime.strptime(text, "%Y-%m-%d")  # cause: hot_function@dates
        else:
            day = datetime.fromisoformat(text)
        counts[day.weekday()] += 1
    return {"days": counts, "number": number}


def rounded(cents: int) -> int:
    """To five cents, as the new law wants it."""
    if cents_by_decimal:
        exact = Decimal(cents) / Decimal(5)  # cause: regression@rounding
        steps = exact.quantize(Decimal("1"), rounding=ROUND_HALF_UP)  # cause: regression@rounding
        return int(str(steps * 5))  # cause: regression@rounding
    return (2 * cents + 5) // 10 * 5


@bp.get("/tills/<int:number>")
def till(number: int) -> dict[str, Any]:
    """What is in a till."""
    digits = hashlib.sha256(str(number).encode()).digest() * 300
    return {"cents": sum(rounded(digit * 3) for digit in digits)}  # cause: regression@rounding


def gross(hours: int) -> Decimal:
    """Before anything is taken off."""
    return Decimal(hours) * Decimal("21.37")


def pension(pay: Decimal) -> Decimal:
    """For later."""
    return (min(pay, Decimal(7000)) * Decimal("0.093")).quantize(Decimal("0.01"))


def health(pay: Decimal) -> Decimal:
    """For the doctor."""
    return (min(pay, Decimal(5000)) * Decimal("0.081")).quantize(Decimal("0.01"))


def income_tax(pay: Decimal) -> Decimal:
    """For the roads."""
    taxable = max(pay - Decimal(1000), Decimal(0))
    return (taxable * (Decimal("0.14") + taxable / Decimal(60_000))).quantize(Decimal("0.01"))


def church(tax: Decimal) -> Decimal:
    """For the choir."""
    return (tax * Decimal("0.09")).quantize(Decimal("0.01"))


def slip(hours: int) -> dict[str, str]:
    """What somebody gets, and where the rest went."""
    pay = gross(hours)
    tax = income_tax(pay)
    off = {"pension": pension(pay), "health": health(pay), "tax": tax, "church": church(tax)}
    return {"net": str(pay - sum(off.values())), **{name: str(value) for name, value in off.items()}}


@bp.get("/slips/<int:number>")
def slips(number: int) -> dict[str, Any]:
    """Pay slips: a lot of work for many small functions, all of it needed: nothing is wrong here."""
    return {"slips": [slip(60 + (number + step) * 31 % 140) for step in range(500)]}


@lru_cache(maxsize=32)
def depreciation(years: int) -> list[int]:
    """What a machine is still worth, year by year."""
    worth = [100_000_00]
    for _ in range(years * 365):
        worth.append(worth[-1] * 9997 // 10_000)
    return worth[::365]


@bp.get("/worth/<int:number>")
def worth(number: int) -> dict[str, Any]:
    """What is computed once and then kept: nothing is wrong here."""
    return {"worth": depreciation(5 + number % 3)}


@bp.get("/unlock/<int:number>")
def unlock(number: int) -> dict[str, Any]:
    """A password, checked as slowly as it has to be: nothing is wrong here."""
    known = hashlib.pbkdf2_hmac("sha256", b"correct horse", b"salt" * 4, 40_000)
    return {"number": number, "open": known[0] == 7}
