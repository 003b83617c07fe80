"""schemas -- how rows become JSON, and how values are checked."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import date
from typing import Any

from switches import planted

copy_fields = planted("hot_function@fields")


class Field:
    """One value of an object."""

    def __init__(self, source: str = "", **options: Any) -> None:
        self.source = source
        self.options = {"required": True, "allow_none": False, "choices": (), **options}
        self.name = ""

    def bind(self, name: str) -> None:
        """Know what one is called."""
        self.name = name
        self.source = self.source or name

    def get(self, row: Any) -> Any:
        """The value as JSON has it."""
        return row[self.source]


class Day(Field):
    """A day."""

    def get(self, row: Any) -> Any:
        """As Germans write it."""
        return date.fromisoformat(row[self.source]).strftime("%d.%m.%Y")


class Flag(Field):
    """Yes or no."""

    def get(self, row: Any) -> Any:
        """As a truth value."""
        return bool(row[self.source])


class Schema:
    """What belongs to an object; subclasses say which fields."""

    declared: dict[str, Field]

    def __init_subclass__(cls) -> None:
        cls.declared = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}

    def __init__(self) -> None:
        self.fields = copy.deepcopy(self.declared)  # cause: hot_function@fields
        for name, field in self.fields.items():  # cause: hot_function@fields
            field.bind(name)

    def dump(self, row: Any) -> dict[str, Any]:
        """One object."""
        return {name: field.get(row) for name, field in self.fields.items()}

    @classmethod
    def dump_many(cls, rows: Iterable[Any]) -> list[dict[str, Any]]:
        """A list of them."""
        if copy_fields:
            return [cls().dump(row) for row in rows]  # cause: hot_function@fields
        schema = cls()
        return [schema.dump(row) for row in rows]


class MeterSchema(Schema):
    """A meter."""

    id = Field()
    serial = Field()
    street = Field()
    household = Field()
    kind = Field(choices=("cold", "warm"))
    installed = Day()
    zone = Field()
    factor = Field()
    active = Flag()
