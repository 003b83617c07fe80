"""almanac -- tides and moons, reckoned: two revisions of it were released."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from flask import Flask
from flask.typing import ResponseReturnValue
from flask.views import View
from switches import planted

search_finely = planted("regression@tides")
app = Flask(__name__)


@dataclass(frozen=True, slots=True)
class Wave:
    """One of the waves that a tide is made of."""

    metres: float
    hours: float
    lag: float

    def at(self, hour: float) -> float:
        """How high it stands."""
        return self.metres * math.cos(math.tau * (hour - self.lag) / self.hours)


HARBOUR = (Wave(2.1, 12.4206, 3.1), Wave(0.7, 12.0, 4.4), Wave(0.4, 12.6583, 1.2), Wave(0.2, 23.9345, 8.0))


def height(hour: float) -> float:
    """How high the water stands."""
    return sum(wave.at(hour) for wave in HARBOUR)


def peak(of: Callable[[float], float], low: float, high: float) -> float:
    """Where a function is highest between two places that hold one peak."""
    while high - low > 0.01:
        third = (high - low) / 3
        low, high = (low + third, high) if of(low + third) < of(high - third) else (low, high - third)
    return (low + high) / 2


def high_water(day: int) -> float:
    """The hour of a day at which the water is highest."""
    if search_finely:
        hours = [day * 24 + minute / 2 / 60 for minute in range(0, 2880, 5)]
        return max(hours, key=height)  # cause: regression@tides
    about = max(range(day * 24, day * 24 + 24, 3), key=height)
    return peak(height, about - 3, about + 3)


class Sheet(View):
    """A page of the almanac."""

    init_every_request = False

    def __init__(self, reckon: Callable[[int], float], days: int) -> None:
        self.reckon, self.days = reckon, days

    def dispatch_request(self, first: int) -> ResponseReturnValue:
        """A figure for each day."""
        return {
            str(day): round(self.reckon(day), 1)  # cause: regression@tides
            for day in range(first, first + self.days)
        }


def moon(day: int) -> float:
    """How much of the moon is lit."""
    return (1 - math.cos(math.tau * (day % 29.530588) / 29.530588)) / 2


@cache
def noon(day: int) -> float:
    """Minutes by which the sun is late at noon."""
    turn = math.tau * (day - 81) / 365
    return 9.87 * math.sin(2 * turn) - 7.53 * math.cos(turn) - 1.5 * math.sin(turn)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


app.add_url_rule("/tides/<int:first>", view_func=Sheet.as_view("tides", high_water, 7))
app.add_url_rule("/moons/<int:first>", view_func=Sheet.as_view("moons", moon, 90))
app.add_url_rule("/noons/<int:first>", view_func=Sheet.as_view("noons", noon, 200))
