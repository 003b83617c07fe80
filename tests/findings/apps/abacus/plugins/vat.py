"""vat -- value added tax: bands of percent, as the law lists them."""

from __future__ import annotations

from dataclasses import make_dataclass

Band = make_dataclass("Band", [("cents", int), ("percent", int)])
Exempt = make_dataclass("Exempt", [("code", str), ("law", str)])
Reverse = make_dataclass("Reverse", [("country", str), ("since", int)])
BANDS = [Band(cents, 7 + cents % 13) for cents in range(0, 40_000, 10)]
EXEMPT = {code: Exempt(code, f"§ {number}") for number, code in enumerate(f"E{n:03d}" for n in range(900))}
REVERSE = {country: Reverse(country, 1993) for country in ("AT", "BE", "FR", "NL")}


def tax(cents: int) -> int:
    """In cents."""
    band = BANDS[min(cents // 10, len(BANDS) - 1)]
    return int(cents * band.percent) // 100
