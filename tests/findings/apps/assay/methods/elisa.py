"""ELISA, as it is done since spring."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Verdict(Enum):
    """What is said of a well."""

    LOW = "low"
    GOOD = "good"
    HIGH = "high"


@dataclass(frozen=True, order=True)
class Gain:
    """How much the reader makes of it."""

    factor: float
    offset: float = 0.0
    of: str = "reader"


@dataclass(frozen=True, order=True)
class Blank:
    """What an empty well gives."""

    value: float
    spread: float = 0.1
    of: str = "plate"


@dataclass(frozen=True, order=True)
class Limits:
    """Between what it is good."""

    low: float
    high: float
    grey: float = 0.05


@dataclass(order=True)
class Control:
    """A well of which is known what it must give."""

    at: int
    wanted: float
    seen: float = 0.0
    used: bool = True


@dataclass(order=True)
class Dilution:
    """How much water there is."""

    one_to: int
    steps: list[int] = field(default_factory=list)


@dataclass(order=True)
class Lot:
    """A bottle."""

    number: int
    opened: int = 0
    good_until: int = 0


@dataclass
class Plate:
    """All of it."""

    number: int
    gain: Gain
    blank: Blank
    limits: Limits
    controls: list[Control] = field(default_factory=list)
    dilution: Dilution = field(default_factory=lambda: Dilution(10))


def judge(plate: Plate, value: int) -> str:
    """What is said of a value."""
    shown = (value % 4096) * plate.gain.factor - plate.blank.value
    if shown < plate.limits.low:
        return Verdict.LOW.value
    return Verdict.HIGH.value if shown > plate.limits.high else Verdict.GOOD.value
