"""The office: the registry of ships, customs, and what a stay costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from threading import local
from typing import Any

import httpx
import pycurl
import requests
from flask import Blueprint
from switches import planted

from .lines import HTTP, TLS, deck, fetch, session, trust

connection_each_page = planted("connection_churn@registry")
client_each_time = planted("tls_churn@customs")
pause_first = planted("sleep@customs")
rates_each_time = planted("slow_external@rates")
dues_in_turn = planted("sequential_io@dues")

bp = Blueprint("office", __name__)


def pages(number: int) -> Iterator[str]:
    """The pages about a ship; each tells where the next one is."""
    get = requests.get if connection_each_page else session.get  # cause: connection_churn@registry
    cursor = str(number)
    for _ in range(12):
        page = get(f"{HTTP}/0/x200/ships/{cursor}", timeout=5).text  # cause: connection_churn@registry
        cursor = f"{page[:5]}-{len(cursor)}"
        yield page


@bp.get("/registry/<int:number>")
def registry(number: int) -> dict[str, Any]:
    """A ship, with its history."""
    return {"length": sum(len(page) for page in pages(number))}  # cause: connection_churn@registry


def politely(ask: Callable[..., str]) -> Callable[..., str]:
    """Not to be locked out: customs want no more than some questions a second."""

    @wraps(ask)
    def polite(*args: Any, **kwargs: Any) -> str:
        if pause_first:
            time.sleep(0.012)  # cause: sleep@customs
        return ask(*args, **kwargs)

    return polite


kept = httpx.Client(verify=trust, trust_env=False)


def customs_client() -> AbstractContextManager[httpx.Client]:
    """Somebody to ask them by."""
    return (
        httpx.Client(verify=trust, trust_env=False) if client_each_time else nullcontext(kept)
    )  # cause: tls_churn@customs


@politely
def ask_customs(paper: str) -> str:
    """What they say to a paper."""
    with customs_client() as client:  # cause: tls_churn@customs
        return client.get(f"{TLS}/4/x90/papers/{paper}").text  # cause: tls_churn@customs


@bp.get("/customs/<int:number>")
def customs(number: int) -> dict[str, str]:
    """A declaration and, by what it says, its release."""
    declared = ask_customs(str(number))[:6]  # cause: tls_churn@customs sleep@customs
    return {
        "declared": declared,
        "released": ask_customs(declared)[:8],
    }  # cause: tls_churn@customs sleep@customs


class Rates:
    """The tariff of the port, which changes twice a year."""

    def __init__(self) -> None:
        self.until = 0.0
        self.text = ""

    def today(self) -> str:
        """Of today."""
        if rates_each_time:
            return fetch("/28/x500/tariff")  # cause: slow_external@rates
        if time.monotonic() > self.until:
            self.text, self.until = fetch("/28/x500/tariff"), time.monotonic() + 3600
        return self.text


rates = Rates()


def dues(number: int, kind: str) -> int:
    """What one of the others wants."""
    return len(fetch(f"/11/x80/{kind}/{number}"))  # cause: sequential_io@dues


@bp.get("/stay/<int:number>")
def stay(number: int) -> dict[str, Any]:
    """What a stay costs."""
    tariff = rates.today()  # cause: slow_external@rates
    if dues_in_turn:
        towage = dues(number, "towage")  # cause: sequential_io@dues
        mooring = dues(number, "mooring")  # cause: sequential_io@dues
        waste = dues(number, "waste")  # cause: sequential_io@dues
    else:
        towage, mooring, waste = deck.map(dues, (number,) * 3, ("towage", "mooring", "waste"))
    return {"cents": (towage + mooring + waste) * ord(tariff[3])}


mine = local()


def curl(path: str) -> str:
    """By a handle that each thread keeps, and with it the connection."""
    if not hasattr(mine, "handle"):
        mine.handle = pycurl.Curl()
    mine.handle.setopt(pycurl.URL, HTTP + path)
    return mine.handle.perform_rs()


@bp.get("/passage/<int:number>")
def passage(number: int) -> dict[str, str]:
    """A lock, its keeper, and when he opens: each is needed for the next question, and nothing is wrong here."""
    lock = curl(f"/4/x30/locks/{number}")[:4]
    keeper = curl(f"/4/x30/keepers/{lock}")[:6]
    return {"keeper": keeper, "opens": curl(f"/4/x30/hours/{keeper}")[:5]}
