"""test_formats -- profiles that other tools made and read: the same figures on both sides.

A reference tool that is missing fails the test; each comes with tools/setup or the test environment.
"""

from __future__ import annotations

import gzip
import html
import json
import marshal
import os
import pstats
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support_py.cli import HOTPLATE, clean_environment

TOP = Path(__file__).resolve().parents[2]
GOLDEN = TOP / "tests/golden/format"
WORK = """\
import json
import re

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

class Shop(object):
    def price(self, n):
        return sum(map(lambda i: i * fib(5), range(n)))

    def again(self, depth):
        return self.price(depth) + (self.again(depth - 1) if depth else 0)

fib(12)
Shop().again(20)
for pattern in ["a+", "b*c", "(x|y)z"]:
    re.compile(pattern)
json.dumps([{"a": [1, 2, {"b": list(range(50))}]}] * 20)
"""


def tool(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is needed to compare with and is not installed"
    return path


def run(*args: object, status: int = 0, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [HOTPLATE, *map(str, args)],
        check=False,
        cwd=cwd,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, (args, done.returncode, done.stderr)
    return done.stdout if status == 0 else done.stderr


def top(*args: object) -> Any:
    return json.loads(run("top", *args, "--json"))


def other_pythons() -> list[str]:
    """CPythons of the machine beside the one of the tests, by pyenv's folder: 2.7 and 3.6 to 3.15."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return sorted(str(path / "bin/python") for path in folder.glob("*") if (path / "bin/python").exists())


pytestmark = (
    pytest.mark.one_python
)  # the executable reads and writes them; what a Python makes of them is `matrix`
PYTHONS = [sys.executable, *other_pythons()]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formats")
    (folder / "work.py").write_text(WORK)
    return folder


def profile_with(python: str, module: str, folder: Path) -> Path:
    out = folder / f"{module}-{abs(hash(python))}.prof"
    if not out.exists():
        subprocess.run(
            [python, "-m", module, "-o", out, "work.py"], check=True, cwd=folder, capture_output=True
        )
    return out


# What the stdlib of each CPython says of a file, in Python that 2.7 understands too.
ASK = """\
import json, pstats, sys
stats = pstats.Stats(sys.argv[1])
rows = []
for func, (cc, nc, tt, ct, callers) in stats.stats.items():
    around = sorted((list(f)[:2] + [f[2] if hasattr(f[2], "upper") else "?"],
                     list(c) if isinstance(c, tuple) else c) for f, c in callers.items())
    name = func[2] if hasattr(func[2], "upper") else "?"
    rows.append([list(func)[:2] + [name], cc, nc, repr(tt), repr(ct), around])
print(json.dumps([stats.total_calls, stats.prim_calls, repr(stats.total_tt), rows]))
"""


def ask(python: str, file: Path) -> Any:
    done = subprocess.run([python, "-c", ASK, file], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.matrix
@pytest.mark.parametrize("module", ["cProfile", "profile"])
@pytest.mark.parametrize("python", PYTHONS)
def test_figures_equal_those_of_the_pstats_that_made_the_file(python: str, module: str, work: Path) -> None:
    file = profile_with(python, module, work)
    total, primitive, seconds, rows = ask(python, file)
    answer = top(file, "--callers", "--sort", "calls")
    assert (answer["total_calls"], answer["primitive_calls"]) == (total, primitive)
    # Python 2 walks a dictionary, and adds up, in another order than that of the file.
    assert answer["total_time_s"] == pytest.approx(float(seconds), rel=1e-12 if "/2." in python else 0)
    ours = {(row["file"], row["line"], row["function"]): row for row in answer["functions"]}
    assert len(ours) == len(rows)
    for (file_name, line, name), cc, nc, tt, ct, callers in rows:
        if name == "?":  # a code object: each CPython prints another address
            name = "<module>"
        row = ours[file_name, line, name]
        assert (row["primitive_calls"], row["calls"]) == (cc, nc)
        assert (row["self_s"], row["total_s"]) == (float(tt), float(ct))
        found = {(c["file"], c["line"], c["function"]): c for c in row["callers"]}
        assert len(found) == len(callers)
        for (caller_file, caller_line, caller_name), value in callers:
            caller = found[caller_file, caller_line, "<module>" if caller_name == "?" else caller_name]
            if isinstance(value, list):
                assert [caller["calls"], caller["primitive_calls"]] == value[:2]
                assert [caller["self_s"], caller["total_s"]] == pytest.approx(value[2:], abs=0)
            else:
                assert caller["calls"] == value
                assert "total_s" not in caller


@pytest.mark.matrix
@pytest.mark.parametrize("python", PYTHONS)
def test_what_we_write_is_the_same_to_each_python(python: str, work: Path) -> None:
    file = profile_with(sys.executable, "cProfile", work)
    out = work / "again.prof"
    run("convert", file, "-o", out)
    assert pstats.Stats(str(out)).stats == pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    total, primitive, seconds, rows = ask(python, out)
    theirs: Any = pstats.Stats(str(file))
    assert (total, primitive) == (theirs.total_calls, theirs.prim_calls)
    assert float(seconds) == pytest.approx(theirs.total_tt, rel=1e-12)
    assert len(rows) == len(theirs.stats)


SORTS = ["calls", "cumulative", "file", "line", "name", "nfl", "pcalls", "stdname", "time"]


@pytest.mark.parametrize("key", SORTS)
def test_orders_equal_pstats(key: str, work: Path) -> None:
    file = profile_with(sys.executable, "cProfile", work)
    stats: Any = pstats.Stats(str(file)).sort_stats(key)
    ours = [(row["file"], row["line"], row["function"]) for row in top(file, "--sort", key)["functions"]]
    assert ours == list(stats.fcn_list)
    stats.reverse_order()
    ours = [
        (row["file"], row["line"], row["function"])
        for row in top(file, "--sort", key, "--reverse")["functions"]
    ]
    assert sorted(ours) == sorted(stats.fcn_list)


@pytest.mark.parametrize(
    "restrictions",
    [[5], [0.1], [".5"], ["encoder"], ["fib|price", 1], [0.5, "work"], ["built-in", 0.3, 2], ["none such"]],
)
def test_restrictions_equal_print_stats(restrictions: list[Any], work: Path) -> None:
    file = profile_with(sys.executable, "cProfile", work)
    stats: Any = pstats.Stats(str(file)).sort_stats("calls", "stdname")
    wanted = [float(word) if word == ".5" else word for word in restrictions]
    answer = top(file, *restrictions, "--sort", "calls,stdname")
    ours = [(row["file"], row["line"], row["function"]) for row in answer["functions"]]
    assert ours == stats.get_print_list(wanted)[1]


@pytest.mark.parametrize("around", ["callers", "callees"])
def test_stripped_folders_equal_strip_dirs(around: str, work: Path) -> None:
    file = profile_with(sys.executable, "cProfile", work)
    stats: Any = pstats.Stats(str(file)).strip_dirs().sort_stats("time", "calls")
    stats.calc_callees()
    answer = top(file, "--strip-dirs", "--sort", "time,calls", f"--{around}")
    assert answer["total_calls"] == stats.total_calls
    assert len(answer["functions"]) == len(stats.stats)
    for row in answer["functions"]:
        func = (row["file"], row["line"], row["function"])
        cc, nc, tt, ct, callers = stats.stats[func]
        assert (row["primitive_calls"], row["calls"]) == (cc, nc)
        assert (row["self_s"], row["total_s"]) == pytest.approx((tt, ct), rel=1e-12)
        theirs = callers if around == "callers" else stats.all_callees[func]
        assert {(c["file"], c["line"], c["function"]) for c in row[around]} == set(theirs)


def test_merge_equals_stats_add(work: Path) -> None:
    files = [profile_with(python, "cProfile", work) for python in PYTHONS if "/2." not in python]
    out = work / "merged.prof"
    run("merge", *files, files[0], "-o", out)
    theirs: Any = pstats.Stats(str(files[0]))
    for file in [*files[1:], files[0]]:
        theirs.add(str(file))
    ours: Any = pstats.Stats(str(out))
    assert (ours.total_calls, ours.prim_calls) == (theirs.total_calls, theirs.prim_calls)
    assert list(ours.stats) == list(theirs.stats)
    for func, (cc, nc, tt, ct, callers) in theirs.stats.items():
        row = ours.stats[func]
        assert row[:2] == (cc, nc)
        assert row[2:4] == pytest.approx((tt, ct), rel=1e-12)
        assert {f: c[:2] for f, c in row[4].items()} == {f: c[:2] for f, c in callers.items()}


# ---- gprof2dot ----

NODE = re.compile(r'^\t(\d+) \[.*label="([^"]*)"')
EDGE = re.compile(r'^\t(\d+) -> (\d+) \[.*label="([^"]*)"')


def read_dot(text: str) -> tuple[dict[str, list[str]], dict[tuple[str, str], list[str]]]:
    """{name: [total %, self %, calls]} and {(caller, callee): [total %, calls]}."""
    nodes, names, edges = {}, {}, {}
    for line in text.splitlines():
        if match := NODE.match(line):
            name, *figures = match[2].split("\\n")
            names[match[1]] = name
            nodes[name] = figures
    for line in text.splitlines():
        if match := EDGE.match(line):
            edges[names[match[1]], names[match[2]]] = match[3].split("\\n")
    return nodes, edges


def gprof2dot(file: Path, *args: str) -> str:
    command = [sys.executable, "-m", "gprof2dot", "-f", "pstats", *args, str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([], []),
        (["--min-node", "0", "--min-edge", "0"], ["-n0", "-e0"]),
        (["--min-node", "5%", "--min-edge", "2%"], ["-n5", "-e2"]),
        (["--root", "work:8:price", "--min-node", "0"], ["-z", "work:8:price", "-n0"]),
        (["--leaf", "work:4:fib", "--min-node", "0"], ["-l", "work:4:fib", "-n0"]),
        (["--root", "work:8:price", "--depth", "1"], ["-z", "work:8:price", "--depth", "1"]),
    ],
)
@pytest.mark.parametrize("module", ["cProfile", "profile"])
def test_graph_equals_gprof2dot(ours: list[str], theirs: list[str], module: str, work: Path) -> None:
    file = profile_with(sys.executable, module, work)
    if module == "profile":  # it trips over the code object that this profiler puts into the file
        stats = {k: v for k, v in marshal.loads(file.read_bytes()).items() if isinstance(k[2], str)}
        for key, value in stats.items():
            kept = {k: v for k, v in value[4].items() if isinstance(k[2], str) and k in stats}
            stats[key] = (*value[:4], kept)
        file = file.with_suffix(".plain.prof")
        file.write_bytes(marshal.dumps(stats))
    nodes, edges = read_dot(run("graph", file, *ours))
    their_nodes, their_edges = read_dot(gprof2dot(file, *theirs))
    assert nodes == their_nodes
    assert edges == their_edges
    assert nodes


def test_graph_is_drawn_with_at_most_300_functions(work: Path) -> None:
    tool("dot")
    stats: dict[Any, Any] = {("m.py", 0, "main"): (1, 1, 0.5, 1000.5, {})}
    for i in range(1, 1001):
        stats["m.py", i, f"f{i}"] = (1, 1, i / 500, i / 500, {("m.py", 0, "main"): (1, 1, i / 500, i / 500)})
    file = work / "wide.prof"
    file.write_bytes(marshal.dumps(stats))
    out = work / "wide.svg"
    done = subprocess.run(
        [HOTPLATE, "graph", file, "--min-node", "0", "-o", out], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert 250 <= out.read_text().count('class="node"') <= 300
    assert done.stderr.count("\n") == 1
    assert "--min-node" in done.stderr


def dot_instead(folder: Path, script: str) -> dict[str, str]:
    """An environment whose `dot` is a shell script."""
    dot = folder / "dot"
    dot.write_text(f"#!/bin/sh\n{script}\n")
    dot.chmod(0o755)
    return {**clean_environment(), "PATH": f"{folder}:{os.environ['PATH']}"}


def draw_graph(out: Path, environment: dict[str, str]) -> str:
    """What is said of a drawing that fails; the file that was there stays as it was."""
    out.write_text("before")
    command = [HOTPLATE, "graph", GOLDEN / "sample.prof", "-o", out]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert out.read_text() == "before"
    assert os.listdir(out.parent) == [out.name]
    return done.stderr


@pytest.mark.slow  # the ten seconds
def test_a_graphviz_that_does_not_end_is_ended_after_ten_seconds(tmp_path: Path) -> None:
    def draw(name: str, script: str) -> tuple[str, Path]:
        folder = tmp_path / name
        (folder / "out").mkdir(parents=True)
        pid = folder / "pid"
        instead = dot_instead(folder, f"echo $$ >'{pid}'; {script}")
        return draw_graph(folder / "out" / "graph.svg", instead), pid

    hanging = {
        "reads nothing": "exec sleep 100",
        "writes nothing": "cat >/dev/null; exec sleep 100",
        "closes its output": "exec >&-; exec sleep 100",
    }
    with ThreadPoolExecutor(len(hanging)) as side_by_side:
        for said, pid in side_by_side.map(draw, hanging, hanging.values()):
            assert "graphviz took more than 10 s" in said
            assert ".dot" in said
            assert not Path(f"/proc/{int(pid.read_text())}").exists()


@pytest.mark.parametrize(
    ("script", "says"), [("exit 127", "not installed"), ("cat >/dev/null; exit 3", "graphviz failed")]
)
def test_a_graphviz_that_fails_is_one_line(script: str, says: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert says in draw_graph(folder / "graph.svg", dot_instead(tmp_path, script))


def test_functions_that_call_each_other_become_one_node(work: Path) -> None:
    a, b, c = ("m.py", 1, "a"), ("m.py", 2, "b"), ("m.py", 3, "c")
    stats = {
        c: (1, 1, 1.0, 10.0, {}),
        a: (1, 5, 4.0, 9.0, {c: (1, 1, 4.0, 9.0), b: (4, 4, 1.0, 2.0)}),
        b: (5, 5, 5.0, 6.0, {a: (5, 5, 5.0, 6.0)}),
    }
    file = work / "cycle.prof"
    file.write_bytes(marshal.dumps(stats))
    nodes, edges = read_dot(run("graph", file, "--join-cycles", "--min-node", "0"))
    assert nodes == {
        "m:3:c": ["100.00%", "(10.00%)", "1\u00d7"],
        "m:1:a and 1 more in a cycle": ["90.00%", "(90.00%)", "10\u00d7"],
    }
    assert edges == {("m:3:c", "m:1:a and 1 more in a cycle"): ["90.00%", "1\u00d7"]}


# ---- bad input ----


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "byte 0: the file is empty"),
        (b"hello", "byte 0: not a profile"),
        (b"{0", "pstats: byte 2: nothing was recorded"),
        (b"{(\x03\x00\x00\x00u\xff\xff\xff\xff", "pstats: byte 11: a text is longer than the file"),
        (b"\x1f\x8b\x08\x00", "gzip: byte 4: the file ends too soon"),
    ],
)
def test_bad_input_is_one_line_with_format_place_and_reason(
    content: bytes, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.prof"
    file.write_bytes(content)
    for command in (
        ["top", file],
        ["graph", file],
        ["merge", file, "-o", "-", "--to", "pstats"],
        ["diff", file, file],
    ):
        error = run(*command, status=1)
        assert error == f"hotplate: {file}: {error.split(': ', 2)[2]}"
        assert says in error
        assert error.count("\n") == 1


def test_views_of_stacks_refuse_what_has_none(work: Path) -> None:
    file = profile_with(sys.executable, "cProfile", work)
    for command in (["tree", file], ["flame", file, "-o", "-"], ["icicle", file, "-o", "-"]):
        assert "no stacks" in run(*command, status=1)


def test_diff_names_what_moved(work: Path) -> None:
    before = {("m.py", 1, "a"): (1, 1, 1.0, 3.0, {}), ("m.py", 2, "b"): (4, 4, 2.0, 2.0, {})}
    after = {
        ("m.py", 1, "a"): (1, 1, 1.0, 2.0, {}),
        ("m.py", 9, "b"): (2, 2, 0.5, 0.5, {}),
        ("n.py", 1, "c"): (1, 1, 0.5, 0.5, {}),
    }
    for name, stats in (("before", before), ("after", after)):
        (work / f"{name}.prof").write_bytes(marshal.dumps(stats))
    answer = json.loads(run("diff", work / "before.prof", work / "after.prof", "--json"))
    moved = {row["function"]: row for row in answer["functions"]}
    assert (answer["before_s"], answer["after_s"]) == (3.0, 2.0)
    assert [row["function"] for row in answer["functions"]] == ["b", "c", "a"]
    assert (moved["b"]["self_change_s"], moved["b"]["before"]["calls"], moved["b"]["line"]) == (-1.5, 4, 9)
    assert "before" not in moved["c"]
    assert moved["a"]["total_change_s"] == -1.0


# ---- stacks ----

FOLDED = """\
<module> (slow.py:12);b (slow.py:9);spin (slow.py:4) 28
<module> (slow.py:12);b (slow.py:9) 2
<module> (slow.py:12);spin (slow.py:4) 18
tid:7;w.py:run:3;w.py:h\u00e9llo "q":9 5
"""


@pytest.fixture(scope="module")
def folded(work: Path) -> Path:
    file = work / "stacks.folded"
    file.write_text(FOLDED)
    return file


def functions(answer: Any) -> dict[str, tuple[float, float]]:
    names = ("self_s", "total_s") if answer["unit"] == "s" else ("self", "total")
    return {row["function"]: (row[names[0]], row[names[1]]) for row in answer["functions"]}


@pytest.mark.parametrize("ending", ["speedscope.json", "pb.gz", "folded"])
def test_stacks_survive_the_way_through_each_format(ending: str, folded: Path, work: Path) -> None:
    out = work / f"way.{ending}"
    run("convert", folded, "-o", out)
    assert functions(top(out)) == functions(top(folded))
    assert top(out)["total"] == 53


def test_calls_that_a_format_does_not_count_are_absent(folded: Path) -> None:
    answer = top(folded, "--callers")
    assert "total_calls" not in answer
    assert all("calls" not in row and "primitive_calls" not in row for row in answer["functions"])
    assert all("calls" not in other for row in answer["functions"] for other in row["callers"])
    nodes = json.loads(run("tree", folded, "--json"))["nodes"]
    assert nodes
    assert all(not {"calls", "resumes", "exceptions"} & node.keys() for node in nodes)


def test_time_without_a_stack_is_no_functions_in_collapsed_stacks() -> None:
    lines = run("convert", GOLDEN / "py-spy.speedscope.json", "--to", "collapsed", "-o", "-").splitlines()
    assert [int(line.rsplit(" ", 1)[1]) for line in lines] == [85000, 135000]  # 20 ms of the 240 were idle


def test_go_pprof_reads_what_we_write(folded: Path, work: Path) -> None:
    out = work / "go.pb.gz"
    run("convert", folded, "-o", out)
    done = subprocess.run(
        [tool("go"), "tool", "pprof", "-top", out], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    theirs = {}
    for line in done.stdout.splitlines():
        if match := re.match(r"\s*(\d+)\s+[\d.]+%\s+[\d.]+%\s+(\d+)\s+[\d.]+%\s+(.*)", line):
            theirs[match[3]] = (int(match[1]), int(match[2]))
    ours = {
        name: value for name, value in functions(top(folded)).items() if name[0] != "<"
    }  # it cuts <…> out
    assert {name: theirs[name] for name in ours} == ours
    assert "of 53 total" in done.stdout


GO_WORK = """\
package main

import (
	"context"
	"os"
	"runtime/pprof"
)

func spin(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum += i % 7
	}
	return sum
}

func main() {
	file, _ := os.Create(os.Args[1])
	pprof.StartCPUProfile(file)
	pprof.Do(context.Background(), pprof.Labels("job", "one"), func(context.Context) { spin(300000000) })
	pprof.StopCPUProfile()
	file.Close()
}
"""


def test_figures_of_a_go_program_equal_go_pprof(work: Path) -> None:
    source, file = work / "work.go", work / "cpu.pprof"
    source.write_text(GO_WORK)
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
    subprocess.run(
        [tool("go"), "run", source, file], check=True, env=environment, timeout=300, capture_output=True
    )
    again = work / "again.pprof"
    run("convert", file, "-o", again)
    answer = top(file)
    done = subprocess.run(
        [tool("go"), "tool", "pprof", "-top", "-unit=ns", "-nodecount=500", "-nodefraction=0", file],
        capture_output=True,
        text=True,
        timeout=300,
    )
    theirs = {}
    for line in done.stdout.splitlines():
        if match := re.match(r"\s*(\d+)(?:ns)?\s+\S+%\s+\S+%\s+(\d+)(?:ns)?\s+\S+%\s+(\S+)", line):
            theirs[match[3]] = (int(match[1]), int(match[2]))
    ours = {name: (round(a * 1e9), round(b * 1e9)) for name, (a, b) in functions(answer).items()}
    assert "main.spin" in theirs
    assert ours == theirs
    assert functions(top(again)) == functions(answer)
    raw = subprocess.run(
        [tool("go"), "tool", "pprof", "-tags", again], capture_output=True, text=True, timeout=300
    )
    assert re.search(r"job:.*\n.*: one", raw.stdout), raw.stdout + raw.stderr


C_WORK = """\
int leaf(int n) { int s = 0; for (int i = 0; i < n; i++) s += i % 3; return s; }
int middle(int n) { return leaf(n) + leaf(n / 2); }
int main(void) { return middle(1000) & 1; }
"""


def test_figures_of_valgrind_equal_callgrind_annotate(work: Path) -> None:
    (work / "work.c").write_text(C_WORK)
    subprocess.run([tool("gcc"), "-g", "-O0", "-o", work / "work", work / "work.c"], check=True)
    file = work / "callgrind.out"
    command = [tool("valgrind"), "--tool=callgrind", f"--callgrind-out-file={file}", work / "work"]
    subprocess.run(command, check=False, capture_output=True, timeout=120)
    again = work / "again.callgrind"
    run("convert", file, "-o", again)

    def annotate(path: Path, inclusive: str) -> dict[str, int]:
        command = [tool("callgrind_annotate"), "--threshold=100", f"--inclusive={inclusive}", path]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = re.findall(r"^\s*([\d,]+) \([ \d.]+%\)\s+\S*?:(leaf|middle|main)(?:\s|$)", text, re.MULTILINE)
        return {name: int(value.replace(",", "")) for value, name in found}

    ours = functions(top(file))
    for path in (file, again):
        for index, inclusive in enumerate(["no", "yes"]):
            theirs = annotate(path, inclusive)
            assert sorted(theirs) == ["leaf", "main", "middle"]
            assert {name: ours[name][index] for name in theirs} == theirs
    assert top(again)["total"] == top(file)["total"]


def test_trace_events_are_what_perfetto_documents(folded: Path, work: Path) -> None:
    for source in (folded, GOLDEN / "py-spy.speedscope.json"):
        document = json.loads(run("convert", source, "--to", "chrome", "-o", "-"))
        depth: dict[Any, int] = {}
        for event in document["traceEvents"]:
            assert isinstance(event["pid"], int)
            assert isinstance(event["tid"], int)
            if event["ph"] == "M":
                assert event["name"] == "thread_name"
                assert isinstance(event["args"]["name"], str)
                continue
            assert event["ts"] >= 0
            assert event["ph"] != "X" or event["dur"] > 0
            depth[event["tid"]] = depth.get(event["tid"], 0) + {"B": 1, "E": -1, "X": 0}[event["ph"]]
            assert depth[event["tid"]] >= 0
        assert set(depth.values()) == {0}


def test_csv_has_a_row_a_function(work: Path) -> None:
    file = profile_with(sys.executable, "cProfile", work)
    import csv

    rows = list(csv.DictReader(run("convert", file, "--to", "csv", "-o", "-").splitlines()))
    stats: Any = pstats.Stats(str(file))
    assert len(rows) == len(stats.stats)
    assert {(row["file"], int(row["line"]), float(row["self"])) for row in rows} == {
        (key[0], key[1], value[2]) for key, value in stats.stats.items()
    }


def test_flame_graphs_of_files_have_no_word_of_requests(folded: Path, work: Path) -> None:
    for command in ("flame", "icicle"):
        svg = run(command, folded, "-o", "-")
        assert "request" not in svg
        assert "53 samples" in svg
        assert svg.count("<rect") == 9  # the background, all, and a box a path
    other = work / "other.folded"
    other.write_text(FOLDED.replace(" 28", " 8"))
    svg = run("diff", folded, other, "-o", "-")
    assert "before 28, -20 (-71 %)" in svg


def test_a_sunburst_has_an_arc_a_path(folded: Path) -> None:
    svg = run("sunburst", folded, "-o", "-")
    assert svg.count("<circle") == 1  # all
    assert svg.count("<path d=") == svg.count("</title><path") == 7
    assert "<title>spin (slow.py:4)\n28, 53 % (self 28)</title>" in svg
    assert "request" not in svg
    assert not re.search(r"nan|inf|<script", svg)


def boxes(svg: str) -> list[tuple[str, str]]:
    """What hovering shows: function and figures of each box."""
    return [(html.unescape(a), b) for a, b in re.findall(r"<title>([^\n]*)\n([^<]*)</title>", svg)]


def test_a_sandwich_has_callers_above_and_callees_below(folded: Path, work: Path) -> None:
    drawn = boxes(run("sandwich", folded, "--function", r"\(b\)", "-o", "-"))
    assert drawn == [
        ("<module> (slow.py:12)", "30, 100 %"),
        ("b (slow.py:9)", "30, 100 % (self 2)"),
        ("spin (slow.py:4)", "28, 93 % (self 28)"),
    ]
    file = profile_with(sys.executable, "cProfile", work)
    drawn = boxes(run("sandwich", file, "--function", r":8\(price\)$", "--min", "0.000001%", "-o", "-"))
    around: set[str] = set()
    for which in ("callers", "callees"):
        (row,) = top(file, r":8\(price\)$", f"--{which}")["functions"]
        assert row[which]
        around |= {other["function"] for other in row[which] if other["total_s"] > 0}
    assert {name.split(" (work.py")[0] for name, _ in drawn} == around | {"price"}
    assert "no function matches" in run("sandwich", file, "--function", "none such", "-o", "-", status=1)
    assert "regular expression" in run("sandwich", file, "--function", "(", "-o", "-", status=2)


def test_json_has_functions_pairs_and_stacks(folded: Path, work: Path) -> None:
    document = json.loads(run("convert", folded, "--to", "json", "-o", "-"))
    assert (document["shape"], document["unit"]) == ("tree", "samples")
    assert {f["function"]: (f["self"], f["total"]) for f in document["functions"]} == functions(top(folded))
    assert sum(node["self"] for node in document["nodes"]) == 53
    names = [f["function"] for f in document["functions"]]
    assert {(names[p["caller"]], names[p["callee"]]): p["total"] for p in document["pairs"]} == {
        ("<module>", "b"): 30,
        ("b", "spin"): 28,
        ("<module>", "spin"): 18,
        ("run", 'h\u00e9llo "q"'): 5,
    }
    file = profile_with(sys.executable, "cProfile", work)
    document = json.loads(run("convert", file, "--to", "json", "-o", "-"))
    stats: Any = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    assert document["shape"] == "pairs"
    assert "nodes" not in document
    assert [(f["file"], f["line"], f["self_s"]) for f in document["functions"][: len(stats)]] == [
        (key[0], key[1], value[2]) for key, value in stats.items()
    ]
    assert len(document["pairs"]) == sum(len(value[4]) for value in stats.values())


def test_text_names_functions_as_print_stats_does(work: Path) -> None:
    file = profile_with(sys.executable, "cProfile", work)
    text = run("convert", file, "-o", "-", "--to", "text").splitlines()
    stats: Any = pstats.Stats(str(file)).sort_stats("time")
    assert text[0].startswith(f"{stats.total_calls} function calls ({stats.prim_calls} primitive calls) in ")
    assert [line.split(maxsplit=3)[3] for line in text[3:]] == [
        pstats.func_std_string(f) for f in stats.fcn_list
    ]


def check_columns(table: dict[str, Any]) -> int:
    """All columns of a table have its length."""
    columns = [value for value in table.values() if isinstance(value, list)]
    assert columns
    assert {len(column) for column in columns} == {table["length"]}
    return int(table["length"])


@pytest.mark.parametrize("source", ["py-spy.speedscope.json", "py-spy.folded", "sample.pb.gz"])
def test_firefox_profile_is_whole_and_adds_up(source: str, tmp_path: Path) -> None:
    run("convert", GOLDEN / source, "-o", tmp_path / "x.gecko.json")
    profile = json.loads((tmp_path / "x.gecko.json").read_text())
    assert profile["meta"]["preprocessedProfileVersion"] == 47
    assert [each["name"] for each in profile["meta"]["categories"]] == ["Other", "Application", "Library"]
    own: dict[str, float] = {}
    for thread in profile["threads"]:
        strings = thread["stringArray"]
        stacks, frames, funcs = thread["stackTable"], thread["frameTable"], thread["funcTable"]
        count = check_columns(stacks)
        assert check_columns(frames) >= check_columns(funcs)
        check_columns(thread["samples"])
        assert all(prefix is None or prefix < row for row, prefix in enumerate(stacks["prefix"]))
        assert all(frame < frames["length"] for frame in stacks["frame"])
        times = thread["samples"]["time"]
        assert times == sorted(times)
        for stack, weight in zip(thread["samples"]["stack"], thread["samples"]["weight"], strict=True):
            assert stack is None or stack < count
            if stack is not None:
                func = frames["func"][stacks["frame"][stack]]
                name = strings[funcs["name"][func]]
                own[name] = own.get(name, 0) + weight
    expected: dict[str, float] = {}
    answer = top(GOLDEN / source, "--limit", "100000")
    for function in answer["functions"]:
        value = function["self_s"] * 1000 if answer.get("unit", "s") == "s" else function["self"]
        expected[function["function"]] = expected.get(function["function"], 0) + value
    assert {name: value for name, value in own.items() if value} == pytest.approx(
        {name: value for name, value in expected.items() if value}
    )


# ---- bad input, format by format ----

EMPTY = {
    "speedscope": b'{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{"frames":[]},"profiles":[]}',
    "chrome": b'{"traceEvents":[]}',
    "pyinstrument": b'{"root_frame":null}',
    "mojo": b"MOJ\x03\x01austin\x003.7.0\x00",
    "callgrind": b"# callgrind format\nevents: Ir\n\n",
    "pprof": b"\x0a\x04\x08\x01\x10\x02\x32\x00\x32\x01s\x32\x01n",
    "collapsed": b" 0\n",
}
WRONG_SHAPE = {
    "pstats": b"{(\x03\x00\x00\x00i\x01\x00\x00\x00i\x01\x00\x00\x00i\x01\x00\x00\x00",
    "speedscope": b'{"$schema":"https://www.speedscope.app/file-format-schema.json","profiles":7}',
    "chrome": b'{"traceEvents":{"ph":"X"}}',
    "pyinstrument": b'{"root_frame":[1,2]}',
    "mojo": b"MOJ\x03\x05\x01",
    "callgrind": b"# callgrind format\nevents: Ir\nfn=f\n1 1\ncfn=g\ncalls=x 1\n",
    "pprof": b"\x0a\x04\x08\x01\x10\x02\x12\x05\x08\x01\x10\x02\x32\x32\x01",
    "collapsed": b"a;b 1\na;c\n",
}


@pytest.mark.parametrize("format_name", EMPTY)
def test_an_empty_profile_says_that_nothing_was_recorded(format_name: str, tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.write_bytes(EMPTY[format_name])
    error = run("top", file, status=1)
    assert re.fullmatch(rf"hotplate: .*: {format_name}: byte \d+: nothing was recorded\n", error), error


@pytest.mark.parametrize("format_name", WRONG_SHAPE)
def test_a_wrong_shape_is_one_line_with_its_place(format_name: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong"
    file.write_bytes(WRONG_SHAPE[format_name])
    error = run("top", file, status=1)
    assert re.fullmatch(rf"hotplate: .*: {format_name}: byte \d+: [^\n]+\n", error), error


def varint(value: int) -> bytes:
    """As protobuf has it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | 2]) + varint(len(data)) + data


