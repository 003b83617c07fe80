"""What is known of parcels, scans, customers and claims."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from switches import planted

from .database import Work

date_of_column = planted("slow_query@arrivals")
skip_rows = planted("slow_query@manifest")
take_all_claims = planted("unbounded_result@claims")

Row = dict[str, Any]


class Parcels:
    """Parcels."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def of_shipment(self, shipment: int) -> list[Row]:
        """Those that belong together."""
        return self.work.all(
            "SELECT id, barcode, grams, arrived FROM parcel WHERE shipment = %s ORDER BY id", shipment
        )

    def by_barcode(self, barcode: str) -> Row | None:
        """What a scanner has read."""
        statement = "SELECT id, depot, grams, arrived FROM parcel WHERE barcode = %s"
        return self.work.one(statement, barcode)  # cause: missing_index@barcode

    def arrived_on(self, day: date, depot: int) -> list[Row]:
        """What came on a day."""
        if date_of_column:
            return self.work.all(  # cause: slow_query@arrivals
                "SELECT id, grams FROM parcel WHERE DATE(arrived) = %s AND depot = %s", day, depot
            )
        start = datetime.combine(day, datetime.min.time())
        return self.work.all(
            "SELECT id, grams FROM parcel WHERE arrived >= %s AND arrived < %s + INTERVAL 1 DAY AND depot = %s",
            start,
            start,
            depot,
        )

    def page(self, number: int, size: int = 25) -> list[Row]:
        """A page of the manifest."""
        if skip_rows:
            return self.work.all(  # cause: slow_query@manifest
                "SELECT id, barcode, grams, remark FROM parcel ORDER BY id LIMIT %s OFFSET %s",
                size,
                size * number,
            )
        statement = "SELECT id, barcode, grams, remark FROM parcel WHERE id > %s ORDER BY id LIMIT %s"
        return self.work.all(statement, size * number, size)


class Scans:
    """Where a parcel was seen."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def last(self, parcel: int) -> str | None:
        """The last place."""
        row = self.work.one(  # cause: n_plus_one@scans
            "SELECT place FROM scan WHERE parcel = %s ORDER BY at DESC LIMIT 1", parcel
        )
        return row["place"] if row else None

    def last_of(self, parcels: Sequence[int]) -> dict[int, str]:
        """The last place of each."""
        marks = ", ".join(["%s"] * len(parcels))
        rows = self.work.all(
            f"SELECT parcel, place FROM scan WHERE (parcel, at) IN (SELECT parcel, max(at) FROM scan"
            f" WHERE parcel IN ({marks}) GROUP BY parcel)",
            *parcels,
        )
        return {row["parcel"]: row["place"] for row in rows}

    def all_of(self, parcels: Sequence[int]) -> list[Row]:
        """Everything that was seen of some."""
        marks = ", ".join(["%s"] * len(parcels))
        statement = f"SELECT parcel, at, place FROM scan WHERE parcel IN ({marks}) ORDER BY parcel, at"
        return self.work.all(statement, *parcels)


class Surcharges:
    """What diesel costs."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def on(self, day: date) -> int:
        """Percent on a day."""
        row = self.work.one(  # cause: duplicate_query@surcharge
            "SELECT percent FROM surcharge WHERE day = %s", day
        )
        return int(row["percent"]) if row else 0


class Claims:
    """What broke."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def costliest(self, count: int) -> list[Row]:
        """Open ones, the dearest first."""
        if take_all_claims:
            rows = self.work.all(  # cause: unbounded_result@claims
                "SELECT id, parcel, cents, state, told FROM claim"
            )
            waiting = [row for row in rows if row["state"] == "open"]  # cause: unbounded_result@claims
            return sorted(waiting, key=lambda row: -row["cents"])[:count]
        return self.work.all(
            "SELECT id, parcel, cents, state, told FROM claim WHERE state = 'open' ORDER BY cents DESC LIMIT %s",
            count,
        )
