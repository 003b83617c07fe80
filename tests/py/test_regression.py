"""An application recorded under two revisions, and under two labels: what became slower is named where it did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support_py.cli import HOTPLATE, clean_environment, hotplate_json

APP = """
from flask import Flask

app = Flask(__name__)
PRICES = [(f"part-{i}", i * 7 % 101) for i in range(2000)]
BY_NAME = dict(PRICES)

def price(name):
    return BY_NAME[name]

@app.get("/estimate")
def estimate():
    return {"cents": sum(price(f"part-{i * 5}") for i in range(300))}  # estimate

@app.get("/parts")
def parts():
    return {"parts": [name.upper() for name, cents in PRICES if cents > 50]}
"""

EDITS = ("return BY_NAME[name]", "return next(cents for part, cents in PRICES if part == name)")

DRIVE = """
from shop import app

client = app.test_client()
for _ in range(25):
    for path in ("/estimate", "/parts"):
        assert client.get(path).status_code == 200
"""


def slower(source: str) -> str:
    """The look-up goes through the list; a comment above moves every line."""
    return "# prices\n\n" + source.lstrip().replace(*EDITS)


def record(folder: Path, source: str, revision: str, label: str) -> None:
    (folder / "shop.py").write_text(source.lstrip())
    (folder / "drive.py").write_text(DRIVE)
    done = subprocess.run(
        [HOTPLATE, "record", "--label", label, "--", HOTPLATE, "run", "--", sys.executable, "drive.py"],
        check=False,
        cwd=folder,
        env=clean_environment({"HOTPLATE_REVISION": revision}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def regressions(folder: Path, *options: str) -> list[dict[str, Any]]:
    return [f for f in hotplate_json("report", *options, cwd=folder)["findings"] if f["kind"] == "regression"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("revisions")
    for source, revision, label in (
        (APP, "r1", "quick"),
        (APP, "r2", "still"),
        (slower(APP), "r3", "slow"),
        (slower(APP), "r4", "kept"),
    ):
        record(folder, source, revision, label)
    return folder


def line_of(mark: str) -> int:
    (number,) = [n for n, line in enumerate(slower(APP).splitlines(), 1) if line.endswith(f"# {mark}")]
    return number


@pytest.mark.parametrize(
    ("options", "since"), [(("--revision", "r3"), "revision r2"), (("--label", "slow"), "label still")]
)
def test_slower_function_is_told_at_its_line_with_what_it_took_before(
    store: Path, options: tuple[str, ...], since: str
) -> None:
    (finding,) = regressions(store, *options)
    assert (finding["route"], finding["file"], finding["line"]) == (
        "GET /estimate",
        "shop.py",
        line_of("estimate"),
    )
    evidence = finding["evidence"]
    assert evidence["since"] == since
    assert evidence["before_ms"] < evidence["now_ms"] / 5
    saved = finding["predicted_saving_ms"]
    assert saved == pytest.approx(evidence["now_ms"] - evidence["before_ms"], rel=0.5)
    assert finding["predicted_low_ms"] <= saved <= finding["predicted_high_ms"]
    others = hotplate_json("report", *options, cwd=store)["findings"]
    assert [f["kind"] for f in others if f["route"] == "GET /estimate"] == ["regression"]


@pytest.mark.parametrize("revision", ["r1", "r2", "r4"])
def test_first_revision_and_those_that_changed_nothing_have_none(store: Path, revision: str) -> None:
    assert regressions(store, "--revision", revision) == []


def test_what_stayed_slow_is_told_without_a_revision(store: Path) -> None:
    findings = hotplate_json("report", cwd=store)["findings"]
    assert [f["kind"] for f in findings if f["route"] == "GET /estimate"] == ["hot_function"]
