"""target -- a Python process that the command looks into from outside: begun, ready, and gone at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from support_py.cli import clean_environment


@contextmanager
def started(
    script: Path,
    source: str,
    *args: str,
    python: Sequence[str] = (sys.executable,),
    settings: Mapping[str, str] | None = None,
    user: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A process of this source, in its script's folder, that has said `ready`; its whole group is killed at the end."""
    script.write_text(source.lstrip("\n"))
    process = subprocess.Popen(
        [*python, str(script), *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=script.parent,
        env=clean_environment(settings),
        user=user,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
