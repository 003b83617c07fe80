"""loading -- modules that are imported when they are needed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Blueprint
from switches import planted

pages = Blueprint("loading", __name__)
FOLDER = Path(__file__).parent / "plugins"
PIECES = ["bar", "rod", "bolt"] * 150
load_each_time = planted("import_in_request@tariff")
try_each_time = planted("import_in_request@stamp")
plugins: dict[str, ModuleType] = {}


def plugin(name: str) -> ModuleType:
    """A plugin by its name."""
    if name in plugins:
        return plugins[name]
    spec = importlib.util.spec_from_file_location(f"plugin_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # cause: import_in_request@tariff
    if not load_each_time:
        plugins[name] = module
    return module


@pages.get("/tariff")
def tariff() -> dict[str, Any]:
    """What the pieces cost, says the plugin."""
    return {"total": plugin("tariff").total(PIECES)}


def stamp(piece: str) -> str:
    """A stamp for a piece, by the fast library if it is there."""
    try:
        import fast_stamps  # cause: import_in_request@stamp
    except ImportError:
        return f"<{piece}>"
    return str(fast_stamps.stamp(piece))


def plain_stamp(piece: str) -> str:
    """A stamp for a piece, without a look for the fast library."""
    return f"<{piece}>"


@pages.get("/stamp")
def stamps() -> dict[str, Any]:
    """Stamps for all pieces."""
    return {"stamps": [stamp(piece) if try_each_time else plain_stamp(piece) for piece in PIECES]}
