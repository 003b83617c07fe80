"""test_cli_contract -- names, JSON, exit codes and lines of the command, as docs/formats/cli.md promises them.

What is read is a made-up store (tests/tools/mkstore.c), so nothing here depends on the extension.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.one_python

TOP = Path(__file__).resolve().parents[2]
COMMANDS = ["run", "report", "routes", "requests", "show", "sql", "record", "compare", "top", "tree", "flame"]
COMMANDS += ["ledger", "open", "icicle", "graph", "diff", "merge", "convert", "attach", "dump", "live"]
COMMANDS += ["serve", "explain", "sunburst", "sandwich", "workers"]
READERS = ["report", "routes", "requests", "sql", "top", "tree"]
NUMBER = (int, float)

# What docs/formats/cli.md lists: name -> type, or a list of one schema, or a schema.
FINDING = {
    "id": str,
    "rank": int,
    "kind": str,
    "state": str,
    "route": str,
    "file": str,
    "line": int,
    "function": str,
    "source": str,
    "title": str,
    "evidence": dict,
    "basis": str,
    "share": NUMBER,
    "predicted_saving_ms": NUMBER,
    "predicted_low_ms": NUMBER,
    "predicted_high_ms": NUMBER,
    "requests": int,
    "requests_example": [str],
    "advice": str,
}
REPORT = {
    "schema": int,
    "range": dict,
    "completeness": {
        "requests": int,
        "recorded": int,
        "sampled_out": int,
        "dropped": int,
        "lost": int,
        "errors": int,
        "dropped_by": dict,
    },
    "own_cost": {"us_per_request": NUMBER, "share": NUMBER},
    "routes": [
        {
            "route": str,
            "requests": int,
            "now_ms": NUMBER,
            "after_all_ms": NUMBER,
            "low_ms": NUMBER,
            "high_ms": NUMBER,
        }
    ],
    "findings": [FINDING],
    "not_checked": [{"kind": str, "needs_level": str}],
}
ROUTES = {
    "routes": [
        {
            "route": str,
            "method": str,
            "rule": str,
            "endpoint": str,
            "requests": int,
            "errors": int,
            "total_ms": NUMBER,
            "p50_ms": NUMBER,
            "p90_ms": NUMBER,
            "p95_ms": NUMBER,
            "p99_ms": NUMBER,
            "cpu_ms": NUMBER,
            "sql_per_request": NUMBER,
        }
    ]
}
REQUEST = {
    "id": str,
    "route": str,
    "start_ns": int,
    "status": int,
    "duration_ms": NUMBER,
    "wall_ms": NUMBER,
    "own_ms": NUMBER,
    "cpu_ms": NUMBER,
    "revision": str,
    "level": str,
    "flags": [str],
}
REQUESTS = {"schema": int, "requests": [{**REQUEST, "sql_count": int, "sql_ms": NUMBER}]}
SHOW = {
    **REQUEST,
    "schema": int,
    "phases_ms": dict,
    "statements": [
        {
            "statement": str,
            "count": int,
            "total_ms": NUMBER,
            "max_ms": NUMBER,
            "rows": int,
            "file": str,
            "line": int,
        }
    ],
    "executions": [
        {"statement": str, "at_ms": NUMBER, "execute_ms": NUMBER, "fetch_ms": NUMBER, "lane": int}
    ],
    "lanes": [{"lane": int, "kind": str, "start_ms": NUMBER, "end_ms": NUMBER}],
    "edges": [{"kind": str, "lane": int, "from_ms": NUMBER, "to_ms": NUMBER}],
    "nodes": [
        {
            "node": int,
            "parent": int,
            "kind": str,
            "function": str,
            "file": str,
            "line": int,
            "application": bool,
            "calls": int,
            "self_ms": NUMBER,
            "total_ms": NUMBER,
        }
    ],
}
EXPLAIN = {
    "schema": int,
    "statement": str,
    "plan": {
        "engine": str,
        "version": str,
        "examples": bool,
        "analyzed": bool,
        "nodes": [
            {"parent": int, "operation": str, "table": str, "alias": str, "access": str, "scanned": NUMBER}
        ],
        "tables": [{"name": str, "rows": NUMBER, "columns": [{"name": str, "type": str}], "indexes": list}],
    },
    "advice": [{"node": int, "text": str, "index": str, "rows_now": NUMBER, "rows_then": NUMBER}],
}
SQL = {
    "schema": int,
    "statements": [
        {
            "id": str,
            "statement": str,
            "engine": str,
            "route": str,
            "executions": int,
            "requests": int,
            "total_ms": NUMBER,
            "max_ms": NUMBER,
            "rows": int,
            "errors": int,
            "file": str,
            "line": int,
            "function": str,
        }
    ],
}
TOP_JSON = {
    "total_calls": int,
    "primitive_calls": int,
    "total_time_s": NUMBER,
    "functions": [
        {
            "file": str,
            "line": int,
            "function": str,
            "calls": int,
            "primitive_calls": int,
            "self_s": NUMBER,
            "total_s": NUMBER,
        }
    ],
}
MOVED = {
    "what": str,
    "before_ms": NUMBER,
    "after_ms": NUMBER,
    "change_ms": NUMBER,
    "low_ms": NUMBER,
    "high_ms": NUMBER,
}
COMPARE = {
    "routes": [
        {
            "route": str,
            "before_ms": NUMBER,
            "after_ms": NUMBER,
            "low_ms": NUMBER,
            "high_ms": NUMBER,
            "requests_before": int,
            "requests_after": int,
        }
    ],
    "findings": [
        {
            "id": str,
            "kind": str,
            "file": str,
            "line": int,
            "state": str,
            "predicted_saving_ms": NUMBER,
            "measured_saving_ms": NUMBER,
            "low_ms": NUMBER,
            "high_ms": NUMBER,
        }
    ],
}


def tool(name: str, variable: str, usual: Path) -> Path:
    """A program that the tests need; it missing is a failure, not a reason to skip."""
    path = Path(os.environ.get(variable, usual))
    assert path.exists(), f"{name} is not there: build it (tools/run_tests c), or set {variable}"
    return path


def hotplate() -> Path:
    return tool("hotplate", "HP_HOTPLATE", Path(sys.executable).parent / "hotplate")


def run(*args: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """`hotplate` with a clean environment; text, everything captured."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HOTPLATE_") and k != "PYTHONPATH"}
    return subprocess.run(
        [hotplate(), *args],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**env, "TZ": "UTC", **environment},
        timeout=60,
        check=False,
    )


