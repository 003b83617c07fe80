"""What can be set for an observatory; reached through `settings`, wherever the code runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import current_app
from werkzeug.local import LocalProxy


@dataclass
class Binning:
    """How values are put together."""

    width: int = 8
    ceiling: int = 250


@dataclass
class Settings:
    """All of them."""

    binning: Binning = field(default_factory=Binning)
    site: str = "Hill"


settings: Any = LocalProxy(lambda: current_app.extensions["observatory"])
