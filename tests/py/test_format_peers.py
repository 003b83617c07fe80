"""test_format_peers -- profiles that other profilers make here and now, and their own tools' figures of them.

py-spy, Austin and pyinstrument come with tests/requirements-profilers.txt, into the environment that runs every
test. One that is missing fails.
"""

from __future__ import annotations

import json
import pstats
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from snakeviz.stats import json_stats, table_rows

from tests.py.test_formats import GOLDEN, run, tool, top

pytestmark = pytest.mark.slow

WORK = """\
import time

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass

class Shop:
    def price(self):
        spin(0.3)

    def again(self, depth):
        return self.again(depth - 1) if depth else spin(0.2)

Shop().price()
Shop().again(5)
spin(0.1)
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peers")
    (folder / "work.py").write_text(WORK)
    return folder


def call(work: Path, *command: object) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        cwd=work,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def figures(stacks: list[tuple[list[str], float]]) -> dict[str, tuple[float, float]]:
    """Own value and total of each function; recursion counts its total once."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for names, value in stacks:
        if names:
            own[names[-1]] += value  # type: ignore[assignment]
        for name in set(names):
            total[name] += value  # type: ignore[assignment]
    return {name: (own[name], total[name]) for name in total}


def ours(file: Path) -> dict[str, tuple[float, float]]:
    """The same of `top`; functions of one name are added up. Totals only where a name is one function."""
    answer = top(file)
    fields = ("self_s", "total_s") if answer["unit"] == "s" else ("self", "total")
    rows: dict[str, tuple[float, float]] = {}
    for row in answer["functions"]:
        own, total = rows.get(row["function"], (0.0, 0.0))
        rows[row["function"]] = (own + row[fields[0]], total + row[fields[1]])
    return rows


def same_own_values(file: Path, stacks: list[tuple[list[str], float]]) -> None:
    theirs = figures(stacks)
    found = ours(file)
    assert "spin" in theirs
    assert {name: own for name, (own, _) in found.items()} == pytest.approx(
        {name: own for name, (own, _) in theirs.items()}, abs=1e-9
    )


def plain(frame: str) -> str:
    return frame.split(" (")[0]


@pytest.mark.parametrize("kind", ["raw", "speedscope", "chrometrace"])
def test_figures_equal_those_of_py_spy(kind: str, work: Path) -> None:
    file = work / f"py-spy.{kind}"
    call(work, tool("py-spy"), "record", "-r", "200", "-f", kind, "-o", file, "--", sys.executable, "work.py")
    stacks: list[tuple[list[str], float]] = []
    if kind == "raw":
        for line in file.read_text().splitlines():
            path, count = line.rsplit(" ", 1)
            stacks.append(([plain(frame) for frame in path.split(";") if frame], int(count)))
    elif kind == "speedscope":
        document = json.loads(file.read_text())
        names = [frame["name"] for frame in document["shared"]["frames"]]
        for profile in document["profiles"]:
            for sample, weight in zip(profile["samples"], profile["weights"], strict=True):
                stacks.append(([names[frame] for frame in sample], weight))
    else:
        open_frames: list[str] = []
        before = 0
        for event in json.loads(file.read_text()):
            if open_frames:
                stacks.append((list(open_frames), (event["ts"] - before) / 1e6))
            before = event["ts"]
            if event["ph"] == "B":
                open_frames.append(event["name"])
            else:
                open_frames.pop()
    same_own_values(file, stacks)


def austin_stacks(text: str) -> list[tuple[list[str], float]]:
    """Lines of `P1;T0:1;file:function:line… µs`; threads are no functions."""
    stacks = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            path, micros = line.rsplit(" ", 1)
            frames = [frame for frame in path.split(";") if frame.count(":") > 1 or frame.startswith(":")]
            names = [frame if frame.startswith(":") else frame.rsplit(":", 2)[1] for frame in frames]
            stacks.append((names, int(micros) / 1e6))
    return stacks


def test_figures_of_mojo_equal_those_of_austins_own_reader(work: Path) -> None:
    binary, text = work / "austin.mojo", work / "austin.austin"
    call(work, tool("austin"), "-t", "10s", "-i", "5ms", "-b", "-o", binary, sys.executable, "work.py")
    call(work, tool("mojo2austin"), binary, text)
    same_own_values(binary, austin_stacks(text.read_text()))
    same_own_values(text, austin_stacks(text.read_text()))


@pytest.mark.parametrize("version", ["3.7", "4.0"])
def test_golden_files_of_austin_agree(version: str) -> None:
    stacks = austin_stacks((GOLDEN / f"austin-{version}.austin").read_text())
    same_own_values(GOLDEN / f"austin-{version}.mojo", stacks)
    same_own_values(GOLDEN / f"austin-{version}.austin", stacks)


def frames_of(frame: dict[str, Any], path: list[str]) -> list[tuple[list[str], float]]:
    """pyinstrument's JSON: inclusive times; a function's own time is what its children leave."""
    path = [*path, frame["function"]]
    children = frame["children"]
    own = max(frame["time"] - sum(child["time"] for child in children), 0)
    stacks = [(path if frame["function"] != "[self]" else path[:-1], own)]
    for child in children:
        stacks += frames_of(child, path)
    return stacks


def test_figures_equal_those_of_pyinstrument(work: Path) -> None:
    session, tree = work / "work.pyisession", work / "work.json"
    call(work, tool("pyinstrument"), "-r", "session", "-o", session, "work.py")
    call(work, tool("pyinstrument"), "--load", session, "-r", "json", "--show-all", "-o", tree)
    theirs = figures(frames_of(json.loads(tree.read_text())["root_frame"], []))
    found = ours(tree)
    assert found["spin"][0] == pytest.approx(theirs["spin"][0], abs=1e-5)
    assert found["spin"][1] == pytest.approx(theirs["spin"][1], abs=1e-5)
    session_figures = ours(session)
    for name in ("spin", "price", "again"):
        assert session_figures[name][1] == pytest.approx(theirs[name][1], abs=1e-5)
    assert session_figures["again"][1] == pytest.approx(0.2, abs=0.15)  # recursion once, not six times


@pytest.mark.parametrize("source", ["py-spy.speedscope.json", "sample.prof", "cprofile-3.12.prof"])
def test_snakeviz_reads_what_we_write(source: str, work: Path) -> None:
    out = work / f"{source}.prof"
    run("convert", GOLDEN / source, "-o", out)
    stats = pstats.Stats(str(out))
    rows = table_rows(stats)
    answer = top(out)
    assert len(rows) == len(answer["functions"])
    theirs = sorted((row[0][1], float(row[1]), float(row[3])) for row in rows)  # times have four digits
    assert theirs == sorted(
        (row["calls"], float(f"{row['self_s']:.4g}"), float(f"{row['total_s']:.4g}"))
        for row in answer["functions"]
    )
    assert json.loads(json.dumps(json_stats(stats)))
