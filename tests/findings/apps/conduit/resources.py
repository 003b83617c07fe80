"""resources -- the API."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import defaultdict
from typing import Any, ClassVar

from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from switches import planted

from .guards import authenticated, cached, limited
from .logs import log
from .schemas import MeterSchema
from .store import ask

compress_each_time = planted("hot_function@compress")
compile_each = planted("regex_compile@valves")


class AccountView(MethodView):
    """Whose account this is."""

    decorators: ClassVar = [authenticated]  # cause: hot_function@password

    def get(self) -> ResponseReturnValue:
        """What is known of it."""
        rows = ask("SELECT street, count(*) AS meters FROM meter GROUP BY street ORDER BY street")
        notices = ask("SELECT id, body FROM notice WHERE customer = 7 AND NOT seen ORDER BY id")
        return {
            "streets": {row["street"]: row["meters"] for row in rows},
            "notices": [row["body"] for row in notices],
        }


class MetersView(MethodView):
    """All meters of a part of the town."""

    def get(self) -> ResponseReturnValue:
        """Three hundred of them."""
        start = request.args.get("after", 0, type=int)
        rows = ask("SELECT * FROM meter WHERE id > ? ORDER BY id LIMIT 300", start)
        return {"meters": MeterSchema.dump_many(rows)}  # cause: hot_function@fields


class MeterView(MethodView):
    """One meter."""

    decorators: ClassVar = [limited(minute=50_000, day=900_000)]  # cause: disk_io@limits

    def get(self, number: int) -> ResponseReturnValue:
        """What it showed in the last months."""
        found = ask("SELECT * FROM meter WHERE id = ?", number)
        if not found:
            raise LookupError(f"no meter {number}")
        shown = ask("SELECT day, litres FROM reading WHERE meter_id = ? ORDER BY day DESC LIMIT 60", number)
        return {"meter": MeterSchema().dump(found[0]), "readings": [tuple(row) for row in shown]}


@cached(3600)
def tariff_table(zone: str) -> dict[str, list[dict[str, Any]]]:
    """What a litre costs, for each day and quarter of an hour of a year."""
    return {
        f"day-{day}": [
            {"quarter": quarter, "cents": 20 + (day * quarter) % 17, "label": f"{zone} {day} {quarter}"}
            for quarter in range(96)
        ]
        for day in range(365)
    }


class TariffsView(MethodView):
    """What a litre costs."""

    def get(self) -> ResponseReturnValue:
        """On one day."""
        table = tariff_table("north")  # cause: serialization_hot@cached
        day = request.args.get("day", 1, type=int)
        return {"day": day, "quarters": table[f"day-{day}"]}


def usage_document() -> bytes:
    """What some meters have counted day by day, as the town's statisticians want it."""
    rows = ask("SELECT meter_id, day, litres FROM reading WHERE meter_id <= 80 ORDER BY meter_id, day")
    return json.dumps([dict(row) for row in rows]).encode()


compressed: dict[bytes, bytes] = {}


def small(document: bytes) -> bytes:
    """A document, compressed as much as can be."""
    if compress_each_time:
        return gzip.compress(document, 9, mtime=0)  # cause: hot_function@compress
    mark = hashlib.sha256(document).digest()
    if mark not in compressed:
        compressed.clear()
        compressed[mark] = gzip.compress(document, 9, mtime=0)
    return compressed[mark]


class UsageView(MethodView):
    """What the meters of the sample have counted."""

    def get(self) -> Response:
        """Compressed, as it is long."""
        answer = make_response(small(usage_document()))  # cause: hot_function@compress
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Content-Type"] = "application/json"
        return answer


def checked(row: Any) -> dict[str, Any]:
    """A reading, marked if it cannot be."""
    log.debug("reading %d of meter %d on %s: %d litres", *row)  # cause: log_io@rows
    return {"meter": row["meter_id"], "day": row["day"], "litres": row["litres"], "odd": row["litres"] > 880}


class ReadingsView(MethodView):
    """What the meters showed."""

    def get(self) -> ResponseReturnValue:
        """The newest readings."""
        rows = ask("SELECT id, meter_id, day, litres FROM reading ORDER BY id DESC LIMIT 900")
        found = [checked(row) for row in rows]  # cause: log_io@rows
        log.info("%d readings, %d odd", len(found), sum(each["odd"] for each in found))
        return {"readings": found}


class MonthsView(MethodView):
    """What each street used in each month: one statement that has to add up much; nothing is wrong here."""

    def get(self) -> ResponseReturnValue:
        """Streets and months."""
        street = request.args.get("street", "Lock Lane")
        rows = ask(
            "SELECT substr(day, 1, 7) AS month, kind, sum(litres * factor) AS litres, count(*) AS readings FROM meter"
            " JOIN reading ON reading.meter_id = meter.id WHERE street = ? AND zone < 6 GROUP BY 1, 2 ORDER BY 1, 2",
            street,
        )
        newest = ask("SELECT * FROM meter WHERE street = ? ORDER BY id DESC LIMIT 40", street)
        schema = MeterSchema()
        return {"months": [dict(row) for row in rows], "newest": [schema.dump(row) for row in newest]}


class TableView(MethodView):
    """The meters of a zone for a printer: rows by a macro, as many as are shown; nothing is wrong here."""

    def get(self) -> str:
        """With what each showed last."""
        start = request.args.get("after", 0, type=int)
        rows = ask(
            "SELECT meter.*, (SELECT litres FROM reading WHERE meter_id = meter.id ORDER BY day DESC LIMIT 1) AS last"
            " FROM meter WHERE id > ? ORDER BY id LIMIT 300",
            start,
        )
        return render_template("conduit/table.html", meters=rows)


MESSAGES = [
    f"valve-{n % 700:03d}/{n % 7}: pressure {n * 7 % 90}, reported by WM-{n:06d}" for n in range(1400)
]
HIGH = re.compile(r"(valve-\d+)/[0-3]: pressure [5-8]\d,")


def high(valve: str, messages: list[str]) -> int:
    """How many messages say that this valve had high pressure."""
    pattern = re.compile(rf"{re.escape(valve)}/[0-3]: pressure [5-8]\d,")  # cause: regex_compile@valves
    return sum(1 for message in messages if pattern.match(message))


def high_by_valve() -> dict[str, int]:
    """The same for all valves."""
    counts: dict[str, int] = defaultdict(int)
    if compile_each:
        by_valve = defaultdict(list)
        for message in MESSAGES:
            by_valve[message.partition("/")[0]].append(message)
        for valve, messages in by_valve.items():
            counts[valve] += high(valve, messages)  # cause: regex_compile@valves
    else:
        for message in MESSAGES:
            if match := HIGH.match(message):
                counts[match[1]] += 1
    return {valve: counts[valve] for valve in sorted(counts) if counts[valve]}


class AlarmsView(MethodView):
    """Valves with high pressure."""

    def get(self) -> ResponseReturnValue:
        """Which, and how often."""
        return {"alarms": high_by_valve()}  # cause: regex_compile@valves
