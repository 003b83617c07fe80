"""The pages over what the demo's shop recorded, slow and repaired: figures against SQL and the command line."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from support_py import shop
from support_py.browse import MARKS
from support_py.cli import HOTPLATE, clean_environment, hotplate_json
from support_py.dashboard import OF_ROUTE, TOP, asked, one, quantile, rows, served, shown, walk

pytestmark = [*MARKS, pytest.mark.slow]

SLOW, REPAIRED = 9, 12
RULE = "/settings/<project>"
SETTINGS = f"route={quote(shop.ROUTE)}"
TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both variants of the shop under labels, a page that is not there, and the pages around it."""
    demo = tmp_path_factory.mktemp("demo") / "demo"
    shutil.copytree(TOP / "demo", demo, ignore=shutil.ignore_patterns("out", "__pycache__"))
    file = demo / "hotplate.db"
    for label, history, queries, requests in (
        ("before", "threads", "loop", SLOW),
        ("after", "none", "batch", REPAIRED),
    ):
        with shop.running(
            demo / "settings", file, demo / "data", history=history, queries=queries, delay_s=0.02
        ) as server:
            for page in ("/", "/settings/nowhere", "/settings/harbour/history/quay-00", shop.PAGE):
                with suppress(HTTPError), urlopen(server.url + page, timeout=20) as answer:
                    answer.read()
            load = [sys.executable, demo / "load.py", "-n", str(requests), "-c", "1", server.url + shop.PAGE]
            subprocess.run(
                [HOTPLATE, "record", "--store", file, "--label", label, "--", *load],
                check=True,
                capture_output=True,
                timeout=120,
                env=clean_environment(),
            )
    return file


@pytest.fixture(scope="module")
def base(store: Path) -> Iterator[str]:
    with served(store) as address:
        yield address


def told(store: Path, *command: str) -> Any:
    return hotplate_json(*command, "--store", str(store))


def within(store: Path, label: str) -> str:
    """SQL's condition for the requests of a label."""
    from_ns, to_ns = one(store, "select from_ns, to_ns from label where name = ?", label)
    return f"and start_ns >= {from_ns} and start_ns < {to_ns}"


def test_the_overview_and_the_routes(store: Path, base: str) -> None:
    overview, narrow, routes, before = walk(
        base,
        {"hash": "#/?revision=*"},
        {"hash": "#/?revision=*", "width": 390, "dark": True, "axe": True},
        {"hash": "#/routes?revision=*"},
        {"hash": "#/?label=before"},
    )
    whole = one(store, "select sum(wall_ns - own_ns) from request")
    found = rows(
        store, "select method, rule from request join route on route.id = request.route group by 1, 2"
    )
    assert len(found) == 4
    assert f"{one(store, 'select count(*) from request')} recorded 0 dropped" in overview["text"]
    for method, rule in found:
        calls, failed, took = one(
            store, f"select count(*), sum(status >= 500), sum(wall_ns - own_ns) {OF_ROUTE}", rule
        )
        p50, p90, p95, p99 = (shown(quantile(store, rule, q)) for q in (0.5, 0.9, 0.95, 0.99))
        row = f"{method} {rule} {calls} {failed} {p50} {p90} {p95} {p99} "
        assert row in overview["text"]
        assert row in routes["text"]
        assert f"p90 {p90} · p99 {p99}" in narrow["text"]
        if rule == RULE:
            assert f"takes {took / whole * 100:.2g} % of all time, {p50} at the median" in routes["text"]
    report = told(store, "report", "--label", "before")
    assert report["routes"][0]["sentence"] in before["text"]
    for finding in report["findings"][:5]:
        row = [finding["title"], finding["route"], f"{finding['file']}:{finding['line']}"]
        row.append(f"{MINUS}{shown(finding['predicted_saving_ms'])} a request")
        assert re.search(r"( new| fixed| via \S+)? ".join(map(re.escape, row)), before["text"]), row


def test_a_route_of_the_shop(store: Path, base: str) -> None:
    whole, slow = walk(
        base,
        {"hash": f"#/route?{SETTINGS}&revision=*", "wait": "Examples, fastest to slowest"},
        {"hash": f"#/route?{SETTINGS}&label=before", "wait": "Examples, fastest to slowest"},
    )
    for status, calls in rows(store, f"select status, count(*) {OF_ROUTE} group by 1", RULE):
        assert f"status {status} {calls}{TIMES}" in whole["text"]
    label = within(store, "before")
    assert one(store, f"select count(*) {OF_ROUTE} {label}", RULE) == SLOW
    assert f"{SLOW} requests 0 errors" in slow["text"]
    assert f"p95 {shown(quantile(store, RULE, 0.95, label))}" in slow["text"]
    statements = [
        row for row in told(store, "sql", "--label", "before")["statements"] if row["route"] == shop.ROUTE
    ]
    assert sum(row["executions"] for row in statements) == one(
        store, f"select sum(statements) {OF_ROUTE} {label}", RULE
    )
    for row in statements:
        assert f"{row['executions'] / row['requests']:g}{TIMES} {row['executions']} " in slow["text"]


