"""Another application with the same two causes, its repaired twin, and three healthy ones: right, and silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support_py import client, services
from support_py.cli import RUN, clean_environment, hotplate_json
from support_py.quiet import Watch

TEAM = services.APPS / "roster" / "team"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    with services.peer(0.015) as address:
        yield address


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    if not services.has_mariadb():
        pytest.skip("no mariadbd here")
    with services.mariadb() as dsn:
        yield dsn


def report(folder: Path, app: str, paths: list[str], times: int, env: dict[str, str]) -> dict[str, Any]:
    """The report after so many rounds of these pages, without the first request of the process."""
    environment = {**clean_environment(env), "PYTHONPATH": str(services.APPS)}
    with services.run_server("gunicorn-gthread", app, prefix=RUN, env=environment, cwd=folder) as server:
        done = client.load(server.port, paths, times * len(paths), 2, keep_alive=False)
        assert done.failed == [], server.output()[-3000:]
        services.stop_group(server.process)
    found: dict[str, Any] = hotplate_json("report", cwd=folder)
    return found


def line_with(file: Path, text: str) -> int:
    (number,) = [n for n, line in enumerate(file.read_text().splitlines(), 1) if text in line]
    return number


@pytest.mark.service
def test_roster_on_mariadb_has_the_same_two_causes_at_its_own_lines(
    peer: str, mariadb: str, tmp_path: Path
) -> None:
    env = {"ROSTER_DSN": mariadb, "ROSTER_PEER": peer}
    found = report(tmp_path, "roster:create_app()", ["/team/north", "/team/east", "/team/south"], 6, env)
    findings = [f for f in found["findings"] if f["route"] == "GET /team/<name>"]
    kinds = {f["kind"]: f for f in findings}
    assert {findings[0]["kind"], findings[1]["kind"]} == {"thread_churn", "n_plus_one"}, findings
    threads = kinds["thread_churn"]
    assert threads["file"] == "roster/team/views.py"
    assert threads["line"] in (
        line_with(TEAM / "views.py", "with ThreadPoolExecutor"),
        line_with(TEAM / "views.py", "executor.submit"),
    )
    queries = kinds["n_plus_one"]
    assert queries["file"] == "roster/team/shifts.py"
    assert queries["line"] in (
        line_with(TEAM / "shifts.py", "found = [shift_of"),
        line_with(TEAM / "shifts.py", "FROM shifts WHERE member = "),
    )
    (route,) = [row for row in found["routes"] if row["route"] == "GET /team/<name>"]
    assert route["after_all_ms"] < route["now_ms"]
    assert sum(f["predicted_saving_ms"] for f in findings) <= route["now_ms"] * 1.001


@pytest.mark.service
@pytest.mark.parametrize("presence", ["none", "shared"])
def test_repaired_roster_has_neither_cause(presence: str, peer: str, mariadb: str, tmp_path: Path) -> None:
    env = {
        "ROSTER_DSN": mariadb,
        "ROSTER_PEER": peer,
        "ROSTER_SHIFTS": "together",
        "ROSTER_PRESENCE": presence,
    }
    found = report(tmp_path, "roster:create_app()", ["/team/north", "/team/east"], 12, env)
    assert found["completeness"]["recorded"] == 25
    kinds = [f["kind"] for f in found["findings"]]
    assert not {"thread_churn", "n_plus_one", "duplicate_query"} & set(kinds), found["findings"]
    if presence == "none":  # the index that shifts lacks is told where its plan came in time
        assert set(kinds) <= {"missing_index"}, found["findings"]


@pytest.mark.parametrize(
    ("app", "paths"),
    [
        ("clean_feed:app", ["/summary", "/feed", "/feed?before=900", "/export"]),
        ("clean_quotes:app", ["/quote/near", "/quote/mid", "/quote/far"]),
        ("clean_catalog:create_app()", ["/catalog", "/catalog?page=2"]),
    ],
)
def test_clean_applications_have_no_finding(app: str, paths: list[str], peer: str, tmp_path: Path) -> None:
    if app.startswith("clean_catalog"):
        pytest.importorskip("flask_sqlalchemy")
    with Watch() as watch:
        found = report(tmp_path, app, paths, 15, {"CLEAN_DATA": str(tmp_path / "data"), "PEER": peer})
    assert found["completeness"]["recorded"] == 15 * len(paths) + 1
    with watch.judging():  # others make slow what is not
        assert found["findings"] == []
        for route in found["routes"]:
            assert route["after_all_ms"] == pytest.approx(route["now_ms"])
