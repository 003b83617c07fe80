"""The world outside: climate, rain, soil; and what a thread knows of it all."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

from flask import Blueprint
from switches import planted

from .devices import ask

trend_each_time = planted("gil_contention@trend")
ask_for_rain = planted("regression@rain")
sort_each_window = planted("regression@median")

bp = Blueprint("world", __name__)


class Trend:
    """Where the temperature goes, worked out by a thread of its own for the screens at the doors."""

    def __init__(self) -> None:
        self.wanted = threading.Event()
        self.day, self.slope = -1, 0.0

    def keep(self) -> None:
        """Work it out, when somebody came by."""
        while True:
            self.wanted.wait()
            self.wanted.clear()
            today = int(time.time() // 86400)
            if trend_each_time or self.day != today:
                self.slope = self.work_out()  # cause: gil_contention@trend
                self.day = today

    def work_out(self) -> float:
        """A line through many points."""
        above = below = 0.0
        for hour in range(45_000):  # cause: gil_contention@trend
            warm = 18 + 6 * math.sin(hour / 24)  # cause: gil_contention@trend
            above += (hour - 22_500) * warm  # cause: gil_contention@trend
            below += (hour - 22_500) ** 2  # cause: gil_contention@trend
        return above / below


trend = Trend()


def humid(warm: float, dew: float) -> float:
    """How humid it is."""
    return 100 * math.exp(17.6 * dew / (243 + dew) - 17.6 * warm / (243 + warm))


def felt(warm: float, share: float) -> float:
    """How warm it feels."""
    return warm - 0.4 * (warm - 10) * (1 - share / 100)


def bucket(value: float) -> int:
    """On the scale of the chart."""
    return min(9, max(0, int(value / 3)))


@bp.get("/climate/<int:number>")
def climate(number: int) -> dict[str, Any]:
    """A chart of how warm it felt."""
    trend.wanted.set()  # cause: gil_contention@trend
    counts = [0] * 10
    for hour in range(14_000):
        warm = 20 + (hour * 7 + number) % 13 - 6
        counts[bucket(felt(warm, humid(warm, warm - 4)))] += 1
    return {"chart": counts}


@bp.get("/watering/<int:number>")
def watering(number: int) -> dict[str, Any]:
    """How much water a bed gets."""
    dry = ask(f"/6/x60/dry/{number}")
    if ask_for_rain:
        rain = ask(f"/9/x60/rain/{number}")  # cause: regression@rain
        return {"litres": dry[4] - 40, "sure": len(rain) == len(dry)}
    return {"litres": dry[4] - 40, "sure": True}


def median(values: list[int]) -> int:
    """The one in the middle."""
    return sorted(values)[len(values) // 2]


def smooth(values: list[int], width: int) -> list[int]:
    """Without the outliers."""
    if sort_each_window:
        return [
            median(values[max(0, at - width) : at + width + 1])
            for at in range(len(values))  # cause: regression@median
        ]
    return [values[at] if at % width else median(values[at : at + width]) for at in range(len(values))]


@bp.get("/soil/<int:number>")
def soil(number: int) -> dict[str, Any]:
    """How wet the soil was."""
    values = [(at * 31 + number * 7) % 101 for at in range(2500)]
    wet = smooth(values, 20)  # cause: regression@median
    return {"wet": wet[:10], "mean": round(sum(wet) / len(wet), 2)}


class Overview:
    """What all screens show, made by a thread each second."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.text: dict[str, Any] = {}

    def keep(self) -> None:
        """Make it, and sleep."""
        turn = 0
        while True:
            fresh = {"turn": turn > 0, "beds": {f"bed {n}": n * 7 % 30 for n in range(60)}}
            with self.lock:
                self.text = fresh
            turn += 1
            time.sleep(1.0)

    def now(self) -> dict[str, Any]:
        """As it was made last."""
        with self.lock:
            return self.text


overview = Overview()


@bp.get("/overview")
def show() -> dict[str, Any]:
    """What a thread keeps fresh, which sleeps in between: nothing is wrong here."""
    return {"overview": overview.now()["beds"]}


def start() -> None:
    """The threads."""
    threading.Thread(target=trend.keep, name="trend", daemon=True).start()
    threading.Thread(target=overview.keep, name="overview", daemon=True).start()
