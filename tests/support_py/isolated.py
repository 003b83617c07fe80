"""isolated -- run a function of a test module in a fresh process of the same Python, and get its result.

The capture is one per process and stays until its end, so a test that starts it in pytest's own process would
change every test after it. The function is found by its name in its module's file; arguments and result are JSON.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from .cli import clean_environment
from .services import APPS, TESTS


class Ended(AssertionError):
    """The process did not end well; the text has its status and its last words."""


def run_isolated(
    function: Callable[..., Any],
    *args: Any,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    prefix: Sequence[str] = (),
    timeout_s: float = 120.0,
) -> Any:
    """What `function(*args)` returns in a process of its own; Ended when that fails."""
    with tempfile.TemporaryDirectory(prefix="isolated-") as folder:
        result = Path(folder) / "result"
        code = Path(function.__code__.co_filename)
        what = [str(code), function.__name__, json.dumps(args), str(result)]
        path = [str(TESTS), str(APPS), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "support_py.isolated", *what],
            check=False,
            cwd=cwd or folder,
            env=clean_environment({"PYTHONPATH": os.pathsep.join(filter(None, path)), **(env or {})}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if done.returncode != 0 or not result.exists():
            raise Ended(
                f"{function.__name__} ended with {done.returncode}: {done.stderr[-3000:]}{done.stdout[-500:]}"
            )
        return json.loads(result.read_text())


class Marks:
    """Every mark, and the fixtures and parameters beside them: they change nothing about a function."""

    def __getattr__(self, _name: str) -> Marks:
        return self

    def __call__(self, *args: Any, **options: Any) -> Any:
        return args[0] if len(args) == 1 and callable(args[0]) and not options else self


class Pytest(ModuleType):
    """Stands for pytest while the child loads a test module, which takes its marks only: it would be a quarter of what
    most children compute. Whoever asks for anything else gets the real one."""

    mark = fixture = param = Marks()

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get("pytest") is self:
            del sys.modules["pytest"]
        return getattr(importlib.import_module("pytest"), name)


def main() -> None:
    """The child's part."""
    sys.modules["pytest"] = Pytest("pytest")
    file, name, args, result = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("isolated_test_module", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    value = getattr(module, name)(*json.loads(args))
    Path(result).write_text(json.dumps(value))


if __name__ == "__main__":
    main()