def made(path: Path, requests: int) -> Path:
    command = [tool("mkstore", "HP_MKSTORE", TOP / "build/dev/tests/mkstore"), path, str(requests)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("store") / "hotplate.db", 400)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("empty") / "hotplate.db", 0)


def read(store: Path, *args: str) -> Any:
    """The JSON of a reading command that must succeed without a word on stderr."""
    done = run(*args, "--store", store, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def check(value: Any, schema: Any, where: str = "$") -> None:
    """Every field of the schema is there, with its type; more fields are fine."""
    if isinstance(schema, dict):
        assert isinstance(value, dict), where
        for key, inner in schema.items():
            assert key in value, f"{where}.{key} is missing"
            check(value[key], inner, f"{where}.{key}")
    elif isinstance(schema, list):
        assert isinstance(value, list), where
        for i, item in enumerate(value):
            check(item, schema[0], f"{where}[{i}]")
    elif schema is bool:
        assert isinstance(value, bool), f"{where} is {value!r}"
    else:
        assert isinstance(value, schema), f"{where} is {value!r}"
        assert not isinstance(value, bool), f"{where} is {value!r}"


def fields(schema: Any) -> set[str]:
    """All names in a schema."""
    if isinstance(schema, dict):
        return set(schema).union(*(fields(inner) for inner in schema.values()))
    return fields(schema[0]) if isinstance(schema, list) else set()


LEDGER = {
    "findings": [
        {
            "id": str,
            "state": str,
            "muted": bool,
            "kind": str,
            "route": str,
            "file": str,
            "line": int,
            "function": str,
            "title": str,
            "first_seen": int,
            "last_seen": int,
            "predicted_saving_ms": NUMBER,
        }
    ]
}


def test_every_field_is_documented() -> None:
    documented = set(re.findall(r"`\"?([a-z0-9_]+)", (TOP / "docs/formats/cli.md").read_text()))
    for schema in (REPORT, ROUTES, REQUESTS, SHOW, SQL, TOP_JSON, COMPARE, MOVED, LEDGER):
        assert fields(schema) <= documented


def one_line(text: str) -> bool:
    return text.startswith("hotplate") and text.endswith("\n") and text.count("\n") == 1


# ---- help, usage, exit codes ----


@pytest.mark.parametrize("args", [[], ["--help"], *[[name, "--help"] for name in COMMANDS]])
def test_help_fits_a_screen(args: list[str]) -> None:
    done = run(*args)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert 3 <= len(lines) <= 24
    assert max(map(len, lines)) <= 79


def test_version_is_told() -> None:
    assert re.fullmatch(r"hotplate \d+\.\d+\.\d+\S*\n", run("--version").stdout)


def test_help_starts_within_ten_milliseconds() -> None:
    command = hotplate()
    times = []
    for _ in range(20):
        start = time.perf_counter()
        subprocess.run([command, "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.010


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_option_is_a_usage_error(name: str) -> None:
    done = run(name, "--no-such-option")
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr)
    assert "--no-such-option" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["frobnicate"],
        ["--frobnicate"],
        ["routes", "surplus"],
        ["routes", "--sort", "beauty"],
        ["routes", "--json=1"],
        ["routes", "--since", "yesterdayish"],
        ["routes", "--since", "1h", "--until", "2h"],
        ["routes", "--store"],
        ["requests", "--limit", "-1"],
        ["show"],
        ["show", "xyz"],
        ["sql", "--min", "fast"],
        ["explain"],
        ["explain", "SELECT 1", "--dsn", "oracle://x"],
        ["explain", "SELECT 1", "--timeout", "soon"],
        ["explain", "two", "words"],
        ["tree", "--threshold", "2"],
        ["flame"],
        ["flame", "-o", "x.svg", "--width", "1"],
        ["sunburst"],
        ["sandwich", "-o", "x.svg", "--function", "("],
        ["convert", "-o", "x.unknown"],
        ["compare", "before"],
        ["ledger", "forget"],
        ["ledger", "mute"],
        ["ledger", "mute", "xyz"],
        ["ledger", "--state", "gone"],
        ["compare", "a", "b", "--fail-on", "beauty>1"],
        ["record", "--", "true"],
        ["record", "--label", "x"],
        ["run"],
        ["run", "--level", "all", "--", "true"],
        ["run", "--sample", "5", "--", "true"],
        ["run", "--slow", "500", "--", "true"],
        ["run", "--max-store", "much", "--", "true"],
    ],
)
def test_usage_errors_exit_2_with_one_line_and_without_a_store(args: list[str], tmp_path: Path) -> None:
    done = run(*args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_missing_store_is_a_failure_that_says_what_to_type(
    name: str, options: list[str], tmp_path: Path
) -> None:
    done = run(name, *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert one_line(done.stderr)
    assert "hotplate run" in done.stderr


@pytest.mark.parametrize("name", ["report", "routes", "requests", "sql"])
def test_store_without_requests_is_fine_and_empty(name: str, empty: Path) -> None:
    done = run(name, "--store", empty)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    answer = read(empty, name)
    lists = [value for value in answer.values() if isinstance(value, list)]
    assert lists
    assert all(
        value == [] for key, value in answer.items() if isinstance(value, list) and key != "not_checked"
    )


def test_a_file_that_is_no_store_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "hotplate.db"
    file.write_text("this is not a database, but long enough to be looked at\n" * 100)
    done = run("routes", "--store", file)
    assert done.returncode == 1
    assert one_line(done.stderr)


# ---- which store, which requests ----


def test_store_is_found_by_option_then_variable_then_upward(store: Path, empty: Path, tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    (tmp_path / ".hotplate").mkdir()
    below.mkdir(parents=True)
    shutil.copy(store, tmp_path / ".hotplate" / "hotplate.db")
    assert "/settings" in run("routes", cwd=below).stdout
    assert "no requests" in run("routes", cwd=below, HOTPLATE_STORE=str(empty)).stdout
    assert "/settings" in run("routes", "--store", store, cwd=below, HOTPLATE_STORE=str(empty)).stdout


def test_newest_revision_is_shown_and_said(store: Path) -> None:
    text = run("routes", "--store", store).stdout
    assert text.startswith("newest revision rev-b (--all")
    count = {
        name: sum(r["requests"] for r in read(store, "routes", *args)["routes"])
        for name, args in SCOPES.items()
    }
    assert count == {"newest": 200, "all": 400, "revision": 200, "label": 200, "since": 100, "route": 50}


SCOPES: dict[str, list[str]] = {
    "newest": [],
    "all": ["--all"],
    "revision": ["--revision", "rev-a"],
    "label": ["--label", "before"],
    "since": ["--all", "--since", "2026-01-31T12:05:00Z", "--until", "2026-01-31T12:10Z"],
    "route": ["--route", "POST /orders"],
}


def test_unknown_label_is_one_line_that_says_how_to_record_it(store: Path) -> None:
    done = run("report", "--store", store, "--label", "nosuch")
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert "hotplate record --label nosuch" in done.stderr


# ---- JSON ----


def test_report_json(store: Path) -> None:
    answer = read(store, "report", "--label", "before")
    check(answer, REPORT)
    assert answer["schema"] == 1
    assert answer["range"]["label"] == "before"
    assert [(f["rank"], f["kind"], f["file"], f["line"]) for f in answer["findings"]] == [
        (1, "thread_churn", "shop/history.py", 8),
        (2, "n_plus_one", "shop/profiles.py", 5),
    ]
    assert answer["findings"][0]["source"].strip() == "thread.start()"
    for finding in answer["findings"]:
        assert re.fullmatch(r"[0-9a-f]{16}", finding["id"])
        assert finding["basis"] in ("median", "p95")
        assert finding["state"] in ("new", "open", "fixed", "returned")
        assert 0 < finding["share"] <= 1
        assert 1 <= len(finding["requests_example"]) <= 5


def test_repaired_route_has_no_finding(store: Path) -> None:
    assert read(store, "report", "--label", "after")["findings"] == []


def test_routes_json(store: Path) -> None:
    answer = read(store, "routes", "--label", "before")
    check(answer, ROUTES)
    assert [r["route"] for r in answer["routes"]] == ["GET /settings", "POST /orders", "GET /"]
    assert answer["routes"][0]["sql_per_request"] == 40
    assert answer["routes"][1]["errors"] == 4


@pytest.mark.parametrize("sort", ["total", "p95", "calls", "errors", "cpu"])
def test_routes_are_sorted_as_asked(sort: str, store: Path) -> None:
    key = {"total": "total_ms", "p95": "p95_ms", "calls": "requests", "errors": "errors", "cpu": "cpu_ms"}[
        sort
    ]
    values = [route[key] for route in read(store, "routes", "--sort", sort)["routes"]]
    assert values == sorted(values, reverse=True)


def test_requests_json(store: Path) -> None:
    answer = read(store, "requests", "--sort", "slowest", "--limit", "7", "--all")
    check(answer, REQUESTS)
    times = [r["duration_ms"] for r in answer["requests"]]
    assert len(times) == 7
    assert times == sorted(times, reverse=True)


def settings_id(store: Path) -> str:
    found = read(store, "requests", "--label", "before", "--route", "GET /settings", "--limit", "1")
    return str(found["requests"][0]["id"])


def test_show_json(store: Path) -> None:
    answer = read(store, "show", settings_id(store))
    check(answer, SHOW)
    assert sum(answer["phases_ms"].values()) == pytest.approx(answer["wall_ms"], rel=1e-4)
    assert (answer["statements"][0]["count"], len(answer["executions"])) == (40, 40)
    assert [lane["kind"] for lane in answer["lanes"]] == ["main"] + ["thread"] * 10
    by_id = {node["node"]: node for node in answer["nodes"]}
    children: dict[int, float] = {}
    for node in answer["nodes"]:
        if node["kind"] != "lane":
            children[node["parent"]] = children.get(node["parent"], 0) + node["total_ms"]
    for number, node in by_id.items():
        assert node["self_ms"] + children.get(number, 0) == pytest.approx(node["total_ms"], abs=0.01)


def test_show_prints_time_share_and_calls_of_each_node(store: Path) -> None:
    text = run("show", settings_id(store), "--store", store).stdout
    tree = text.partition("Call tree")[2].partition("SQL, grouped")[0].splitlines()[2:]
    rows = [line for line in tree if line.strip()]
    assert len(rows) >= 6
    pattern = r" +[\d.]+ \S+ +[<\d.]+ % +[\d.]+ \S+ +[\d.,]+  .*"
    assert all(re.fullmatch(pattern, row) for row in rows)
    assert "in parallel: thread" in text
    assert "Flask.wsgi_app" not in text
    assert "Flask.wsgi_app" in run("show", settings_id(store), "--store", store, "--unfold").stdout


def test_show_of_an_unknown_request_fails(store: Path) -> None:
    done = run("show", "0123456789abcdef", "--store", store)
    assert done.returncode == 1
    assert one_line(done.stderr)


def test_sql_json(store: Path) -> None:
    answer = read(store, "sql", "--label", "before")
    check(answer, SQL)
    first = answer["statements"][0]
    assert (first["executions"], first["requests"], first["line"]) == (4000, 100, 5)
    assert read(store, "sql", "--min", "1s")["statements"] == []


def test_explain_json_and_the_plan_that_is_kept(tmp_path: Path) -> None:
    store = made(tmp_path / "hotplate.db", 20)
    rows = read(store, "sql", "--all")["statements"]
    statement = next(row["id"] for row in rows if row["statement"].endswith("WHERE id = ?"))
    with closing(sqlite3.connect(tmp_path / "app.db")) as database:
        database.execute("CREATE TABLE profile (id TEXT, name TEXT)")
        database.executemany("INSERT INTO profile VALUES (?, ?)", [(f"p{i}", "x") for i in range(2000)])
        database.commit()
    done = run("explain", statement, "--all", "--store", store)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--dsn" in done.stderr
    where = ("--dsn", f"sqlite:///{tmp_path}/app.db", "--python", sys.executable)
    answer = read(store, "explain", statement, "--all", *where)
    check(answer, EXPLAIN)
    assert answer["advice"][0]["index"] == "CREATE INDEX profile_id ON profile (id)"
    kept = read(store, "explain", statement[:6], "--all")
    assert kept == answer
    text = run("explain", statement, "--all", "--store", store).stdout
    assert "kept since" in text
    assert "CREATE INDEX profile_id" in text


def test_top_json_counts_as_the_profile_that_is_written(store: Path, tmp_path: Path) -> None:
    answer = read(store, "top", "label:before")
    check(answer, TOP_JSON)
    file = tmp_path / "before.prof"
    assert run("convert", "label:before", "-o", file, "--store", store).returncode == 0
    import pstats

    stats: Any = pstats.Stats(str(file))
    assert (stats.total_calls, stats.prim_calls) == (answer["total_calls"], answer["primitive_calls"])
    assert stats.total_tt == pytest.approx(answer["total_time_s"], rel=1e-5)


def test_tree_json(store: Path) -> None:
    answer = read(store, "tree", "label:before")
    assert answer["requests"] == 200
    check(answer["nodes"], SHOW["nodes"])


def test_compare_json_and_gate(store: Path) -> None:
    answer = read(store, "compare", "before", "after")
    check(answer, COMPARE)
    assert {f["kind"]: f["state"] for f in answer["findings"]} == {
        "thread_churn": "fixed",
        "n_plus_one": "fixed",
    }
    route = next(each for each in answer["routes"] if each["route"] == "GET /settings")
    check(route["moved"], [MOVED])
    moved = {each.get("statement") or f"{each['file']}:{each['function']}" for each in route["moved"]}
    assert {"shop/history.py:fetch", "SELECT id, name FROM profile WHERE id = ?"} <= moved
    assert all(not each["moved"] for each in answer["routes"] if each["route"] != "GET /settings")
    for finding in answer["findings"]:
        assert finding["measured_saving_ms"] == pytest.approx(finding["predicted_saving_ms"], rel=0.25)
    assert run("compare", "before", "after", "--store", store, "--fail-on", "p95>10%,sql>0").returncode == 0
    worse = run("compare", "rev-b", "rev-a", "--store", store, "--fail-on", "p95>10%,sql>0,new-finding")
    assert worse.returncode == 3
    assert "GET /settings" in worse.stderr


def test_ledger_tells_what_was_predicted_and_measured_and_mutes(tmp_path: Path) -> None:
    store = made(tmp_path / "hotplate.db", 400)
    assert read(store, "ledger")["findings"] == []
    assert "hotplate report" in run("ledger", "--store", store).stdout
    first = read(store, "report", "--all")["findings"]
    opened = read(store, "ledger")
    check(opened, LEDGER)
    assert {row["id"] for row in opened["findings"]} == {row["id"] for row in first}
    assert all("measured_saving_ms" not in row for row in opened["findings"])
    compared = read(store, "compare", "before", "after")["findings"]
    fixed = read(store, "ledger", "--state", "fixed")["findings"]
    assert {row["id"] for row in fixed} == {row["id"] for row in compared}
    for row in fixed:
        (other,) = [each for each in compared if each["id"] == row["id"]]
        assert row["measured_saving_ms"] == pytest.approx(other["measured_saving_ms"], rel=1e-3)
        assert row["low_ms"] <= row["measured_saving_ms"] <= row["high_ms"]
        assert row["fixed_at"] >= row["first_seen"]
    by_rule = read(store, "ledger", "--route", "/settings")["findings"]
    assert by_rule == read(store, "ledger", "--route", "GET /settings")["findings"] != []
    assert read(store, "ledger", "--route", "/setting")["findings"] == []
    name = first[0]["id"]
    assert run("ledger", "mute", name, "--reason", "known", "--store", store).returncode == 0
    (muted,) = read(store, "ledger", "--state", "muted")["findings"]
    assert (muted["id"], muted["reason"], muted["kind"]) == (name, "known", first[0]["kind"])
    assert name not in {row["id"] for row in read(store, "report", "--all")["findings"]}
    assert run("ledger", "unmute", name, "--store", store).returncode == 0
    assert name in {row["id"] for row in read(store, "report", "--all")["findings"]}
    missing = run("ledger", "mute", "0123456789abcdef", "--store", store)
    assert (missing.returncode, one_line(missing.stderr)) == (1, True)


def test_compare_takes_ranges(store: Path) -> None:
    ranges = ["2026-01-31T12:00Z..2026-01-31T12:10Z", "2026-01-31T12:10Z.."]
    routes = read(store, "compare", *ranges)["routes"]
    assert {r["route"]: (r["requests_before"], r["requests_after"]) for r in routes}["GET /settings"] == (
        100,
        100,
    )


# ---- INPUT ----


WORDS = ["label:before", "before", "route:GET /settings", "GET /settings", "shop.settings", "rev-a"]


@pytest.mark.parametrize("word", WORDS)
def test_input_words_are_understood(word: str, store: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.folded"
    done = run("convert", word, "-o", file, "--store", store)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert all(re.fullmatch(r"\S.* \d+", line) for line in file.read_text().splitlines())


def test_a_request_and_a_store_file_are_inputs(store: Path, tmp_path: Path) -> None:
    number = settings_id(store)
    for word in (number, f"req:{number}", str(store)):
        done = run("tree", word, "--store", store)
        assert (done.returncode, done.stderr) == (0, "")
        assert "load_history" in done.stdout or word == str(store)


def test_an_ambiguous_word_is_a_usage_error_that_names_both(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "hotplate.db"
    shutil.copy(store, copy)
    # Nothing is recorded meanwhile, so `record` says so; the label is there all the same.
    assert run("record", "--label", "shop.settings", "--store", copy, "--", "true").returncode == 1
    done = run("tree", "shop.settings", "--store", copy)
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert "route:shop.settings" in done.stderr
    assert "label:shop.settings" in done.stderr


def test_an_unknown_input_fails(store: Path) -> None:
    for word in ("nonsense", "route:GET /nonsense", "label:nonsense"):
        done = run("top", word, "--store", store)
        assert done.returncode == 1
        assert one_line(done.stderr)


# ---- files ----


def interpreters() -> list[Path]:
    """This Python and those of pyenv, which is what the matrix uses."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [Path(sys.executable), *sorted(root.glob("versions/*/bin/python"))]


def test_profile_is_read_by_the_pstats_of_each_python(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "before.prof"
    assert run("convert", "label:before", "-o", file, "--store", store).returncode == 0
    code = (
        "import pstats, sys\n"
        "s = pstats.Stats(sys.argv[1])\n"
        "s.calc_callees()\n"
        "print('%d %d %.6f' % (s.total_calls, s.prim_calls, s.total_tt))\n"
        "key = [k for k in s.stats if k[2] == 'execute'][0]\n"
        "print('%s %d %s' % key)\n"
        "print(sorted((k[2], v[0], v[1]) for k, v in s.stats[key][4].items()) "
        "== [('load_profiles', 4000, 4000), ('order', 50, 50)])\n"
    )
    answers = {
        subprocess.run([python, "-c", code, file], capture_output=True, text=True, check=True).stdout
        for python in interpreters()
    }
    assert len(answers) == 1
    total, place, callers = answers.pop().splitlines()
    assert total.startswith("5750 5750 ")
    assert place == "/srv/app/sqlalchemy/engine/base.py 1370 execute"
    assert callers == "True"


def test_flame_graph_is_valid_xml_without_script(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.svg"
    done = run("flame", "label:before", "-o", file, "--store", store, "--route", "GET /settings")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    root = ElementTree.fromstring(file.read_text())
    text = "".join(root.itertext())
    assert root.get("width") == "1200"
    assert "script" not in file.read_text()
    for word in ("GET /settings", "100 requests", "load_history", "in parallel: thread"):
        assert word in text


def test_a_file_that_cannot_be_written_is_one_line(store: Path, tmp_path: Path) -> None:
    done = run("flame", "label:before", "-o", tmp_path / "no" / "x.svg", "--store", store)
    assert done.returncode == 1
    assert one_line(done.stderr)


# ---- terminals and pipes ----


def test_a_pipe_gets_no_colour(store: Path) -> None:
    assert "\x1b" not in run("show", settings_id(store), "--store", store).stdout


def test_a_broken_pipe_is_quiet(store: Path) -> None:
    command = (
        f"'{hotplate()}' requests --all --limit 400 --json --store '{store}' | true; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode in (0, 128 + signal.SIGPIPE)


# ---- run and record ----


def test_run_is_the_command_itself(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("HOTPLATE_")}
    process = subprocess.Popen(
        [hotplate(), "run", "--", "sh", "-c", "echo $$; cat; exit 7"],
        cwd=tmp_path,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, _ = process.communicate("through\n", timeout=20)
    assert (out, process.returncode) == (f"{process.pid}\nthrough\n", 7)


def test_run_hands_over_its_options(tmp_path: Path) -> None:
    options = ["--level", "monitor", "--route", "^/a", "--ignore", "b", "--ignore", "c", "--sample", "1/5"]
    options += [
        "--slow",
        "500ms",
        "--budget",
        "3%",
        "--max-store",
        "2GB",
        "--max-age",
        "3d",
        "--log-sql",
        "1.5ms",
    ]
    options += ["--c-functions", "--params", "--app-code", "lib/*.py"]
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    done = run("run", *options, "--", sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH="/elsewhere")
    env = json.loads(done.stdout)
    folder = str(tmp_path / ".hotplate")
    assert {k[9:]: v for k, v in env.items() if k.startswith("HOTPLATE_") and k != "HOTPLATE_RUN"} == {
        "STORE": f"{folder}/hotplate.db",
        "LEVEL": "monitor",
        "ROUTE": "^/a",
        "IGNORE": "b\nc",
        "SAMPLE": "5",
        "SLOW_MS": "500",
        "BUDGET": "0.03",
        "MAX_STORE": "2000000000",
        "MAX_AGE": "259200",
        "LOG_SQL_MS": "1.5",
        "C_FUNCTIONS": "1",
        "PARAMS": "1",
        "APP_CODE": "lib/*.py",
    }
    assert re.fullmatch(rf"{re.escape(folder)}/run-\d+\.seen", env["HOTPLATE_RUN"])
    assert re.fullmatch(rf"{re.escape(folder)}/boot/[0-9a-f]{{16}}:/elsewhere", env["PYTHONPATH"])
    assert (tmp_path / ".hotplate").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".hotplate" / ".gitignore").read_text() == "*\n"


def test_run_says_in_one_line_why_nothing_is_recorded(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    cases = {
        "true": (["true"], "has loaded hotplate"),
        "no flask": ([sys.executable, "-c", "pass"], "no Flask application was seen"),
        "isolated": ([sys.executable, "-I", "-c", "pass"], "-I"),
        "not installed": ([str(bare / "bin/python"), "-c", "pass"], "No module named"),
    }
    for name, (command, words) in cases.items():
        done = run("run", "--", *command, cwd=tmp_path)
        lines = done.stderr.splitlines()
        assert (done.returncode, done.stdout, len(lines)) == (0, "", 2), name
        assert lines[0].startswith("hotplate: recording to ")
        assert lines[1].startswith("hotplate: nothing is recorded: "), name
        assert words in lines[1], name
    assert not list((tmp_path / ".hotplate").glob("run-*"))


def test_run_keeps_a_sitecustomize_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('theirs')\n")
    done = run("run", "--", sys.executable, "-c", "print('command')", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.stdout == "theirs\ncommand\n"


def test_run_without_a_folder_to_record_to_runs_the_command(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(
        "run", "--store", tmp_path / "file" / "x" / "hotplate.db", "--", "sh", "-c", "echo ran; exit 4"
    )
    assert (done.stdout, done.returncode) == ("ran\n", 4)
    assert one_line(done.stderr)
    assert "without recording" in done.stderr


@pytest.mark.parametrize("args", [["run", "--"], ["record", "--label", "x", "--"]])
def test_a_command_that_is_not_there_is_a_failure(args: list[str], tmp_path: Path) -> None:
    done = run(*args, "no-such-command", cwd=tmp_path)
    assert done.returncode == 1
    assert "no-such-command" in done.stderr.splitlines()[-1]
    assert "nothing is recorded" not in done.stderr


def test_record_with_nothing_recorded_says_so(tmp_path: Path) -> None:
    done = run("record", "--label", "x", "--", "sh", "-c", "echo ran", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "ran\n")
    assert one_line(done.stderr)


def test_record_passes_signals_on_and_ends_as_the_command_did(tmp_path: Path) -> None:
    made(tmp_path / "hotplate.db", 4)
    code = "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done"
    env = {k: v for k, v in os.environ.items() if not k.startswith("HOTPLATE_")}
    process = subprocess.Popen(
        [hotplate(), "record", "--label", "x", "--store", tmp_path / "hotplate.db", "--", "sh", "-c", code],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.terminate()
    _, err = process.communicate(timeout=20)
    # Nothing was recorded, which outweighs the command's own 9.
    assert process.returncode == 1
    assert one_line(err)
