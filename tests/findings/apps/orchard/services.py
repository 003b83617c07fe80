"""What the blueprints ask for: one class a subject, none of which knows of requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Engine, Text, select, type_coerce
from sqlalchemy.orm import Session, joinedload
from switches import planted

from .tables import SORTS, Grower, Lot, Survey, Tariff, Weighing

CHUNK = 200
load_each_grower = planted("n_plus_one@lots")
build_each_weighing = planted("orm_overhead@weighings")
read_and_write_again = planted("serialization_hot@survey")


class Lots:
    """What was brought in."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def waiting(self, count: int) -> Sequence[Lot]:
        """The lots that wait for the press, by the name of who brought them."""
        wanted = select(Lot).where(Lot.id <= count)  # cause: n_plus_one@lots
        if not load_each_grower:
            wanted = wanted.options(joinedload(Lot.grower))
        found = self.session.scalars(wanted).all()
        return sorted(found, key=attrgetter("grower.name"))  # cause: n_plus_one@lots


class Weighings:
    """What the scales said; in sessions of their own, for they are read while the answer is being sent."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def run(self) -> Iterator[Any]:
        """Those of the day, the oldest first."""
        with Session(self.engine) as session:
            if build_each_weighing:
                yield from session.scalars(  # cause: orm_overhead@weighings
                    select(Weighing).order_by(Weighing.id).limit(3000)
                )
            else:
                yield from session.execute(
                    select(Weighing.lot_id, Weighing.gross, Weighing.tare, Weighing.scales)
                    .order_by(Weighing.id)
                    .limit(3000)
                )

    def receipts(self) -> Iterator[tuple[int, int]]:
        """Number and weight of each, for the printed ledger."""
        wanted = select(Weighing.id, Weighing.gross).order_by(Weighing.id)
        with Session(self.engine) as session:
            yield from session.execute(wanted, execution_options={"yield_per": 1000}).tuples()


class Net(NamedTuple):
    """A weighing without its crates."""

    lot: int
    scales: str
    kg: int


def without_crates(weighings: Iterable[Any]) -> Iterator[Net]:
    """What is left when the crates are taken off."""
    for each in weighings:
        yield Net(each.lot_id, each.scales, each.gross - each.tare)


def as_lines(nets: Iterable[Net]) -> Iterator[str]:
    """A line of text each."""
    for net in nets:
        yield f"{net.lot};{net.scales};{net.kg}\n"


def in_blocks(lines: Iterable[str], size: int = 250) -> Iterator[str]:
    """The same text in fewer pieces."""
    block: list[str] = []
    for line in lines:
        block.append(line)
        if len(block) == size:
            yield "".join(block)
            block.clear()
    yield "".join(block)


class Tariffs:
    """What fruit brings."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def of(self, season: int) -> dict[str, int]:
        """Cents a kilogram by sort."""
        found = self.session.execute(select(Tariff.sort, Tariff.cents).where(Tariff.season == season))
        return dict(found.tuples().all())


class Surveys:
    """What the drone saw."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def latest(self) -> Any:
        """The newest one, as a document; as its text where nobody looks into it."""
        wanted = Survey.body if read_and_write_again else type_coerce(Survey.body, Text)
        return self.session.scalar(  # cause: serialization_hot@survey
            select(wanted).order_by(Survey.id.desc()).limit(1)
        )


class Members:
    """Who belongs to the co-operative."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def names(self, wanted: Sequence[int]) -> list[str]:
        """Names of many, a few hundred at a time: a statement takes only so many parameters."""
        names: list[str] = []
        for start in range(0, len(wanted), CHUNK):
            some = wanted[start : start + CHUNK]
            names += self.session.scalars(select(Grower.name).where(Grower.id.in_(some)))
        return names


class Store:
    """What lies in the cold store, counted when somebody first asks."""

    def __init__(self, tariffs: Tariffs) -> None:
        self.tariffs = tariffs

    @cached_property
    def prices(self) -> dict[str, int]:
        """Cents a kilogram this season."""
        return self.tariffs.of(2024)

    def worth(self, chambers: int) -> int:
        """Cents for all chambers."""
        return sum(self.prices[SORTS[chamber % 8]] * (200 + chamber) for chamber in range(chambers))
