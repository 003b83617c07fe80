"""A night of long exposures; loaded by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class Slew:
    """A step."""

    seconds: float = 1.0
    repeat: int = 1
    note: str = "slew"


@dataclass(frozen=True, order=True)
class Focus:
    """A step."""

    seconds: float = 2.0
    repeat: int = 2
    note: str = "focus"


@dataclass(frozen=True, order=True)
class Expose:
    """A step."""

    seconds: float = 3.0
    repeat: int = 3
    note: str = "expose"


@dataclass(frozen=True, order=True)
class Dither:
    """A step."""

    seconds: float = 4.0
    repeat: int = 4
    note: str = "dither"


@dataclass(frozen=True, order=True)
class Flat:
    """A step."""

    seconds: float = 5.0
    repeat: int = 1
    note: str = "flat"


@dataclass(frozen=True, order=True)
class Dark:
    """A step."""

    seconds: float = 6.0
    repeat: int = 2
    note: str = "dark"


@dataclass(frozen=True, order=True)
class Bias:
    """A step."""

    seconds: float = 7.0
    repeat: int = 3
    note: str = "bias"


@dataclass(frozen=True, order=True)
class Guide:
    """A step."""

    seconds: float = 8.0
    repeat: int = 4
    note: str = "guide"


@dataclass(frozen=True, order=True)
class Park:
    """A step."""

    seconds: float = 9.0
    repeat: int = 1
    note: str = "park"


@dataclass(frozen=True, order=True)
class Filter:
    """A step."""

    seconds: float = 10.0
    repeat: int = 2
    note: str = "filter"


@dataclass(frozen=True, order=True)
class Rotate:
    """A step."""

    seconds: float = 11.0
    repeat: int = 3
    note: str = "rotate"


@dataclass(frozen=True, order=True)
class Cool:
    """A step."""

    seconds: float = 12.0
    repeat: int = 4
    note: str = "cool"


@dataclass(frozen=True, order=True)
class Warm:
    """A step."""

    seconds: float = 13.0
    repeat: int = 1
    note: str = "warm"


@dataclass(frozen=True, order=True)
class Solve:
    """A step."""

    seconds: float = 14.0
    repeat: int = 2
    note: str = "solve"


STEPS = (Slew, Focus, Expose, Dither, Flat, Dark, Bias, Guide, Park, Filter, Rotate, Cool, Warm, Solve)


def plan(number: int) -> list[dict[str, Any]]:
    """Steps, in turn."""
    steps = [kind() for kind in STEPS[number % 5 :]]
    return [{"note": step.note, "seconds": step.seconds * step.repeat} for step in steps]
