"""switches -- which planted causes an application of the corpus runs with; asked once, when a module is loaded."""

from __future__ import annotations

import os

OFF = frozenset(os.environ.get("CAUSES_OFF", "").split(","))


def planted(name: str) -> bool:
    """Whether this cause is there; if not, the repaired code runs."""
    return name not in OFF
