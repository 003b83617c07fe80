"""Tickets: sold, paid, checked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import wraps
from itertools import count
from typing import Any, TypeVar

import httpx
from flask import Blueprint
from switches import planted

from .clients import HTTP, HTTPS, TRUSTED, session, text_of, workers

shake_hands_again = planted("tls_churn@ticket")
wait_for_score = planted("slow_external@score")
pause_before = planted("sleep@gently")
poll_printer = planted("sleep@printed")

bp = Blueprint("shop", __name__)
authority = httpx.Client(base_url=HTTPS, verify=TRUSTED)
Result = TypeVar("Result")


def signed(path: str) -> str:
    """What the ticket authority says."""
    if shake_hands_again:
        with httpx.Client(base_url=HTTPS, verify=TRUSTED) as client:  # cause: tls_churn@ticket
            return client.get(path).text  # cause: tls_churn@ticket
    return authority.get(path).text


@bp.get("/tickets/<int:number>")
def ticket(number: int) -> dict[str, Any]:
    """Whether a ticket is good: first what it says, then whether that is so."""
    claim = signed(f"/2/x60/tickets/{number}")  # cause: tls_churn@ticket
    verdict = signed(f"/3/x40/verdicts/{claim[:12]}")  # cause: tls_churn@ticket
    return {"ticket": number, "claim": claim[:8], "verdict": verdict[:4]}


def gently(seconds: float) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """The bank does not like to be asked too quickly."""

    def decorate(function: Callable[..., Result]) -> Callable[..., Result]:
        @wraps(function)
        def later(*values: Any) -> Result:
            if pause_before:
                time.sleep(seconds)  # cause: sleep@gently
            return function(*values)

        return later

    return decorate


@gently(0.03)  # cause: sleep@gently
def reserve(number: int, cents: int) -> str:
    """Money that is kept for us."""
    return text_of(f"/7/x32/reserve/{number}/{cents}")


def score(number: int) -> str:
    """What the fraud service thinks; it writes to the office itself where it does not like something."""
    return text_of(f"/95/x48/score/{number}")  # cause: slow_external@score


@bp.get("/checkout/<int:number>")
def checkout(number: int) -> dict[str, Any]:
    """Pays for what is in a basket."""
    held = reserve(number, 4500 + number)  # cause: sleep@gently
    if wait_for_score:
        score(number)  # cause: slow_external@score
    else:
        workers.submit(score, number)
    return {"order": number, "held": held[:8]}


printed_so_far = count()


def wait_until_printed(job: str) -> int:
    """Ask the printer until it has it; how often that was."""
    for asked in count(1):
        if session().get(f"{HTTP}/u20/printer/{job}", timeout=5).status_code == 200:
            return asked
        time.sleep(0.05)  # cause: sleep@printed
    raise AssertionError


@bp.get("/wristbands/<int:number>")
def wristband(number: int) -> dict[str, Any]:
    """Prints one; the printer would also tell by itself."""
    job = f"{os.getpid()}-{next(printed_so_far)}"
    if poll_printer:
        return {"band": number, "asked": wait_until_printed(job)}  # cause: sleep@printed
    return {"band": number, "told": text_of(f"/20/x20/printed/{job}")[:4]}


@bp.get("/refunds/<int:number>")
def refund(number: int) -> dict[str, Any]:
    """Money back: a token first, and with it what is wanted; nothing is wrong here."""
    token = text_of(f"/6/x40/token/{number}")
    booked = text_of(f"/9/x64/refunds/{token[:10]}/{number}")
    return {"refund": number, "booked": booked[:10]}


@bp.get("/baskets/<int:number>")
def basket(number: int) -> dict[str, Any]:
    """What is in it, asked of three shops at the same time by threads that are kept: nothing is wrong here."""
    told = list(workers.map(text_of, [f"/{8 + shop}/x300/shops/{shop}/{number}" for shop in range(3)]))
    return {"things": sum(text.count("7") for text in told)}
