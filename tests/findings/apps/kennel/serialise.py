"""Objects as JSON: a schema names the fields, and where they are found."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from .house import preference


class Field:
    """A value at the end of a path of attributes."""

    def __init__(self, path: str, shown: Callable[[Any], Any] | None = None) -> None:
        self.path = path.split(".")
        self.shown = shown

    def of(self, thing: object) -> Any:
        """What is there."""
        value = reduce(getattr, self.path, thing)  # cause: n_plus_one@adopters
        return self.shown(value) if self.shown else value


class Schema:
    """Fields by name."""

    def __init__(self, **fields: Field) -> None:
        self.fields = fields

    def dump(self, thing: object) -> dict[str, Any]:
        """One object."""
        return {name: field.of(thing) for name, field in self.fields.items()}  # cause: n_plus_one@adopters

    def dump_all(self, things: Iterable[object]) -> list[dict[str, Any]]:
        """All of them."""
        return [self.dump(thing) for thing in things]  # cause: n_plus_one@adopters


def as_day(value: datetime.date) -> str:
    """A day as the house writes it."""
    return value.strftime(preference("day"))  # cause: duplicate_query@preferences
