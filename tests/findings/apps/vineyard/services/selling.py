"""Carts, orders and what they cost."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import WatchedFileHandler
from pathlib import Path

from blinker import Namespace
from switches import planted

from ..domain import Line, Promotion
from ..repositories import LineRepository, PromotionRepository

promotions_each_line = planted("duplicate_query@promotions")
trace_each_bottle = planted("log_io@trace")
wait_for_terminal = planted("sleep@terminal")
sum_all_rows = planted("unbounded_result@sales")
refresh_while_asked = planted("tail_latency@margins")

signals = Namespace()
line_confirmed = signals.signal("line-confirmed")
log = logging.getLogger("vineyard.selling")
handler = WatchedFileHandler(Path(os.environ["FINDINGS_DATA"]) / f"vineyard-{os.getpid()}.log")
handler.setFormatter(
    logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(module)s:%(lineno)d %(message)s")
)
log.addHandler(handler)
log.setLevel(logging.DEBUG)
log.propagate = False


class Pricing:
    """What a line costs today."""

    def __init__(self, promotions: PromotionRepository, day: int) -> None:
        self.promotions, self.day = promotions, day
        self._active: list[Promotion] | None = None

    @property
    def active(self) -> list[Promotion]:
        """Promotions of the day."""
        if promotions_each_line:
            return self.promotions.active(self.day)  # cause: duplicate_query@promotions
        if self._active is None:
            self._active = self.promotions.active(self.day)
        return self._active

    def cents(self, line: Line) -> int:
        """The price of a line."""
        percent = max(
            (each.percent for each in self.active if each.grower_id == line.grower_id), default=0
        )  # cause: duplicate_query@promotions
        return line.bottles * line.cents * (100 - percent) // 100

    def total(self, lines: list[Line]) -> int:
        """The price of all."""
        return sum(self.cents(line) for line in lines)  # cause: duplicate_query@promotions


@line_confirmed.connect
def trace(line: Line, order: int) -> None:
    """So that support can tell what happened."""
    if trace_each_bottle:
        for bottle in range(line.bottles):  # cause: log_io@trace
            log.debug(
                "order %d: bottle %d of wine %d taken", order, bottle, line.wine_id
            )  # cause: log_io@trace


class Terminal:
    """The card terminal; the first one took no two amounts within twenty milliseconds, this one queues them."""

    @contextmanager
    def session(self) -> Iterator[None]:
        """Alone with the terminal."""
        if wait_for_terminal:
            time.sleep(0.02)  # cause: sleep@terminal
        yield


terminal = Terminal()


def confirm(order: int, lines: list[Line]) -> int:
    """Confirm an order."""
    with terminal.session():  # cause: sleep@terminal
        for line in lines:
            line_confirmed.send(line, order=order)  # cause: log_io@trace
    log.info("order %d confirmed", order)
    return sum(line.bottles for line in lines)


def sales(lines: LineRepository) -> dict[int, int]:
    """What each month brought."""
    if not sum_all_rows:
        return dict(lines.by_month())
    found: dict[int, int] = {}
    for month, bottles, cents in lines.everything():  # cause: unbounded_result@sales
        found[month] = found.get(month, 0) + bottles * cents
    return found


class Margins:
    """What is earned with whom; good for eight questions."""

    def __init__(self, lines: LineRepository, uses: int = 8) -> None:
        self.lines, self.uses, self.used = lines, uses, 0
        self.kept = lines.margins()

    def refresh(self) -> None:
        """Look again."""
        self.kept = self.lines.margins()  # cause: tail_latency@margins

    def best(self, count: int) -> list[int]:
        """Growers with whom most is earned."""
        self.used += 1
        if self.used % self.uses == 0:
            if refresh_while_asked:
                self.refresh()  # cause: tail_latency@margins
            else:
                threading.Thread(target=self.refresh, daemon=True).start()
        return sorted(self.kept, key=lambda grower: -self.kept[grower])[:count]
