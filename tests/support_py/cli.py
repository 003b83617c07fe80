"""cli -- the installed `hotplate` command, as a test calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOTPLATE = str(Path(sys.executable).parent / "hotplate")
RUN = (HOTPLATE, "run", "--")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without anything that would tell Hotplate or Flask what to do."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOTPLATE_", "FLASK_"))}
    return {**kept, "no_proxy": "127.0.0.1", **(extra or {})}


def hotplate(
    *args: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; the caller looks at the status."""
    return subprocess.run(
        [HOTPLATE, *args],
        check=False,
        cwd=cwd,
        env=clean_environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def hotplate_json(*args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Any:
    """The command's JSON; it must end with status 0 and say nothing on stderr."""
    done = hotplate(*args, "--json", cwd=cwd, env=env)
    assert done.returncode == 0, (args, done.returncode, done.stderr, done.stdout[-400:])
    assert done.stderr == "", (args, done.stderr)
    return json.loads(done.stdout)
