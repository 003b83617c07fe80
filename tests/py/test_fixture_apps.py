"""The demo's and the tests' applications do what the findings tests take for granted about them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

TESTS = Path(__file__).resolve().parents[1]
SETTINGS = TESTS.parent / "demo" / "settings"
sys.path[:0] = [str(TESTS), str(TESTS / "apps")]

from support_py import services  # noqa: E402 its folder is on the path only now

pytestmark = pytest.mark.one_python


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    with services.peer(0.005) as address:
        yield address


def body(url: str) -> bytes:
    with urlopen(url, timeout=30) as answer:
        return answer.read()


@pytest.mark.slow
def test_repaired_settings_page_shows_the_same(tmp_path: Path) -> None:
    port = services.free_port()
    history = [sys.executable, "history_service.py", "--port", str(port)]
    process = subprocess.Popen(history, cwd=SETTINGS, start_new_session=True)
    shown = {}
    try:
        services.wait_port(port)
        for queries in ("loop", "batch"):
            env = {
                "SHOP_DATA": str(tmp_path),
                "SHOP_PEAKS": f"http://127.0.0.1:{port}",
                "SHOP_HISTORY": "none",
                "SHOP_QUERIES": queries,
            }
            with services.run_server("flask", "shop", cwd=SETTINGS, env=env) as server:
                shown[queries] = body(server.url + "/settings/harbour")
                peak = body(server.url + "/settings/harbour/history/quay-00")
                assert b'"peak":' in peak.replace(b" ", b"")
    finally:
        services.stop_group(process)
    assert shown["loop"] == shown["batch"]
    assert shown["loop"].count(b"<tr>") == 41


@pytest.mark.parametrize("database", ["sqlite", pytest.param("mariadb", marks=pytest.mark.service)])
def test_roster_variants_answer_alike(database: str, peer: str, tmp_path: Path) -> None:
    pytest.importorskip("pymysql")
    import roster

    def answers(dsn: str, presence: str) -> list[bytes]:
        config = {"DSN": dsn, "PEER": peer, "PRESENCE": presence}
        apps = [roster.create_app({**config, "SHIFTS": shifts}) for shifts in ("each", "together")]
        responses = [app.test_client().get("/team/south") for app in apps]
        assert [response.status_code for response in responses] == [200, 200]
        return [response.data for response in responses]

    def check(dsn: str) -> None:
        assert len({*answers(dsn, "executor"), *answers(dsn, "shared")}) == 1
        assert len(set(answers(dsn, "none"))) == 1

    if database == "sqlite":
        check(f"sqlite:///{tmp_path / 'roster.db'}")
    elif services.has_mariadb():
        with services.mariadb() as dsn:
            check(dsn)
    else:
        pytest.skip("no mariadbd here")


@pytest.mark.parametrize("kind", ["flask", "gunicorn-sync"])
def test_corpus_gives_its_statuses_and_the_same_bytes_twice(kind: str) -> None:
    import http.client

    from corpus import CASES, Case

    def ask(port: int, case: Case) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(case.method, case.path, body=case.body or None, headers=case.headers)
        response = connection.getresponse()
        headers = [header for header in response.getheaders() if header[0] != "Date"]
        try:
            content = response.read()
        except http.client.IncompleteRead as error:
            assert case.broken
            content = error.partial
        connection.close()
        return response.status, headers, content

    with services.run_server(kind, "corpus:app") as server:
        for case in CASES:
            first = ask(server.port, case)
            assert case.status in (None, first[0]), case.name
            assert ask(server.port, case) == first, case.name


@pytest.mark.parametrize(
    ("app", "path"),
    [
        ("clean_feed:app", "/summary"),
        ("clean_feed:app", "/export"),
        ("clean_quotes:app", "/quote/mid"),
        ("clean_catalog:create_app()", "/catalog"),
    ],
)
def test_clean_applications_start_in_an_empty_folder_with_several_workers(
    app: str, path: str, peer: str, tmp_path: Path
) -> None:
    if app.startswith("clean_catalog"):
        pytest.importorskip("flask_sqlalchemy")
    env = {"CLEAN_DATA": str(tmp_path), "PEER": peer}
    with services.run_server("gunicorn-gthread", app, workers=3, env=env) as server:
        bodies = {body(server.url + path) for _ in range(6)}
        assert len(bodies) == 1, server.output()
        assert len(bodies.pop()) > 100


def test_bench_application_repeats_its_calls_exactly() -> None:
    import cProfile
    import pstats

    pytest.importorskip("sqlalchemy")
    from bench_orm import app

    def calls(path: str) -> int:
        client = app.test_client()
        assert client.get(path).status_code == 200
        profile = cProfile.Profile()
        profile.runcall(client.get, path)
        return pstats.Stats(profile).total_calls

    assert 15_000 < calls("/orm") == calls("/orm") < 30_000
    assert calls("/cpu") > 10_000
