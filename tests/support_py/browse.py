"""browse -- pages in Debian's Chromium, worked by a script of ui/tests: what they show, and that nothing went wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

UI = Path(__file__).resolve().parents[2] / "ui"
LIMIT_S = 240

# The pages are the same for every Python.
MARKS = [
    pytest.mark.one_python,
    pytest.mark.skipif(
        not (UI / "node_modules" / "playwright-core").is_dir()
        or shutil.which("chromium-headless-shell") is None,
        reason="the pages' packages or Chromium are not here (tools/setup ui)",
    ),
]


def browse(
    script: str, base: str, *steps: dict[str, Any], trouble: bool = False, **more: object
) -> list[dict[str, Any]]:
    """What ui/tests/`script` tells of each step below `base`. Unless `trouble` is looked for, there may be none."""
    done = subprocess.run(
        ["node", UI / "tests" / script],
        input=json.dumps({"base": base, "steps": steps, **more}),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: list[dict[str, Any]] = json.loads(done.stdout)
    for step, page in zip(steps, seen, strict=True):
        assert trouble or page["trouble"] == [], (page["trouble"], step)
        assert page["wider"] <= 0, step
    return seen
