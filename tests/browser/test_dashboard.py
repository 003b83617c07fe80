"""The dashboard as somebody sees it: a small application is recorded, `hotplate serve` shows it, Chromium walks it.

Figures are compared with SQL over the store.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from support_py import services
from support_py.browse import MARKS
from support_py.dashboard import asked, rows, served, shown, walk

PAGES = (
    *("", "routes", "route", "requests", "request", "sql", "findings", "compare", "profiles", "process"),
    *("settings", "source"),
)
TIMES = "\N{MULTIPLICATION SIGN}"

pytestmark = MARKS

APPLICATION = '''
"""shop -- what the dashboard is to show: one statement again and again, threads, failures, markup."""
import sqlite3, sys, threading, time
from flask import Flask, render_template_string

app = Flask(__name__)
base = sqlite3.connect("shop.db", check_same_thread=False)
base.execute("create table item (id integer primary key, name text)")
base.executemany("insert into item (name) values (?)", [(str(n),) for n in range(30)])

@app.get("/items")
def items():
    names = []
    for n in range(1, 31):
        names.append(base.execute("select name from item where id = ?", (n,)).fetchone())
        time.sleep(0.0005)
    return render_template_string("{{ names | length }}", names=names)

@app.get("/threads")
def threads():
    started = [threading.Thread(target=time.sleep, args=(0.02,)) for _ in range(5)]
    for each in started: each.start()
    for each in started: each.join()
    return "done"

@app.get("/fails")
def fails():
    raise ValueError("<img src=x onerror=document.title='owned'>")

@app.get("/<b>/markup")
def markup(b):
    return "ok"

client = app.test_client()
for _ in range(24): client.get("/items")
for _ in range(12): client.get("/threads")
for _ in range(3): client.get("/fails")
client.get("/<b>/markup")
'''


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dashboard")
    (folder / "shop.py").write_text(textwrap.dedent(APPLICATION))
    file = folder / "store.db"
    subprocess.run(
        ["hotplate", "run", "--no-serve", "--store", file, "--", sys.executable, "shop.py"],
        cwd=folder,
        check=True,
        timeout=60,
        capture_output=True,
        env=os.environ | {"HOTPLATE_REVISION": "r1"},
    )
    return file


@pytest.fixture(scope="module")
def base(store: Path) -> Iterator[str]:
    """The dashboard's address."""
    with served(store) as address:
        yield address


def durations(store: Path, rule: str) -> list[float]:
    """Milliseconds of a route's requests, fastest first."""
    found = rows(
        store,
        "select wall_ns - own_ns from request join route on route.id = request.route where rule = ? order by 1",
        rule,
    )
    return [ns / 1e6 for (ns,) in found]


def test_the_overview_shows_what_the_store_holds(store: Path, base: str) -> None:
    (recorded,) = rows(store, "select count(*) from request")[0]
    assert recorded == 40
    routes = {row["route"]: row for row in asked(base, "overview")["routes"]}
    times = durations(store, "/items")
    assert len(times) == 24
    items = routes["GET /items"]
    assert items["p50_ms"] == pytest.approx(statistics.median(times), rel=0.05)
    (page, narrow) = walk(base, {"hash": "#/"}, {"hash": "#/", "width": 390, "dark": True})
    text = page["text"]
    assert f"{recorded} recorded 0 dropped" in text
    assert "30 times" in text
    quantiles = " ".join(shown(items[f"p{q}_ms"]) for q in (50, 90, 95, 99))
    assert f"GET /items 24 0 {quantiles}" in text
    assert "GET /fails 3 3" in text
    assert page["title"] == "Overview · Hotplate"
    assert "GET /<b>/markup" in text
    assert "What to mend first" in narrow["text"]
    more = f"24 calls · p90 {shown(items['p90_ms'])} · p99 {shown(items['p99_ms'])}"
    assert more in narrow["text"]
    assert "GET /fails 3 calls · 3 failed · p90" in narrow["text"]


