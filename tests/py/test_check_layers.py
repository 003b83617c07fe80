"""test_check_layers -- tools/check_layers sees each kind of violation, and none in the project itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_python

TOP = Path(__file__).resolve().parents[2]

RULES = """
folder base ->
folder model -> base
folder store -> base model
root pyext ->
root include ->
fence Python.h pyext/*
fence internal/* pyext/*
fence sqlite3.h src/store/sqlite*
ban malloc free : src/base/mem.c
"""


def run_checker(top: Path, rules: str = RULES) -> subprocess.CompletedProcess[str]:
    """The checker's answer for a made-up tree."""
    (top / "layers.txt").write_text(rules)
    command = [sys.executable, TOP / "tools/check_layers", "--top", top, "--rules", top / "layers.txt"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(top: Path, path: str, text: str) -> None:
    """A file of the made-up tree."""
    (top / path).parent.mkdir(parents=True, exist_ok=True)
    (top / path).write_text(text)


def test_project_itself_has_no_violation() -> None:
    run = subprocess.run(
        [sys.executable, TOP / "tools/check_layers"], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr, run.returncode) == ("", "", 0)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/model/tree.c", '#include "store/store.h"'),
        ("src/base/buf.c", '#  include "model/tree.h"'),
        ("src/model/tree.c", '#include "nowhere/x.h"'),
        ("src/model/tree.c", '#include "missing.h"'),
        ("src/model/tree.c", "#include <Python.h>"),
        ("src/store/store.c", "#include <sqlite3.h>"),
        ("src/model/tree.c", "void *p = malloc(1);"),
        ("src/model/tree.c", "void f(void) { free (0); }"),
        ("pyext/module.c", '#include "base/buf.h"'),
        ("include/hotplate/a.h", '#include "model/tree.h"'),
        ("include/hotplate/a.h", '#include "hotplate/ext/capture.h"'),
    ],
)
def test_violation_is_named_with_file_and_line(tmp_path: Path, path: str, line: str) -> None:
    write(tmp_path, path, f"/* head */\n\n{line}\n")
    run = run_checker(tmp_path)
    assert run.returncode == 1
    assert run.stdout.startswith(f"{path}:3: ")
    assert run.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/store/sqlite_read.c", "#include <sqlite3.h>"),
        ("src/store/store.c", '#include "base/buf.h"'),
        ("src/store/store.c", '#include "hotplate/err.h"'),
        ("src/model/tree.c", "/* malloc(1) is what we do not call */"),
        ("src/model/tree.c", 'const char *text = "free(p)";'),
        ("src/model/tree.c", "hp_free(p); pool->free(p); my.malloc(1);"),
        ("src/model/tree.c", "void *p = malloc(1); /* layers: a foreign library frees it */"),
        ("src/base/mem.c", "void *p = malloc(1);"),
        ("pyext/module.c", "#include <Python.h>"),
        ("pyext/compat.h", '#include "internal/pycore_frame.h"'),
    ],
)
def test_allowed_line_is_silent(tmp_path: Path, path: str, line: str) -> None:
    write(tmp_path, path, f"{line}\n")
    run = run_checker(tmp_path)
    assert (run.stdout, run.returncode) == ("", 0)


def test_code_after_a_comment_of_many_lines_keeps_its_line_number(tmp_path: Path) -> None:
    write(tmp_path, "src/model/tree.c", '/* one\n * "two\n */ int x;\nvoid *p = malloc(1);\n')
    assert run_checker(tmp_path).stdout.startswith("src/model/tree.c:4: malloc()")


def test_folder_without_a_rule_is_a_violation(tmp_path: Path) -> None:
    write(tmp_path, "src/extra/a.c", "int x;\n")
    assert run_checker(tmp_path).stdout.startswith("src/extra/a.c:1: its folder has no line")


def test_cycle_in_the_rules_is_a_violation(tmp_path: Path) -> None:
    run = run_checker(tmp_path, "folder base -> model\nfolder model -> base\n")
    assert run.returncode == 1
    assert "cycle: base model" in run.stdout


def test_unreadable_rules_are_a_usage_error(tmp_path: Path) -> None:
    run = run_checker(tmp_path, "folder base\n")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
