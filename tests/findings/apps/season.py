"""season -- pages that are quick, but for one request in some."""

from __future__ import annotations

import itertools
import os
from typing import Any

import requests
from flask import Flask, request
from switches import planted

NEIGHBOUR = f"http://{os.environ['UPSTREAM']}"
app = Flask(__name__)
session = requests.Session()
session.trust_env = False
turns = itertools.count()
forecast: dict[int, float] = {}
expires = planted("tail_latency@forecast")
ask_registry = planted("tail_latency@accounts")


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def work_out() -> None:
    """The forecast for a year."""
    for day in range(365):  # cause: tail_latency@forecast
        forecast[day] = sum(
            (day * step % 91) ** 0.5 for step in range(1, 900)
        )  # cause: tail_latency@forecast


@app.get("/forecast")
def forecast_for() -> dict[str, float]:
    """The forecast for a day, out of a cache that lives for nine requests."""
    if not forecast or (expires and next(turns) % 9 == 8):
        work_out()  # cause: tail_latency@forecast
    return {"heat": forecast[request.args.get("day", 0, type=int) % 365]}


def balance(account: int) -> int:
    """What an account holds; those of partners are kept by a registry."""
    if ask_registry and account % 8 == 7:
        return len(
            session.get(f"{NEIGHBOUR}/70/registry/{account}", timeout=5).text
        )  # cause: tail_latency@accounts
    return account * 17 % 1000


@app.get("/accounts")
def accounts() -> dict[str, Any]:
    """What the visitor's account holds."""
    return {"balance": balance(request.args.get("account", 0, type=int))}  # cause: tail_latency@accounts


@app.get("/steady")
def steady() -> dict[str, float]:
    """The same work for everybody: nothing is wrong here."""
    return {"heat": sum(day**0.5 for day in range(2000))}
