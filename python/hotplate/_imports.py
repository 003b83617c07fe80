"""Do something when a module is imported, now or later.

A finder in front of sys.meta_path lets the others find the module and wraps its loader's ``exec_module``. It
imports nothing by itself, and a
failing callback never fails the import: it is counted. Modules that are there already are handled at once; one that is
being imported just now (we came into a running process), when that ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_callbacks: dict[str, list[Callable[[ModuleType], None]]] = {}
_watched: set[str] = set()  # imported by _After
failures = 0


def _call(callback: Callable[[ModuleType], None], module: ModuleType) -> None:
    global failures
    try:
        callback(module)
    except Exception:
        failures += 1


class _After(Loader):
    """A loader that runs the callbacks after the real one is done; everything else is the real one's."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._real.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._real
        module.__loader__ = self._real
        _watched.add(module.__name__)
        self._real.exec_module(module)
        for callback in _callbacks.get(module.__name__, ()):
            _call(callback, module)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _callbacks:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(fullname, path, target)
            if spec is None:
                continue
            if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _After(spec.loader)
            return spec
        return None


class _Initializing(ModuleSpec):
    """The spec of a module that is being imported: importlib says so in this attribute until the end."""

    @property
    def _initializing(self) -> bool:
        return True

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        self.__class__ = ModuleSpec  # type: ignore[assignment]
        self._initializing = value
        module = imported(self.name)
        if module is not None:  # else it failed
            for callback in _callbacks.get(self.name, ()):
                _call(callback, module)


_finder = _Finder()


def imported(name: str) -> ModuleType | None:
    """The module, if its import is over."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    return None if getattr(spec, "_initializing", False) else module


def when_imported(name: str, callback: Callable[[ModuleType], None]) -> None:
    """Call `callback(module)` once `name` has been imported; at once if it is there."""
    _callbacks.setdefault(name, []).append(callback)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    module = imported(name)
    if module is not None:
        _call(callback, module)
        return
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if type(spec) is ModuleSpec and name not in _watched:
        spec.__class__ = _Initializing
