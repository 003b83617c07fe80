"""What the office wants at the end of a month."""

from __future__ import annotations

import csv
import gc
import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, g
from sqlalchemy import func, select, text
from switches import planted
from werkzeug.local import LocalProxy

from .store import Order, Tank, session

join_with_itself = planted("slow_query@running")
objects_for_csv = planted("orm_overhead@lines")
collect_after = planted("gc_pressure@tidy")
rates_in_loop = planted("attribute_lookup_hot@rates")
line_for_each = planted("log_io@journal")
snapshot_each = planted("serialization_hot@snapshot")

bp = Blueprint("reports", __name__, url_prefix="/reports")
journal = logging.getLogger("brewery.journal")
journal.propagate = False
journal.setLevel(logging.DEBUG)

RUNNING = """
SELECT a.day, sum(b.cents) FROM (SELECT day, sum(cents) AS cents FROM sales_order WHERE day > 350 GROUP BY day) a
JOIN (SELECT day, sum(cents) AS cents FROM sales_order WHERE day > 350 GROUP BY day) b ON b.day <= a.day
GROUP BY a.day ORDER BY a.day DESC LIMIT 30
"""
WINDOW = """
SELECT day, sum(sum(cents)) OVER (ORDER BY day) FROM sales_order WHERE day > 350 GROUP BY day ORDER BY day DESC LIMIT 30
"""


@bp.record_once
def open_journal(_: object) -> None:
    """Where it is written."""
    handler = logging.FileHandler(Path(os.environ["FINDINGS_DATA"]) / f"journal-{os.getpid()}.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)-7s %(name)s: %(message)s"))
    journal.addHandler(handler)


@bp.get("/turnover")
def turnover() -> dict[str, Any]:
    """What has been sold this year up to each of the last days."""
    asked = RUNNING if join_with_itself else WINDOW
    found = session().execute(text(asked)).all()  # cause: slow_query@running
    return {"days": [[day, int(cents)] for day, cents in found]}


def tidy(view: Callable[..., Any]) -> Callable[..., Any]:
    """Give back what a big export has taken."""

    @wraps(view)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        finally:
            if collect_after:
                gc.collect()  # cause: gc_pressure@tidy

    return called


@contextmanager
def sheet() -> Iterator[Any]:
    """A writer of what the spreadsheet reads."""
    g.sheet = io.StringIO()
    yield csv.writer(g.sheet, delimiter=";")


COLUMNS = (Order.reference, Order.day, Order.beer, Order.crates, Order.cents)


def order_lines() -> Iterator[tuple[Any, ...]]:
    """Orders of the last days."""
    if objects_for_csv:
        last = session().query(Order).filter(Order.day > 650).order_by(Order.id)
        for one in last:  # cause: orm_overhead@lines
            yield one.reference, one.day, one.beer, one.crates, one.cents  # cause: orm_overhead@lines
        return
    for row in session().execute(select(*COLUMNS).where(Order.day > 650).order_by(Order.id)):
        yield tuple(row)


@bp.get("/orders.csv")
@tidy  # cause: gc_pressure@tidy
def orders_csv() -> Response:
    """For the spreadsheet."""
    with sheet() as writer:
        writer.writerow([column.key for column in COLUMNS])
        for line in order_lines():  # cause: orm_overhead@lines
            writer.writerow(line)
    return Response(g.sheet.getvalue(), mimetype="text/csv")


class Rates:
    """What the state wants, by the month that is looked at."""

    def __init__(self, month: int) -> None:
        self.known = {"excise": 78 + month % 3, "deposit": 8, "relief": 56}

    def __getattr__(self, name: str) -> int:
        return self.__dict__["known"][name]


rates: Any = LocalProxy(lambda: g.rates)


def duty(rows: list[tuple[int, int]]) -> int:
    """What is owed for so many crates."""
    owed = 0
    if rates_in_loop:
        for crates, cents in rows:
            if cents > 1400:
                owed += crates * rates.excise + rates.deposit  # cause: attribute_lookup_hot@rates
            else:
                owed += crates * rates.relief + rates.deposit  # cause: attribute_lookup_hot@rates
        return owed
    excise, relief, deposit = rates.excise, rates.relief, rates.deposit
    for crates, cents in rows:
        owed += crates * (excise if cents > 1400 else relief) + deposit
    return owed


@bp.get("/excise/<int:month>")
def excise(month: int) -> dict[str, int]:
    """Over the months."""
    g.rates = Rates(month)
    chosen = select(Order.crates, Order.cents).where(Order.day.between(600, 640))
    rows = [(crates, cents) for crates, cents in session().execute(chosen)]
    return {f"plan{n}": duty(rows) for n in range(5)}  # cause: attribute_lookup_hot@rates


def changes_of(document: dict[str, Any], entries: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """What happened to a document, each with a checksum of how it looks."""
    found = []
    as_text = "" if snapshot_each else json.dumps(document, sort_keys=True)
    for number, cents in entries:
        if snapshot_each:
            as_text = json.dumps(document, sort_keys=True)  # cause: serialization_hot@snapshot
        if line_for_each:
            journal.debug(
                "entry %d: %d cents, %d bytes", number, cents, len(as_text)
            )  # cause: log_io@journal
        found.append({"entry": number, "cents": cents, "bytes": len(as_text)})
    return found


@bp.get("/history/<int:number>")
def history(number: int) -> dict[str, Any]:
    """For the auditors."""
    entries = session().execute(select(Order.id, Order.cents).where(Order.day == number + 100)).tuples().all()
    document = {"number": number, "lines": [{"id": a, "cents": b, "tags": ["a", "b"]} for a, b in entries]}
    events = [(day, cents + day) for day in range(7) for _, cents in entries]
    found = changes_of(document, events)  # cause: log_io@journal serialization_hot@snapshot
    journal.info("history %d with %d entries", number, len(found))
    return {"changes": len(found), "bytes": sum(each["bytes"] for each in found)}


@bp.get("/stock")
def stock() -> dict[str, Any]:
    """Litres by the size of the tank."""
    sizes = select(Tank.litres, func.count(), func.sum(Tank.litres)).group_by(Tank.litres)
    return {"sizes": [[litres, count, int(total)] for litres, count, total in session().execute(sizes)]}
