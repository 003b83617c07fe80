"""The revision that runs: HOTPLATE_REVISION, else git's short hash, else a hash over the application's source.

A dirty work tree adds ``+`` and 8 hex digits over the changed files, so that two edits in a row are two revisions.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

_TIMEOUT_S = 2.0
_MOST_FILES = 2000
_MOST_BYTES = 32 << 20
_SUFFIXES = {".py", ".html", ".htm", ".jinja", ".jinja2", ".j2", ".txt", ".xml", ".sql"}
_SKIP = {"node_modules", "__pycache__", "site-packages", "dist-packages"}


def _git(folder: Path, *args: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _hash_files(files: list[Path], base: Path) -> str:
    digest = hashlib.sha256()
    room = _MOST_BYTES
    for path in files:
        try:
            data = path.read_bytes()[:room]
        except OSError:
            data = b""
        room -= len(data)
        digest.update(
            os.fsencode(os.path.relpath(path, base)) + b"\0" + len(data).to_bytes(8, "little") + data
        )
    return digest.hexdigest()[:8]


def _changed(folder: Path) -> list[Path] | None:
    """Files of the application that differ from HEAD (untracked source files too); None when git does not say."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    listed = _git(
        folder, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal", "--", "."
    )
    if top is None or listed is None:
        return None
    root = Path(os.fsdecode(top.strip()))
    names = [os.fsdecode(entry[3:]) for entry in listed.split(b"\0") if len(entry) > 3]
    return sorted(root / name for name in names if Path(name).suffix in _SUFFIXES)[:_MOST_FILES]


def _source_files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIP
            and not (Path(here) / name / "pyvenv.cfg").exists()
        )
        found.extend(Path(here) / name for name in sorted(files) if Path(name).suffix in _SUFFIXES)
        if len(found) >= _MOST_FILES:
            break
    return found[:_MOST_FILES]


def find(folder: Path | None = None) -> str:
    """The revision text of the application in `folder` (default: the working directory). Never raises."""
    given = os.environ.get("HOTPLATE_REVISION")
    if given:
        return given
    try:
        here = Path.cwd() if folder is None else folder
        head = _git(here, "rev-parse", "--short", "HEAD")
        changed = _changed(here) if head is not None else None
        if head is None or changed is None:
            return _hash_files(_source_files(here), here)
        text = head.decode("ascii", "replace").strip()
        return f"{text}+{_hash_files(changed, here)}" if changed else text
    except (OSError, ValueError):
        return "unknown"