def test_a_route_and_a_request_of_it(store: Path, base: str) -> None:
    slowest = rows(
        store,
        "select printf('%016x', request_id), wall_ns - own_ns, statements from request join route on route.id = route"
        " where rule = '/items' order by 2 desc limit 1",
    )[0]
    route = f"route={quote('GET /items')}"
    median = statistics.median(durations(store, "/items"))
    pages = walk(
        base,
        {"hash": f"#/route?{route}", "wait": "select name from item where id = ?"},
        {"hash": f"#/route?{route}&min_ms={median}&max_ms=100000", "wait": "Below:"},
        {"hash": f"#/route?{route}", "keys": ["f"], "wait": "24 requests with a tree"},
        {"hash": f"#/request?id={slowest[0]}"},
        {"hash": f"#/request?id={slowest[0]}", "keys": ["t"], "wait": "Fold libraries from"},
        {"hash": f"#/request?id={slowest[0]}", "keys": ["s"], "wait": "statements,"},
        {"hash": f"#/request?id={slowest[0]}&view=graph", "wait": "functions"},
        {"hash": f"#/request?id={slowest[0]}&tab=facts", "wait": "Phases"},
        {"hash": f"#/request?id={slowest[0]}&width=390", "width": 390, "dark": True},
    )
    whole, brushed, tree, head, calls, sql, *_ = (page["text"] for page in pages)
    assert "24 requests 0 errors" in whole
    assert f"30{TIMES} 720" in whole
    above = sum(1 for ms in durations(store, "/items") if ms >= median)
    assert f"Below: {above} requests of" in brushed
    assert "items" in tree
    assert shown(slowest[1] / 1e6) in head
    assert "shop.py" in calls
    assert f"{slowest[2]} statements," in sql
    assert f"30{TIMES}" in sql


def test_every_other_page(store: Path, base: str) -> None:
    (executions,) = rows(store, "select sum(statements) from request")[0]
    finding = asked(base, "findings")["findings"][0]
    pages = walk(
        base,
        {"hash": "#/routes"},
        {"hash": "#/requests?status=errors"},
        {"hash": "#/requests?sort=slowest"},
        {"hash": "#/sql"},
        {"hash": "#/findings"},
        {"hash": f"#/findings?id={finding['id']}"},
        {"hash": "#/compare"},
        {"hash": "#/compare?a=r1&b=r1"},
        {"hash": "#/profiles", "wait": "requests with a tree"},
        {"hash": "#/process"},
        {"hash": "#/settings"},
    )
    routes, failed, slowest, sql, findings, one, nothing, same, profiles, process, settings = (
        page["text"] for page in pages
    )
    assert "4 routes; GET /" in routes
    assert "3 requests match" in failed
    assert "ValueError" in failed
    assert "40 requests match" in slowest
    assert "1 statement took" in sql
    assert f"{executions} 30{TIMES}" in sql
    assert finding["title"] in findings
    assert finding["advice"].split(":")[0] in one
    assert "nothing to compare yet" in nothing
    assert "No route's median changed" in same
    assert "itself" in profiles
    assert "One process use" in process
    assert "store.db" in settings


def test_p95_of_a_statement_is_that_of_its_executions(store: Path, base: str) -> None:
    ids = rows(store, "select printf('%016x', request_id) from request where statements > 0")
    times = sorted(
        run["execute_ms"] + run["fetch_ms"]
        for (id_,) in ids
        for run in asked(base, f"request?id={id_}")["executions"]
    )
    (row,) = asked(base, "sql?sort=p95")["statements"]
    assert (row["p95_of"], len(times)) == (720, 720)
    assert row["p95_ms"] == pytest.approx(times[684 - 1], abs=2e-6)
    (page,) = walk(base, {"hash": "#/sql?sort=p95"})
    assert f"{shown(row['mean_ms'])} {shown(row['p95_ms'])} {shown(row['max_ms'])}" in page["text"]


def saved(base: str, request: str, folder: Path) -> str:
    """The address of a request's page as its button saves it."""
    with urlopen(f"{base}api/v1/export?id={request}", timeout=10) as answer:
        assert answer.headers["Content-Disposition"] == f'attachment; filename="hotplate-{request}.html"'
        page = answer.read()
    assert page.count(b"</script>") == 2
    file = folder / f"{request}.html"
    file.write_bytes(page)
    return file.as_uri()


