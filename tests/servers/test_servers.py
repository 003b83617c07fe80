"""Every way to start an application: as many rows as requests, from every worker, and nothing else changed."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support_py import client, services, store_file
from support_py.cli import RUN, clean_environment, hotplate_json

PATHS = ("/noop", "/sql")
# What a line of trouble looks like in any of these servers' logs, and in ours.
TROUBLE = re.compile(
    r"traceback|\berror\b|exception|critical|locked|not stored|segfault|signal 11|hotplate:.*(lost|drop)",
    re.I,
)


@dataclass(frozen=True)
class Way:
    """A way to serve, and what to expect of it.

    `keep_alive` pins a connection to the worker that took it, so that few connections may all be one worker's. A server
    whose signal ends it on the spot, even in the middle of a request, is `abrupt`: it is given a moment first, for the
    last client has its answer before the last request has ended.
    """

    kind: str
    requests: int
    workers: int = 1
    extra: tuple[str, ...] = ()
    keep_alive: bool = False
    app: str = "tally:app"
    env: tuple[tuple[str, str], ...] = ()
    stop: signal.Signals = signal.SIGTERM
    abrupt: bool = False


FOUR = 4
BIG = 10_000
SMALL = 1_000
GUNICORN = {
    "gunicorn sync": Way("gunicorn-sync", BIG, FOUR),
    "gunicorn gthread": Way("gunicorn-gthread", BIG, FOUR),
    "gunicorn gevent": Way("gunicorn-gevent", BIG, FOUR),
    "gunicorn preload": Way("gunicorn-preload", BIG, FOUR),
    "gunicorn max-requests": Way("gunicorn-sync", BIG, FOUR, ("--max-requests", "200")),
}
OTHERS = {
    "gunicorn gevent keep-alive": Way("gunicorn-gevent", SMALL, keep_alive=True),
    "waitress": Way("waitress", SMALL, keep_alive=True, stop=signal.SIGINT),
    "uwsgi threads": Way("uwsgi", SMALL, 2, abrupt=True),
    "flask run": Way("flask", SMALL, stop=signal.SIGINT, abrupt=True),
    "flask run with reloader": Way("flask-reload", SMALL, stop=signal.SIGINT, abrupt=True),
    "pywsgi": Way("pywsgi", SMALL, keep_alive=True, abrupt=True),
    "python app.py": Way("script", SMALL, abrupt=True),
}
THREADLESS = {
    "uwsgi threadless": Way("uwsgi-threadless", SMALL, 2, abrupt=True),
    "Thread.start raises": Way("gunicorn-sync", SMALL, 2, env=(("TALLY_THREADS", "forbidden"),)),
    "HOTPLATE_THREADS=0": Way("gunicorn-sync", SMALL, 2, env=(("HOTPLATE_THREADS", "0"),)),
    "HOTPLATE_THREADS=0 gthread": Way("gunicorn-gthread", SMALL, 2, env=(("HOTPLATE_THREADS", "0"),)),
}


def rows_of(store: Path) -> list[dict[str, object]]:
    """The requests of a store that the test itself made."""
    return [row for row in store_file.requests(store) if row["rule"] != "/health"]


def wait_stored(store: Path, count: int) -> None:
    """Until so many requests (or more) are in the store, or long enough for a busy machine to have stored them."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len(rows_of(store)) < count:
        time.sleep(0.1)


