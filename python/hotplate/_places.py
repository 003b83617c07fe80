"""Tell the extension which folders are library, which application. The rules themselves are in C
(hotplate/ext/place.h)."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable

from . import _hotplate

_app: set[str] = set()
_globs: list[str] = []


def _both(paths: Iterable[str | None]) -> list[str]:
    """Each folder as written and with links resolved."""
    found: dict[str, None] = {}
    for path in paths:
        if path:
            found[os.path.abspath(path)] = None
            found[os.path.realpath(path)] = None
    return list(found)


def configure(globs: Iterable[str] = ()) -> None:
    """Hand the lists to the extension."""
    _globs.extend(glob for glob in globs if glob not in _globs)
    paths = sysconfig.get_paths()
    library = [paths.get(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    library.append(os.path.dirname(os.__file__))
    own = os.path.dirname(os.path.abspath(__file__))
    _hotplate.configure_places(library=_both(library), app=sorted(_app), own=_both([own]), globs=list(_globs))


def add_app(import_name: str) -> None:
    """The package (or module) of an application is application code, also when it is installed."""
    top = sys.modules.get(import_name.partition(".")[0])
    file = getattr(top, "__file__", None)
    if top is None or not file or top.__name__ == "__main__":
        return
    path = os.path.abspath(file)
    if os.path.basename(path).startswith("__init__."):
        path = os.path.dirname(path)
    if path not in _app:
        _app.add(path)
        configure()