def test_a_saved_request_shows_the_same_from_a_file(store: Path, base: str, tmp_path: Path) -> None:
    (request,) = rows(
        store,
        "select printf('%016x', request_id) from request join route on route.id = route where rule = '/items' limit 1",
    )[0]
    file = saved(base, request, tmp_path)
    steps: list[dict[str, Any]] = [
        {"hash": f"#/request?id={request}", "wait": "a request"},
        {"hash": f"#/request?id={request}&tab=tree", "wait": "Fold libraries from"},
        {"hash": f"#/request?id={request}&tab=sql", "wait": "statements,"},
    ]
    there = walk(base, *steps)
    here = walk(
        file, *steps, {"hash": "", "width": 390, "dark": True, "axe": True}, {"hash": "#/routes", "axe": True}
    )
    for step, live, page in zip(steps, there, here, strict=False):
        assert page["text"].partition("Timeline")[2] == live["text"].partition("Timeline")[2] != "", step
    assert here[-1]["hash"] == here[-2]["hash"] == f"#/request?id={request}"
    links = {kind_of(link): link for link in here[0]["links"]}
    assert {page.removeprefix(file) for page, _ in links} == {"#/request", "#/source", "#/findings"}
    findings = asked(base, f"findings?route={quote('GET /items')}")["findings"]
    pages = walk(file, *({"hash": link.removeprefix(file)} for link in links.values()))
    assert all("saved from" not in page["text"] for page in pages)
    assert any(finding["advice"].split(":")[0] in page["text"] for finding in findings for page in pages)
    assert any("What line" in page["text"] for page in pages)


def test_the_command_line_saves_the_same_page(store: Path, base: str, tmp_path: Path) -> None:
    (request,) = rows(store, "select printf('%016x', request_id) from request where status = 500 limit 1")[0]
    file = tmp_path / "request.html"
    subprocess.run(
        ["hotplate", "show", request, "--html", "-o", file, "--store", store],
        check=True,
        timeout=30,
        cwd=tmp_path,
    )
    by_button = Path(saved(base, request, tmp_path).removeprefix("file://")).read_text()
    payload = re.compile(r'(?<=octet-stream">)[^<]+')
    assert payload.sub("", file.read_text()) == payload.sub("", by_button)
    (page,) = walk(file.as_uri(), {"hash": f"#/request?id={request}&tab=exception"})
    assert "<img src=x onerror=" in page["text"]
    assert page["title"].startswith("Request")


def test_what_is_not_there_is_said(base: str) -> None:
    (page,) = walk(base, {"hash": "#/request?id=0000000000000000"}, trouble=True)
    assert "No request 0000000000000000 in the store." in page["text"]


def test_a_finding_is_muted_and_comes_back(store: Path, base: str) -> None:
    finding = asked(base, "findings")["findings"][0]
    address = f"#/findings?id={finding['id']}"
    walk(base, {"hash": address, "click": ["Mute…", "Mute"], "wait": "muted"})
    assert finding["id"] not in [row["id"] for row in asked(base, "findings")["findings"]]
    assert rows(store, "select count(*) from finding where muted")[0][0] == 1
    (page,) = walk(base, {"hash": "#/findings", "click": ["unmute"], "wait": finding["title"]})
    assert finding["id"] in [row["id"] for row in asked(base, "findings")["findings"]]
    assert finding["title"] in page["text"]


def test_an_empty_store_says_the_one_command(store: Path, tmp_path: Path) -> None:
    empty = tmp_path / "store.db"
    shutil.copy(store, empty)
    with sqlite3.connect(empty) as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            if table not in ("counter", "process") and not table.startswith("sqlite"):
                connection.execute(f"delete from {table}")
    with served(empty) as address:
        (page,) = walk(address, {"hash": "#/"})
    assert "Nothing is recorded yet." in page["text"]
    assert "hotplate run -- flask --app yourapp run" in page["text"]


def kind_of(link: str) -> tuple[str, tuple[str, ...]]:
    """Links of one kind lead to the same page with other values."""
    page, _, query = link.partition("?")
    return page, tuple(sorted(part.partition("=")[0] for part in query.split("&")))


@pytest.mark.slow
@pytest.mark.skipif(not services.has_nginx(), reason="nginx is not here (tools/setup)")
def test_every_link_works_behind_nginx_below_a_path(store: Path) -> None:
    with served(store, "--token", "open sesame") as upstream, services.nginx(upstream, "/a/b/") as base:
        seen = {kind_of("#/"): "#/"}
        todo = ["#/"]
        while todo:
            found = walk(base, *({"hash": fragment} for fragment in todo), token="open sesame")
            links = {link for page in found for link in page["links"]}
            assert [link for link in links if not link.startswith(base)] == []
            assert all("there is no such" not in page["text"] for page in found)
            todo = []
            for link in sorted(links):
                fragment = link.removeprefix(base)
                if kind_of(fragment) not in seen:
                    seen[kind_of(fragment)] = fragment
                    todo.append(fragment)
        pages = {page for page, _ in seen}
        assert pages >= {f"#/{page}" for page in PAGES}, pages