def serve_and_count(way: Way, folder: Path) -> list[dict[str, object]]:
    """Load the application under `hotplate run` in an empty folder; the rows, after what holds for every way."""
    if way.kind.startswith("uwsgi") and not (Path(sys.executable).parent / "uwsgi").exists():
        pytest.skip("no uWSGI in this environment")
    if way.kind in ("pywsgi", "gunicorn-gevent"):
        pytest.importorskip("gevent")
    assert list(folder.iterdir()) == []
    env = {**clean_environment(dict(way.env)), "PYTHONPATH": str(services.APPS)}
    with services.run_server(
        way.kind, way.app, workers=way.workers, prefix=RUN, extra=way.extra, env=env, cwd=folder
    ) as server:
        done = client.load(server.port, PATHS, way.requests, 16, way.keep_alive)
        assert done.failed == [], server.output()[-2000:]
        assert len(done.ids) == done.sent == way.requests
        store = folder / ".hotplate" / "hotplate.db"
        if way.abrupt:
            wait_stored(store, way.requests)
        services.stop_group(server.process, way.stop)
        log, stdout = server.log.read_text(errors="replace"), server.stdout.read_text(errors="replace")
    assert not [line for line in log.splitlines() if TROUBLE.search(line)], log[-3000:]
    assert "hotplate" not in stdout.lower()
    if way.kind not in ("flask", "flask-reload", "script"):  # these print a banner of their own
        assert stdout == ""
    rows = rows_of(store)
    assert len(rows) == way.requests
    assert {row["hex"] for row in rows} == set(done.ids)
    assert Counter(row["rule"] for row in rows) == {"/noop": way.requests // 2, "/sql": way.requests // 2}
    return rows


def check_answers(folder: Path, count: int) -> None:
    """The command's figures are the rows' figures."""
    routes = {row["rule"]: row for row in hotplate_json("routes", cwd=folder)["routes"]}
    assert {rule: routes[rule]["requests"] for rule in PATHS} == dict.fromkeys(PATHS, count // 2)
    assert routes["/sql"]["sql_per_request"] == pytest.approx(3)
    assert routes["/noop"]["errors"] == 0
    complete = hotplate_json("report", cwd=folder)["completeness"]
    assert (
        complete["recorded"]
        == complete["requests"]
        == len(store_file.requests(folder / ".hotplate" / "hotplate.db"))
    )
    assert (complete["dropped"], complete["lost"], complete["sampled_out"]) == (0, 0, 0)
    some = hotplate_json("requests", cwd=folder)
    listed = some["requests"] if isinstance(some, dict) else some
    known = {row["hex"] for row in store_file.requests(folder / ".hotplate" / "hotplate.db")}
    assert listed
    assert {row["id"] for row in listed} <= known


@pytest.mark.slow
@pytest.mark.parametrize("name", GUNICORN)
def test_ten_thousand_requests_over_four_workers_are_ten_thousand_rows(name: str, tmp_path: Path) -> None:
    rows = serve_and_count(GUNICORN[name], tmp_path)
    by_worker = Counter(row["pid"] for row in rows)
    assert len(by_worker) >= FOUR
    if "--max-requests" in GUNICORN[name].extra:
        assert len(by_worker) >= BIG // 200
        assert max(by_worker.values()) <= 200
    check_answers(tmp_path, BIG)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_server_stores_every_request(name: str, tmp_path: Path) -> None:
    way = OTHERS[name]
    rows = serve_and_count(way, tmp_path)
    assert 1 <= len({row["pid"] for row in rows}) <= way.workers
    check_answers(tmp_path, way.requests)


@pytest.mark.slow
@pytest.mark.parametrize("name", THREADLESS)
def test_every_request_is_stored_where_no_thread_can_be_started(name: str, tmp_path: Path) -> None:
    way = THREADLESS[name]
    serve_and_count(way, tmp_path)
    check_answers(tmp_path, way.requests)


def test_server_that_a_signal_ends_on_the_spot_loses_only_what_is_counted(tmp_path: Path) -> None:
    env = {**clean_environment(), "PYTHONPATH": str(services.APPS)}
    with services.run_server("flask", "tally:app", prefix=RUN, env=env, cwd=tmp_path) as server:
        done = client.load(server.port, PATHS, 400, 16, keep_alive=False)
        services.stop_group(server.process, signal.SIGTERM)
    assert done.failed == []
    complete = hotplate_json("report", cwd=tmp_path)["completeness"]
    rows = store_file.requests(tmp_path / ".hotplate" / "hotplate.db")
    assert complete["recorded"] == len(rows)
    assert complete["recorded"] + complete["lost"] == complete["requests"] == 401
    assert {row["hex"] for row in rows if row["rule"] in PATHS} <= set(done.ids)


def test_few_requests_to_gthread_workers_are_all_stored(tmp_path: Path) -> None:
    """The same on every Python of the matrix, with fewer requests."""
    serve_and_count(Way("gunicorn-gthread", 200, 2), tmp_path)
    check_answers(tmp_path, 200)


def test_max_requests_replaces_workers_and_each_one_counts(tmp_path: Path) -> None:
    way = Way("gunicorn-sync", 200, 2, ("--max-requests", "30"))
    rows = serve_and_count(way, tmp_path)
    assert len({row["pid"] for row in rows}) >= 5


@pytest.mark.slow
def test_reloader_goes_on_after_a_change(tmp_path: Path) -> None:
    source = tmp_path / "tally.py"
    shutil.copy(services.APPS / "tally.py", source)
    env = clean_environment({"PYTHONPATH": str(tmp_path)})
    with services.run_server(
        "flask", "tally:app", prefix=RUN, env=env, cwd=tmp_path, extra=("--debug", "--reload")
    ) as server:
        assert client.ask(server.port, "/noop").status == 200
        text = source.read_text().replace('return "done"', 'return "changed"')
        time.sleep(1.1)  # the reloader compares whole seconds
        source.write_text(text)
        deadline = time.monotonic() + 20
        body = b""
        while b"changed" not in body and time.monotonic() < deadline:
            time.sleep(0.2)
            try:
                body = client.ask(server.port, "/noop").body
            except OSError:
                continue
        assert b"changed" in body, server.output()
        # Debug shows the header with what the request cost.
        assert client.ask(server.port, "/sql").header("Server-Timing")
        noops: list[dict[str, Any]] = []
        # A signal ends flask run at once, and what is still on the way is counted as lost.
        deadline = time.monotonic() + 20
        while len({row["pid"] for row in noops}) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
            rows = store_file.requests(tmp_path / ".hotplate" / "hotplate.db")
            noops = [row for row in rows if row["rule"] == "/noop"]
        services.stop_group(server.process)
    assert len({row["pid"] for row in noops}) >= 2
    assert len(noops) >= 2
    assert len({row["revision"] for row in noops}) == 2


def test_command_keeps_its_status_stdin_and_stdout(tmp_path: Path) -> None:
    code = "import sys; print(sys.stdin.read()[::-1]); sys.exit(7)"
    done = subprocess.run(
        [*RUN, sys.executable, "-c", code],
        input="abc",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (7, "cba\n")
    first, why = done.stderr.splitlines()
    assert first.startswith("hotplate: recording to ")
    assert why.startswith("hotplate: nothing is recorded: ")
    assert not (tmp_path / ".hotplate" / "hotplate.db").exists()


def test_script_that_uses_a_test_client_is_recorded(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from tally import app\nfor _ in range(5):\n    assert app.test_client().get('/sql').status_code == 200\n"
    )
    subprocess.run(
        [*RUN, sys.executable, "script.py"],
        cwd=tmp_path,
        env=clean_environment({"PYTHONPATH": str(services.APPS)}),
        check=True,
        timeout=60,
        capture_output=True,
    )
    rows = store_file.requests(tmp_path / ".hotplate" / "hotplate.db", "/sql")
    assert len(rows) == 5
    assert {row["statements"] for row in rows} == {3}