def mojo_int(value: int) -> bytes:
    return bytes([value]) if value < 0x40 else bytes([value & 0x3F | 0x80]) + varint(value >> 6)


def hostile_pprof(count: int) -> bytes:
    """Each function with a name, a place and samples of its own."""
    parts = [b"\x0a\x04\x08\x01\x10\x02", message(6, b""), message(6, b"s"), message(6, b"n")]
    for i in range(1, count):
        number = varint(i)
        parts += [
            message(6, b"%x" % i),
            message(5, b"\x08" + number + b"\x10" + varint(i + 2)),
            message(4, b"\x08" + number + message(4, b"\x08" + number)),
            message(2, message(1, number + varint(count - i)) + message(2, b"\x01")),
        ]
    return b"".join(parts)


def hostile_mojo(count: int) -> bytes:
    """Each sample of a thread and with a function of its own."""
    parts = [b"MOJ\x03"]
    for i in range(2, count):
        key = mojo_int(i)
        parts.append(b"\x02\x01\x00%x\x00\x0b%s%x\x00\x03%s%s%s" % (i, key, i, key, key, key))
        parts.append(b"\x00\x00\x00\x00\x05%s\x09\x01" % key)
    return b"".join(parts)


def hostile(kind: str) -> bytes:
    """A few megabytes that ask for as much memory as their format lets them."""
    count = 200_000
    if kind == "pprof":
        return hostile_pprof(count)
    if kind == "mojo":
        return hostile_mojo(count)
    if kind == "collapsed":
        return "".join(f"{i:x};{i * 7:x};{i * 13:x} 1\n" for i in range(count)).encode()
    if kind == "chrome":
        events = (
            f'{{"ph":"X","name":"{i:x}","ts":{i * 10},"dur":9,"pid":1,"tid":{i % 50}}}' for i in range(count)
        )
        return f"[{','.join(events)}]".encode()
    if kind == "speedscope":
        profile = {
            "type": "sampled",
            "name": "x",
            "unit": "none",
            "startValue": 0,
            "endValue": count,
            "samples": [[i, count - 1 - i] for i in range(count)],
            "weights": [1] * count,
        }
        document = {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "shared": {"frames": [{"name": f"{i:x}"} for i in range(count)]},
            "profiles": [profile],
        }
        return json.dumps(document, separators=(",", ":")).encode()
    if kind == "pyinstrument":
        return (
            b'{"root_frame":{"function":"r","file_path":"r","line_no":1,"time":9e9,"children":['
            + b",".join(b'{"function":"%x","time":1,"children":[]}' % i for i in range(count))
            + b"]}}"
        )
    if kind == "callgrind":
        return b"# callgrind format\nevents: Ir\n\n" + b"".join(
            b"fn=(%d) %x\n1 1\ncfn=(%d)\ncalls=1 1\n1 1\n" % (i + 1, i, i or 1) for i in range(count)
        )
    assert kind == "pstats"
    keys = [("f", i, f"{i:x}") for i in range(count // 2)]
    return marshal.dumps(
        {
            key: (1, 1, 0.5, 0.5, {keys[max(i - k, 0)]: (1, 1, 0.1, 0.1) for k in range(3)})
            for i, key in enumerate(keys)
        }
    )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", WRONG_SHAPE)
def test_reading_stays_below_64_megabytes_and_four_times_the_file(
    kind: str, packed: bool, tmp_path: Path
) -> None:
    file = tmp_path / "hostile"
    plain = hostile(kind)
    file.write_bytes(gzip.compress(plain, 6) if packed else plain)
    limit = (64 << 20) + 4 * file.stat().st_size
    pairs = kind in ("pstats", "callgrind")
    command = ["top", file, "5"] if pairs else ["convert", file, "--to", "collapsed", "-o", "/dev/null"]
    done = subprocess.run(
        [tool("prlimit"), f"--data={limit}", HOTPLATE, *command],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "out of memory" not in done.stderr  # what is too much is refused before it is asked for
    assert done.stderr.count("\n") == (done.returncode == 1)


def test_a_large_file_of_few_stacks_takes_little_more_than_its_own_address_space(tmp_path: Path) -> None:
    file = tmp_path / "large.folded"
    lines = "".join(f"main;step_{i};part_{i % 7};leaf_{i % 5} {i}\n" for i in range(1000)).encode()
    file.write_bytes(lines * 4000)
    size = file.stat().st_size
    assert size > 100 << 20
    done = subprocess.run(
        [tool("prlimit"), f"--as={size + (32 << 20)}", HOTPLATE, "top", file, "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    functions = {row["function"]: row for row in json.loads(done.stdout)["functions"]}
    assert functions["main"]["total"] == 4000 * sum(range(1000))


def test_a_pipe_that_is_written_to_stays_one(work: Path, tmp_path: Path) -> None:
    pipe, file = tmp_path / "pipe", work / "given.collapsed"
    os.mkfifo(pipe)
    file.write_text("main;fib 3\n")
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        try:
            run("convert", file, "--to", "collapsed", "-o", pipe)
            assert "fib" in reader.communicate(timeout=20)[0]
        finally:
            reader.kill()
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


# ---- a capture of ours ----

PATHS = """\
import json
import time
from flask import Flask

app = Flask(__name__)
spent = []

def work(seconds):
    begin = time.perf_counter()
    while time.perf_counter() < begin + seconds:
        pass
    spent.append((time.perf_counter() - begin) * 1000)

def b(seconds):
    work(seconds)

def c(seconds):
    work(seconds)

def a(first, second):
    b(first)
    c(second)

def again(depth):
    work(0.002)
    return again(depth - 1) if depth else None

@app.route("/")
def view():
    a(0.01, 0.02)
    a(0.04, 0.03)
    again(20)
    return "ok"

app.test_client().get("/")
print(json.dumps(spent[:4]))
"""


@pytest.mark.matrix
def test_each_path_of_a_capture_has_its_own_time_where_a_prof_can_only_guess(tmp_path: Path) -> None:
    (tmp_path / "paths.py").write_text(PATHS)
    command = [HOTPLATE, "run", "--no-serve", "--", sys.executable, "paths.py"]
    done = subprocess.run(
        command,
        check=False,
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    nodes = json.loads(run("tree", "--threshold", "0", "--json", cwd=tmp_path))["nodes"]
    by_id = {node["node"]: node for node in nodes}

    def path(node: Any) -> list[str]:
        up = path(by_id[node["parent"]]) if node["parent"] >= 0 else []
        return [*up, f"{node['function']}:{node.get('call_line', 0)}"]

    took = {"/".join(path(node)).split("view", 1)[-1]: node["total_ms"] for node in nodes}
    first, second = [key for key in took if re.fullmatch(r":\d+/a:\d+", key)]
    calls = [took[f"{each}/{name}"] for each in sorted((first, second)) for name in ("b:21", "c:22")]
    assert calls == pytest.approx(json.loads(done.stdout), abs=5)  # each is 10 from the next
    for node in nodes:
        below = sum(
            each["total_ms"] for each in nodes if each["parent"] == node["node"] and each["kind"] != "lane"
        )
        assert node["total_ms"] == pytest.approx(node["self_ms"] + below, rel=1e-4, abs=1e-3)
    answer = json.loads(run("top", "--json", cwd=tmp_path))
    totals = {row["function"]: row for row in answer["functions"]}
    assert totals["again"]["calls"] == 21
    assert totals["again"]["primitive_calls"] == 1
    most = answer["total_time_s"] * (1 + 1e-12)  # a sum of doubles
    assert all(row["total_s"] <= most for row in answer["functions"])
    assert totals["a"]["total_s"] * 1000 == pytest.approx(took[first] + took[second], abs=0.001)
    run("convert", "-o", "x.prof", cwd=tmp_path)
    guessed: Any = pstats.Stats(str(tmp_path / "x.prof")).stats  # type: ignore[attr-defined]
    ((callers),) = [value[4] for key, value in guessed.items() if key[2] == "b"]
    assert len(callers) == 1  # one figure for both calls of a
