"""What waits for a module is told once, when its import is over, however far that is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support_py.isolated import run_isolated

SOURCE = """
from hotplate import _imports
TOLD = []
_imports.when_imported(__name__, lambda module: TOLD.append(module.COMPLETE))
assert _imports.imported(__name__) is None and TOLD == []
{}
COMPLETE = True
"""


def told(folder: str, first: str, wrong: str) -> list[object]:
    from hotplate import _imports

    sys.path.insert(0, folder)
    (Path(folder) / "slow_module.py").write_text(SOURCE.format(wrong))
    if first:
        _imports.when_imported("slow_module", lambda module: module.TOLD.append("first"))
    try:
        import slow_module
    except ZeroDivisionError:
        return ["failed", "slow_module" in sys.modules, _imports.failures]
    before = list(slow_module.TOLD)
    _imports.when_imported("slow_module", lambda module: module.TOLD.append("later"))
    return [before, slow_module.TOLD, type(slow_module.__spec__).__name__, _imports.failures]


@pytest.mark.parametrize("first", ["", "waited for before"])
def test_a_module_that_is_being_imported_is_told_of_at_its_end(first: str, tmp_path: Path) -> None:
    once = ["first", True] if first else [True]
    assert run_isolated(told, str(tmp_path), first, "") == [once, [*once, "later"], "ModuleSpec", 0]


def test_an_import_that_fails_is_not_told_of(tmp_path: Path) -> None:
    assert run_isolated(told, str(tmp_path), "", "1 / 0") == ["failed", False, 0]
