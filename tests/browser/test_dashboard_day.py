"""The pages over a made-up day of two revisions (tests/tools/mkstore.c): figures against SQL over the store."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from support_py.browse import MARKS
from support_py.dashboard import MKSTORE, OF_ROUTE, asked, one, quantile, rows, served, shown, walk

pytestmark = MARKS

REQUESTS, MINUTES = 5760, 1440
SETTINGS = f"route={quote('GET /settings')}"
TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("day") / "day.db"
    subprocess.run([MKSTORE, file, str(REQUESTS), "3", str(MINUTES)], check=True, timeout=60)
    return file


@pytest.fixture(scope="module")
def base(store: Path) -> Iterator[str]:
    with served(store) as address:
        yield address


def test_routes_and_hours_of_a_day(store: Path, base: str) -> None:
    (page, one_route) = walk(base, {"hash": "#/?revision=*"}, {"hash": "#/routes?revision=*"})
    assert f"{REQUESTS:,} recorded 1 dropped" in page["text"]
    whole = one(store, "select sum(wall_ns - own_ns) from request")
    for method, rule in (("GET", "/settings"), ("GET", "/"), ("POST", "/orders")):
        calls, failed, took = one(
            store, f"select count(*), sum(status >= 500), sum(wall_ns - own_ns) {OF_ROUTE}", rule
        )
        p50, p90, p95, p99 = (shown(quantile(store, rule, q)) for q in (0.5, 0.9, 0.95, 0.99))
        share = f"{took / whole * 100:.2g} %"
        assert f"{method} {rule} {calls:,} {failed} {p50} {p90} {p95} {p99} {share}" in page["text"]
        assert f"{method} {rule}" in one_route["text"]
    hours = asked(base, "overview?revision=*")["hours"]
    by_hour = rows(store, "select start_ns / 3600000000000, count(*) from request group by 1 order by 1")
    assert [(hour["at"] // 3_600_000, hour["requests"]) for hour in hours] == by_hour
    assert len(by_hour) == 24


def test_a_route_over_the_day_and_a_part_of_it(store: Path, base: str) -> None:
    least = quantile(store, "/settings", 0.5)
    noon = one(store, "select min(start_ns) from request") // 1_000_000 + 6 * 3_600_000
    part = f"{SETTINGS}&revision=*&from={noon}&to={noon + 3_600_000}"
    whole, slow, hour = walk(
        base,
        {"hash": f"#/route?{SETTINGS}&revision=*", "wait": "Examples, fastest to slowest"},
        {"hash": f"#/route?{SETTINGS}&revision=*&min_ms={least}&max_ms=100000", "wait": "Below:"},
        {"hash": f"#/route?{part}", "wait": "Below:"},
    )
    calls, statements = one(store, f"select count(*), sum(statements) {OF_ROUTE}", "/settings")
    assert f"{calls:,} requests 0 errors" in whole["text"]
    assert f"status 200 {calls:,}{TIMES}" in whole["text"]
    histogram = asked(base, f"route?{SETTINGS}&revision=*")["histogram"]
    assert sum(bucket["requests"] for bucket in histogram) == calls
    executions = [row["executions"] for row in asked(base, f"route?{SETTINGS}&revision=*")["statements"]]
    assert sum(executions) == statements
    assert f"{max(executions):,}" in whole["text"]
    (above,) = rows(
        store, f"select count(*) {OF_ROUTE} and wall_ns - own_ns >= ?", "/settings", int(least * 1e6)
    )[0]
    assert f"Below: {above:,} requests of" in slow["text"]
    within = f"and start_ns >= {noon}000000 and start_ns < {noon + 3_600_000}000000"
    (during,) = rows(store, f"select count(*) {OF_ROUTE} {within}", "/settings")[0]
    assert f"Below: {during:,} requests of" in hour["text"]
    assert f"median {shown(quantile(store, '/settings', 0.5, within))}" in hour["text"]


def test_lists_of_requests(store: Path, base: str) -> None:
    failed, posts, slowest = walk(
        base,
        {"hash": "#/requests?revision=*&status=errors"},
        {"hash": "#/requests?revision=*&method=POST"},
        {"hash": "#/requests?revision=*&sort=slowest"},
    )
    assert (
        f"{one(store, 'select count(*) from request where status >= 500'):,} requests match" in failed["text"]
    )
    assert f"{one(store, 'select count(*) ' + OF_ROUTE, '/orders'):,} requests match" in posts["text"]
    assert f"{REQUESTS:,} requests match; the slowest of those shown took" in slowest["text"]
    assert shown(one(store, "select max(wall_ns - own_ns) from request") / 1e6) in slowest["text"]


def test_a_request_its_statements_and_its_threads(store: Path, base: str) -> None:
    columns = "printf('%016x', request_id), wall_ns - own_ns, statements, sql_ns"
    id_, took, statements, queried = one(
        store, f"select {columns} from request order by wall_ns desc limit 1"
    )
    head, sql, facts = walk(
        base,
        {"hash": f"#/request?id={id_}", "wait": "Timeline"},
        {"hash": f"#/request?id={id_}&tab=sql", "wait": "statements,"},
        {"hash": f"#/request?id={id_}&tab=facts", "wait": "Phases"},
    )
    assert shown(took / 1e6) in head["text"]
    assert f"{statements} statements, {shown(queried / 1e6)}" in sql["text"]
    assert "rev-a" in facts["text"]
    assert sum(lane["kind"] == "thread" for lane in asked(base, f"request?id={id_}")["lanes"]) == 10


def test_sql_findings_and_comparison(store: Path, base: str) -> None:
    sql, findings, compared, process, settings, source = walk(
        base,
        {"hash": "#/sql?revision=*"},
        {"hash": "#/findings?label=before"},
        {"hash": "#/compare?a=before&b=after", "wait": "GET /settings"},
        {"hash": "#/process?revision=*"},
        {"hash": "#/settings"},
        {"hash": "#/source?file=shop%2Fprofiles.py&line=5&revision=*", "wait": "session.get"},
    )
    statements = asked(base, "sql?revision=*")["statements"]
    total, took = one(store, "select sum(statements), sum(sql_ns) from request")
    assert sum(row["executions"] for row in statements) == total
    assert sum(row["total_ms"] for row in statements) == pytest.approx(took / 1e6, rel=1e-4)
    for row in statements:
        assert f"{row['executions']:,}" in sql["text"]
        assert shown(row["mean_ms"]) in sql["text"]
    assert "40 times" in findings["text"]
    assert "shop/profiles.py:5" in findings["text"]
    old, new = (
        quantile(store, "/settings", 0.5, f"and revision = (select id from string where text = '{name}')")
        for name in ("rev-a", "rev-b")
    )
    assert f"{shown(old)} {shown(new)}" in compared["text"]
    said = r"One process used 140 MB at \d+ \w+ [\d:]+; process 102 grew by 59\.8 MB; one has ended\."
    assert re.search(said, process["text"])
    assert "dropped 1 lost with a process that was killed 0" in process["text"]
    assert "waited for the store 0" in process["text"]
    assert "day.db" in settings["text"]
    assert "rows.append(session.get(Profile, group))" in source["text"]


def test_every_page_of_the_day_fits_a_phone_keeps_nobody_out_and_goes_by_keys(store: Path, base: str) -> None:
    id_ = one(store, "select printf('%016x', request_id) from request limit 1")
    pages = ("", "routes", f"route?{SETTINGS}", "requests", f"request?id={id_}", "sql", "findings", "compare")
    pages += ("profiles", "process", "settings")
    walk(base, *({"hash": f"#/{page}", "width": 390, "dark": True, "axe": True} for page in pages))
    walk(base, *({"hash": f"#/{page}", "axe": True} for page in pages))
    (opened,) = walk(base, {"hash": "#/requests?revision=*", "keys": ["j", "j", "Enter"], "wait": "Timeline"})
    assert opened["hash"].startswith("#/request?")
