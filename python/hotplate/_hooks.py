"""Put the extension's hooks into the modules that want them, whether they are imported already or later."""

from __future__ import annotations

from types import ModuleType

from . import _hotplate
from ._imports import when_imported

_installed = False


def install() -> None:
    """Hook Flask, threads, executors and database drivers, once.

    Imports nothing of the application's and never raises for what is missing.
    """
    global _installed
    if _installed:
        return
    _installed = True
    for name in _hotplate.hook_names():

        def hook(module: ModuleType, name: str = name) -> None:
            _hotplate.hook(name, module)

        when_imported(name, hook)
