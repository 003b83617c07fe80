"""The machine: which version this is, and plug-ins for taxes."""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint
from switches import planted

load_each_time = planted("import_in_request@plugin")
ask_the_shell = planted("subprocess@version")

bp = Blueprint("machine", __name__)
PLUGINS = Path(__file__).with_name("plugins")


def load(name: str) -> Any:
    """A plug-in, so that a new one is used without a restart."""
    spec = importlib.util.spec_from_file_location(f"abacus_plugin_{name}", PLUGINS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # cause: import_in_request@plugin
    return module


plugin = load if load_each_time else lru_cache(load)


@bp.get("/taxes/<int:number>")
def taxes(number: int) -> dict[str, Any]:
    """What a plug-in makes of it."""
    return {"tax": plugin("vat").tax(number * 100 + 1999)}  # cause: import_in_request@plugin


def system() -> str:
    """On what this runs."""
    return os.popen("uname -s; uname -m").read().strip()  # cause: subprocess@version


known_system = None if ask_the_shell else system()


def changes(number: int) -> list[str]:
    """What is new."""
    return [f"{number}.{step}: {'x' * (step % 40)}" for step in range(400)]


@bp.get("/version/<int:number>")
def version(number: int) -> dict[str, Any]:
    """What stands at the foot of every page."""
    return {"on": known_system or system(), "changes": changes(number)}  # cause: subprocess@version
