"""The desk: shipments, what a customer owes, labels."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import date
from functools import wraps
from time import perf_counter
from typing import Any, TypeVar

from flask import Blueprint, abort, current_app, request
from switches import planted

from .database import Work, connect_each_time
from .repositories import Claims, Parcels, Row, Scans, Surcharges

ask_each_parcel = planted("n_plus_one@scans")
ask_surcharge_again = planted("duplicate_query@surcharge")
thread_each_label = planted("thread_churn@labels")

bp = Blueprint("desk", __name__)
Result = TypeVar("Result")


def timed(view: Callable[..., Result]) -> Callable[..., Result]:
    """Tell the log what takes long."""

    @wraps(view)
    def measured(*values: Any, **named: Any) -> Result:
        start = perf_counter()
        try:
            return view(*values, **named)
        finally:
            current_app.logger.debug("%s took %.3f s", view.__name__, perf_counter() - start)

    return measured


def scope(name: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Only for who has this in the header, or no header at all."""

    def decorate(view: Callable[..., Result]) -> Callable[..., Result]:
        @wraps(view)
        def guarded(*values: Any, **named: Any) -> Result:
            if name not in request.headers.get("X-Scopes", name).split():
                abort(403)
            return view(*values, **named)

        return guarded

    return decorate


class Pricing:
    """What a parcel costs."""

    def __init__(self, work: Work) -> None:
        self.surcharges = Surcharges(work)
        self.known: dict[date, int] = {}

    def surcharge(self, day: date) -> int:
        """Percent of a day."""
        if ask_surcharge_again or day not in self.known:
            self.known[day] = self.surcharges.on(day)  # cause: duplicate_query@surcharge
        return self.known[day]

    def cents(self, parcel: Row) -> int:
        """By weight."""
        base = 390 + parcel["grams"] // 50
        return int(base * (100 + self.surcharge(date(2026, 3, 1))) // 100)  # cause: duplicate_query@surcharge


class Shipments:
    """Shipments with all that a clerk wants to see."""

    def __init__(self, work: Work) -> None:
        self.parcels, self.scans, self.pricing = Parcels(work), Scans(work), Pricing(work)

    def details(self, number: int) -> list[dict[str, Any]]:
        """Each parcel, where it is and what it costs."""
        found = self.parcels.of_shipment(number)
        if ask_each_parcel:
            places = {one["id"]: self.scans.last(one["id"]) for one in found}  # cause: n_plus_one@scans
        else:
            places = self.scans.last_of([one["id"] for one in found])
        return [
            {"code": one["barcode"], "at": places.get(one["id"]), "cents": self.pricing.cents(one)}
            for one in found
        ]  # cause: duplicate_query@surcharge


@bp.get("/shipments/<int:number>")
@scope("desk")
@timed
def shipment(number: int) -> dict[str, Any]:
    """A shipment."""
    with Work() as work:
        return {"parcels": Shipments(work).details(number + 1)}


@bp.get("/shipments/<int:number>/events")
@scope("desk")
@timed
def events(number: int) -> dict[str, Any]:
    """All that was seen of a shipment, in two statements: nothing is wrong here."""
    with Work() as work:
        ids = [one["id"] for one in Parcels(work).of_shipment(number + 1)]
        seen = Scans(work).all_of(ids)
    return {"events": [[row["parcel"], row["place"], row["at"].isoformat()] for row in seen]}


@bp.get("/tracking/<int:number>")
@timed
def tracking(number: int) -> dict[str, Any]:
    """Where a parcel is, by the code on it."""
    with Work() as work:
        found = Parcels(work).by_barcode(f"JD{(number + 1) * 7919 % 80021:012d}")
    if found is None:
        abort(404)
    return {"depot": found["depot"], "grams": found["grams"], "arrived": found["arrived"].isoformat()}


class Accounts:
    """What customers owe; each question is a unit of work."""

    def ask(self, statement: str, *values: object) -> Any:
        """The only value of a statement."""
        with Work(own=connect_each_time) as work:  # cause: connection_churn@invoice
            row = work.one(statement, *values)
        return next(iter(row.values())) if row else None

    def invoice(self, customer: int) -> dict[str, Any]:
        """All that is printed."""
        mine = "FROM parcel WHERE customer = %s"
        return {
            "name": self.ask("SELECT name FROM customer WHERE id = %s", customer),
            "discount": self.ask("SELECT discount FROM customer WHERE id = %s", customer),
            "parcels": self.ask(f"SELECT count(*) {mine}", customer),
            "grams": int(self.ask(f"SELECT sum(grams) {mine}", customer)),
            "heaviest": self.ask(f"SELECT max(grams) {mine}", customer),
            "last": str(self.ask(f"SELECT max(arrived) {mine}", customer)),
        }  # cause: connection_churn@invoice


@bp.get("/customers/<int:number>/invoice")
@scope("desk")
@timed
def invoice(number: int) -> dict[str, Any]:
    """What somebody owes."""
    return Accounts().invoice(number + 1)  # cause: connection_churn@invoice


@bp.get("/customers")
@scope("desk")
@timed
def customers() -> dict[str, Any]:
    """Customers after the last one seen: nothing is wrong here."""
    after = request.args.get("after", 0, type=int)
    with Work() as work:
        rows = work.all("SELECT id, name, town FROM customer WHERE id > %s ORDER BY id LIMIT 40", after)
    return {"customers": rows, "next": rows[-1]["id"] if rows else None}


def draw(parcel: Row, into: dict[int, str]) -> None:
    """A label, as the printer wants it."""
    check = hashlib.blake2s(parcel["barcode"].encode(), digest_size=4).hexdigest()
    into[parcel["id"]] = f"^XA^FO50,50^BCN,100^FD{parcel['barcode']}^FS^FO50,180^FD{check}^FS^XZ"


def draw_all(parcels: list[Row]) -> dict[int, str]:
    """A label for each."""
    labels: dict[int, str] = {}
    if not thread_each_label:
        for parcel in parcels:
            draw(parcel, labels)
        return labels
    threads = []
    for parcel in parcels:
        thread = threading.Thread(target=draw, args=(parcel, labels))  # cause: thread_churn@labels
        thread.start()  # cause: thread_churn@labels
        threads.append(thread)
    for thread in threads:
        thread.join()  # cause: thread_churn@labels
    return labels


@bp.get("/labels/<int:number>")
@scope("desk")
@timed
def labels(number: int) -> dict[str, Any]:
    """Labels of a shipment."""
    with Work() as work:
        parcels = Parcels(work).of_shipment(number + 1)
    return {"labels": sorted(draw_all(parcels).values())}  # cause: thread_churn@labels


@bp.get("/claims/costly")
@scope("desk")
def costly() -> dict[str, Any]:
    """What will cost most."""
    with Work() as work:
        found = Claims(work).costliest(25)  # cause: unbounded_result@claims
    return {"claims": [{"id": one["id"], "cents": one["cents"], "told": one["told"][:40]} for one in found]}
