"""Selling it: cards, insurance, seats, bookings, tickets; and what is shown beside."""

from __future__ import annotations

import threading
from typing import Any

from flask import Blueprint
from switches import planted

from .gateways import HTTP, Cards, Insurer, Reservations, SeatMaps, issue, named, session, workers

thread_each_feed = planted("thread_churn@feeds")

bp = Blueprint("selling", __name__)


@bp.get("/cards/<int:number>")
def card(number: int) -> dict[str, Any]:
    """Takes money: what the bank says is wanted for the next step."""
    cards = Cards()
    challenge = cards.post(f"challenge/{number}")  # cause: tls_churn@cards
    proof = cards.post(f"proof/{challenge[:9]}")  # cause: tls_churn@cards
    taken = cards.post(f"take/{proof[:7]}/{number}")  # cause: tls_churn@cards
    return {"taken": taken[:8]}


@bp.get("/insurance/<int:number>")
def insurance(number: int) -> dict[str, Any]:
    """What may be insured, each price depends on the one before."""
    insurer, premiums, base = Insurer(), {}, number
    for kind in ("luggage", "illness"):
        premiums[kind] = base = insurer.premium(kind, base)  # cause: dns_repeat@insurer
    return {"premiums": premiums}


@bp.get("/seats/<int:number>")
def seats(number: int) -> dict[str, Any]:
    """Which seats are free."""
    records = SeatMaps().rows(number)  # cause: chatty_reads@seats
    return {"seats": len(records), "free": sum(record[:1] == b"8" for record in records)}


@bp.get("/bookings/<int:number>")
def booking(number: int) -> dict[str, Any]:
    """What happened to a booking."""
    return {"history": Reservations().history(number)}  # cause: connection_churn@bookings


@bp.get("/tickets/<int:number>")
def ticket(number: int) -> dict[str, Any]:
    """Issues the coupons of a ticket; each is refused without the one before it."""
    coupons: list[str] = []
    for coupon in range(4):
        before = coupons[-1] if coupons else "first"
        coupons.append(issue(number, coupon, before))  # cause: sleep@spacing
    return {"coupons": coupons}


def feed(number: int) -> str:
    """What a town's paper writes."""
    return (
        named.request("GET", f"{HTTP}/4/x200/feeds/{number}", timeout=5.0, retries=False).data[:30].decode()
    )


def feeds(count: int) -> list[str]:
    """Several papers at the same time."""
    if not thread_each_feed:
        return list(workers.map(feed, range(count)))
    found: dict[int, str] = {}

    def keep(number: int) -> None:
        found[number] = feed(number)

    threads = [
        threading.Thread(target=keep, args=(number,)) for number in range(count)
    ]  # cause: thread_churn@feeds
    for thread in threads:
        thread.start()  # cause: thread_churn@feeds
    for thread in threads:
        thread.join()  # cause: thread_churn@feeds
    return [found[number] for number in range(count)]


@bp.get("/news")
def news() -> dict[str, Any]:
    """What is written about where people go."""
    return {"news": feeds(20)}  # cause: thread_churn@feeds


@bp.get("/loyalty/<int:number>")
def loyalty(number: int) -> dict[str, Any]:
    """Points: a token first, and with it what is wanted; nothing is wrong here."""
    token = session().get(f"{HTTP}/5/x40/token/{number}", timeout=5).text
    points = session().get(f"{HTTP}/8/x64/points/{token[:10]}/{number}", timeout=5).text
    return {"points": len(points), "level": points[4]}


def offer(path: str) -> int:
    """What one of them has."""
    return session().get(HTTP + path, timeout=5).text.count("7")


@bp.get("/offers/<int:number>")
def offers(number: int) -> dict[str, Any]:
    """Four partners at the same time, by threads that are kept: nothing is wrong here."""
    return {"offers": list(workers.map(offer, [f"/{9 + at}/x150/offers/{at}/{number}" for at in range(4)]))}
