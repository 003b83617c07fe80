"""browse -- pages in Debian's Chromium, worked by a script of ui/tests: what they show, and that nothing went wrong.

A script and its browser are started when they are first needed and stay until the tests end.
"""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import tempfile
import threading
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


class Script:
    """A script of ui/tests that answers each line with one."""

    def __init__(self, name: str) -> None:
        self._trouble = tempfile.TemporaryFile("w+")  # noqa: SIM115 as long as the process
        self._process = subprocess.Popen(
            ["node", UI / "tests" / name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._trouble,
            text=True,
        )

    def ask(self, question: object) -> str:
        """Its answer; nothing when it ended or took too long, and then it is gone."""
        assert self._process.stdin
        assert self._process.stdout
        limit = threading.Timer(LIMIT_S, self._process.kill)
        limit.start()
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return self._process.stdout.readline()
        finally:
            limit.cancel()

    def end(self) -> str:
        """Close it; what it said of errors."""
        self._process.communicate()
        self._trouble.seek(0)
        said = self._trouble.read()
        self._trouble.close()
        return said


running: dict[str, Script] = {}


@atexit.register
def end_all() -> None:
    while running:
        running.popitem()[1].end()


def browse(
    script: str, base: str, *steps: dict[str, Any], trouble: bool = False, **more: object
) -> list[dict[str, Any]]:
    """What ui/tests/`script` tells of each step below `base`. Unless `trouble` is looked for, there may be none."""
    if script not in running:
        running[script] = Script(script)
    answer = running[script].ask({"base": base, "steps": steps, **more})
    assert answer, running.pop(script).end()
    seen: list[dict[str, Any]] = json.loads(answer)
    for step, page in zip(steps, seen, strict=True):
        assert trouble or page["trouble"] == [], (page["trouble"], step)
        assert page["wider"] <= 0, step
    return seen
