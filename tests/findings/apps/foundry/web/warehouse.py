"""The store: what is taken for an order is reserved, and written down."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from flask import Blueprint
from sqlalchemy import select, update
from switches import planted

from ..store import Session
from ..store.models import Bin

save_each = planted("n_plus_one@bins")
sync_each_record = planted("log_io@ledger")

bp = Blueprint("warehouse", __name__)
ledger = logging.getLogger("foundry.ledger")


class LedgerHandler(logging.FileHandler):
    """Since the day the tablets lost half an hour, each line goes to the disk at once."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        super().emit(record)
        if sync_each_record:
            os.fsync(self.stream.fileno())  # cause: log_io@ledger


ledger.addHandler(LedgerHandler(Path(os.environ["FINDINGS_DATA"]) / f"ledger-{os.getpid()}.log"))
ledger.setLevel(logging.INFO)
ledger.propagate = False


class BinRepository:
    """Bins of the store."""

    def of_order(self, number: int) -> list[Bin]:
        """What an order takes from."""
        first = number * 25 % 2500
        return list(Session.scalars(select(Bin).where(Bin.id > first, Bin.id <= first + 25).order_by(Bin.id)))

    def save(self, one: Bin) -> None:
        """Keep a changed bin."""
        Session.add(one)
        Session.flush()  # cause: n_plus_one@bins

    def reserve(self, ids: list[int]) -> None:
        """One more of each."""
        Session.execute(
            update(Bin)
            .where(Bin.id.in_(ids))
            .values(reserved=Bin.reserved + 1)
            .execution_options(synchronize_session=False)
        )


repository = BinRepository()


def write_down(number: int, bins: list[Bin]) -> None:
    """Who took what."""
    for one in bins:
        ledger.info("order %d takes part %d from %s", number, one.part_id, one.shelf)  # cause: log_io@ledger


@bp.get("/picklists/<int:number>")
def picklist(number: int) -> dict[str, Any]:
    """What to fetch from where."""
    bins = repository.of_order(number)
    if save_each:
        for one in bins:  # cause: n_plus_one@bins
            one.reserved += 1
            repository.save(one)  # cause: n_plus_one@bins
    else:
        repository.reserve([one.id for one in bins])
    write_down(number, bins)  # cause: log_io@ledger
    Session.commit()
    return {"order": number, "take": [[one.shelf, one.part_id] for one in bins]}
