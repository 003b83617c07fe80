"""tariff -- what a journey or a call costs: two revisions of it were released."""

from __future__ import annotations

from typing import Any

from flask import Flask
from switches import planted

validate_again = planted("regression@invoice")
app = Flask(__name__)
CALLS = [
    {"number": f"0{n * 7919 % 10**9:09d}", "seconds": n * 37 % 900, "zone": n % 6, "cents": n * 13 % 700}
    for n in range(2500)
]
ZONES = {0: "city", 1: "country", 2: "mobile", 3: "europe", 4: "overseas", 5: "special"}
FIELDS = {"number": str, "seconds": int, "zone": int, "cents": int}


def check(call: dict[str, Any]) -> dict[str, Any]:
    """A call, if it is whole."""
    for field, kind in FIELDS.items():
        if not isinstance(call.get(field), kind):
            raise ValueError(f"{field} of {call!r}")
    if not call["number"].isdigit() or call["zone"] not in ZONES:
        raise ValueError(f"no number or zone: {call!r}")
    return call


def checked(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Calls that are whole."""
    return [check(call) for call in calls]  # cause: regression@invoice


CHECKED = checked(CALLS)


def sum_of(zone: int) -> int:
    """What the calls to a zone cost."""
    calls = checked(CALLS) if validate_again else CHECKED  # cause: regression@invoice
    return sum(call["cents"] for call in calls if call["zone"] == zone)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/invoice")
def invoice() -> dict[str, int]:
    """What was called, by zone; the newer revision checks the calls each time that it adds them up."""
    return {name: sum_of(zone) for zone, name in ZONES.items()}  # cause: regression@invoice


@app.get("/zones")
def zones() -> dict[str, Any]:
    """The zones, in both revisions the same."""
    return {"zones": {name: sum(call["zone"] == zone for call in CALLS) for zone, name in ZONES.items()}}


@app.get("/calls")
def calls() -> dict[str, Any]:
    """The longest calls, in both revisions the same."""
    longest = sorted(CALLS, key=lambda call: (-call["seconds"], call["number"]))
    return {"calls": longest[:20]}