def test_a_request_of_the_shop(store: Path, base: str) -> None:
    columns = "printf('%016x', request_id), wall_ns - own_ns, statements, sql_ns, status"
    label = within(store, "before")
    id_, took, statements, queried, status = one(
        store, f"select {columns} {OF_ROUTE} {label} order by 2 desc limit 1", RULE
    )
    head, sql, calls, tree, facts = walk(
        base,
        {"hash": f"#/request?id={id_}", "wait": "Timeline", "axe": True},
        {"hash": f"#/request?id={id_}&tab=sql", "wait": "statements,"},
        {"hash": f"#/request?id={id_}&tab=calls", "wait": "127.0.0.1"},
        {"hash": f"#/request?id={id_}&tab=tree", "wait": "Fold libraries from"},
        {"hash": f"#/request?id={id_}&tab=facts", "wait": "Phases"},
    )
    assert f"{shop.ROUTE} {status} {shown(took / 1e6)} = " in head["text"]
    faster, others = one(store, f"select sum(wall_ns - own_ns < ?), count(*) - 1 {OF_ROUTE}", took, RULE)
    standing = "the slowest" if faster == others else f"slower than {faster / others * 100:.0f} %"
    assert f"{standing} of its route" in head["text"]
    assert f"{statements} statements, {shown(queried / 1e6)}" in sql["text"]
    assert f"SQL {statements} " in head["text"]
    shows = told(store, "show", id_)
    assert len(shows["lanes"]) == 41
    assert "load_each" in tree["text"]
    assert "View arguments project <str 7>" in facts["text"]
    assert "Calls out 40 " in calls["text"]


def test_lists_of_requests_and_statements(store: Path, base: str) -> None:
    every, missing, sql = walk(
        base,
        {"hash": "#/requests?revision=*&sort=slowest"},
        {"hash": "#/requests?revision=*&status=404"},
        {"hash": "#/sql?revision=*"},
    )
    requests, longest = one(store, "select count(*), max(wall_ns - own_ns) from request")
    assert (
        f"{requests} requests match; the slowest of those shown took {shown(longest / 1e6)}" in every["text"]
    )
    (absent,) = rows(store, "select count(*) from request where status = 404")[0]
    assert f"{absent} requests match" in missing["text"]
    statements = told(store, "sql", "--all")["statements"]
    total, took = one(store, "select sum(statements), sum(sql_ns) from request")
    assert sum(row["executions"] for row in statements) == total
    assert f"{len(statements)} statements took {shown(took / 1e6)}" in sql["text"]
    for row in statements:
        assert shown(row["total_ms"] / row["executions"]) in sql["text"]
        assert shown(row["max_ms"]) in sql["text"]


def test_findings_and_the_comparison(store: Path, base: str) -> None:
    findings = told(store, "report", "--label", "before")["findings"]
    listed, worst, compared, narrow = walk(
        base,
        {"hash": "#/findings?label=before"},
        {"hash": f"#/findings?label=before&id={findings[0]['id']}"},
        {"hash": "#/compare", "wait": "What moved in"},
        {"hash": "#/compare", "width": 390, "dark": True, "axe": True},
    )
    assert {finding["kind"] for finding in findings[:2]} == {"thread_churn", "n_plus_one"}
    for finding in findings:
        assert finding["title"] in listed["text"]
        assert f"{finding['file']}:{finding['line']}" in listed["text"]
    assert f"saves about {shown(findings[0]['predicted_saving_ms'])} of {shop.ROUTE}" in worst["text"]
    assert findings[0]["source"].strip() in worst["text"]
    change = told(store, "compare", "before", "after")
    (route,) = [row for row in change["routes"] if row["route"] == shop.ROUTE]
    old, new = (quantile(store, RULE, 0.5, within(store, label)) for label in ("before", "after"))
    assert route["before_ms"] == pytest.approx(old, rel=1e-4)
    assert f"went from {shown(route['before_ms'])} to {shown(route['after_ms'])}" in compared["text"]
    assert f"{shown(old)} {shown(route['after_ms'])} {MINUS}{shown(-route['change_ms'])}" in compared["text"]
    assert new == pytest.approx(route["after_ms"], rel=0.5)
    fixed = [finding for finding in change["findings"] if finding["state"] == "fixed"]
    assert len(fixed) >= 2
    assert f"{len(fixed)} findings are mended" in compared["text"]
    for finding in fixed[:2]:
        figures = " ".join(shown(finding[f"{name}_saving_ms"]) for name in ("predicted", "measured"))
        assert (
            f"{finding['title']} {finding['file']}:{finding['line']} {shop.ROUTE} {figures}"
            in compared["text"]
        )
    assert f"{shop.ROUTE} went from" in narrow["text"]


def test_what_else_there_is(store: Path, base: str) -> None:
    process, settings, profiles = walk(
        base,
        {"hash": "#/process?revision=*"},
        {"hash": "#/settings"},
        {"hash": "#/profiles?label=before", "wait": "with a tree"},
    )
    assert store.name in settings["text"]
    answer = asked(base, "process?revision=*")
    assert len(answer["workers"]) == one(store, "select count(*) from process where stored > 0")
    for worker in answer["workers"]:
        assert f"process {worker['pid']}" in process["text"].lower()
    assert f"{SLOW} requests with a tree" in profiles["text"]
