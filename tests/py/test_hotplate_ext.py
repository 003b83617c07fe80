"""Hotplate(app): arguments, scope, Server-Timing, and a store that gives trouble while the application goes on."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support_py import wsgi
from support_py.cli import RUN, clean_environment, hotplate, hotplate_json
from support_py.isolated import run_isolated
from support_py.store_file import Trees, processes, requests

pytestmark = pytest.mark.interpreter

Pages = list[tuple[str, dict[str, str]]]


# ---- what runs in a process of its own ----


def serve(
    store: str | None, arguments: dict[str, Any], pages: Pages, config: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Hotplate(app, …) over a small application; status line and headers a page, then counts, status and trouble."""
    import hotplate
    from hotplate.flask import Hotplate
    from tally import app

    app.config.update(config or {})
    if "debug" in (config or {}):
        app.debug = True
    Hotplate(app, **({"store": store} if store else {}), **arguments)
    answers = []
    for path, environ in pages:
        line, headers, body = wsgi.call(app, path, **environ)
        answers.append({"line": line, "headers": headers, "body": body.decode()})
    flushed = hotplate.flush(1000)
    return {"answers": answers, "counts": hotplate.counts(), "status": hotplate.status(), "flushed": flushed}


def serve_factory(store: str) -> dict[str, Any]:
    """init_app on two applications of one process."""
    import hotplate
    from flask import Flask
    from hotplate.flask import Hotplate

    ours = Hotplate(store=store)
    ids = []
    for number in range(2):
        app = Flask(f"factory{number}")
        app.add_url_rule("/only", view_func=lambda: "only", endpoint=f"only{number}")
        ours.init_app(app)
        assert app.extensions["hotplate"] is ours
        ids.append(wsgi.call(app, "/only")[1]["X-Hotplate-Id"])
    hotplate.flush(5000)
    return {"ids": ids, "level": hotplate.status()["level"]}


def serve_compressed(store: str) -> None:
    """A page as it is, and one that is compressed."""
    import hotplate
    from flask import Flask
    from hotplate.flask import Hotplate

    app = Flask("compressed")
    app.add_url_rule(
        "/plain", view_func=lambda: ("x" * 900, {"X-Content-Encoding": "gzip"}), endpoint="plain"
    )
    app.add_url_rule("/small", view_func=lambda: ("x", {"content-Encoding": "gzip"}), endpoint="small")
    Hotplate(app, store=store)
    for path in ("/plain", "/small"):
        wsgi.call(app, path)
    hotplate.flush(5000)


def serve_under_lock(store: str) -> dict[str, Any]:
    """Requests while another connection holds the store for 3 s, and after it let go."""
    import threading

    import hotplate
    from hotplate.flask import Hotplate
    from tally import app

    Hotplate(app, store=store)
    wsgi.call(app, "/noop")
    assert hotplate.flush(5000)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sqlite3, sys, time\n"
            "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "c.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\ntime.sleep(3)\nc.execute('ROLLBACK')\n",
            store,
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    slowest = 0.0
    until = time.monotonic() + 2.6
    asked = 0
    trouble = ""
    while time.monotonic() < until:
        start = time.perf_counter()
        assert wsgi.call(app, "/sql")[0] == "200 OK"
        slowest = max(slowest, time.perf_counter() - start)
        asked += 1
        trouble = trouble or hotplate.status()["trouble"]
        time.sleep(0.005)
    holder.wait()
    assert threading.active_count() == 1
    return {
        "asked": asked,
        "slowest": slowest,
        "trouble": trouble,
        "flushed": hotplate.flush(10_000),
        "after": hotplate.status()["trouble"],
        "counts": hotplate.counts(),
    }


def fill_disk(folder: str, filler: int) -> dict[str, Any]:
    """Requests on a small file system: with room, full, and with room again."""
    import hotplate
    from hotplate.flask import Hotplate
    from tally import app

    Hotplate(app, store=f"{folder}/s.db")
    for _ in range(20):
        assert wsgi.call(app, "/sql")[0] == "200 OK"
    assert hotplate.flush(5000)
    with open(f"{folder}/filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * filler)
        except OSError:
            pass
    for _ in range(3000):
        assert wsgi.call(app, "/sql")[0] == "200 OK"
    hotplate.flush(1500)
    full = {"trouble": hotplate.status()["trouble"], "counts": hotplate.counts()}
    os.unlink(f"{folder}/filler")
    deadline = time.monotonic() + 15
    while not hotplate.flush(1000) and time.monotonic() < deadline:
        pass
    for _ in range(5):
        assert wsgi.call(app, "/sql")[0] == "200 OK"
    return {
        "full": full,
        "flushed": hotplate.flush(8000),
        "trouble": hotplate.status()["trouble"],
        "counts": hotplate.counts(),
    }


def wrong_arguments() -> list[str]:
    """What each wrong argument raises."""
    from flask import Flask
    from hotplate.flask import Hotplate

    said = []
    for arguments in (
        {"level": "everything"},
        {"sample": 0},
        {"route": ["("]},
        {"ignore": ["*"]},
        {"max_store": "many"},
        {"no_such_argument": 1},
    ):
        app = Flask(__name__)
        try:
            Hotplate(app, **arguments)  # type: ignore[arg-type]
        except (ValueError, TypeError) as error:
            said.append(f"{type(error).__name__}: {error}")
        else:
            said.append("nothing")
    return said


# ---- arguments and scope ----


def test_records_at_level_monitor_by_default(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    found = run_isolated(serve, str(store), {}, [("/sql", {}), ("/noop", {})])
    assert found["status"]["level"] == 1
    assert found["flushed"]
    rows = requests(store)
    assert [row["hex"] for row in rows] == [a["headers"]["X-Hotplate-Id"] for a in found["answers"]]
    assert [row["statements"] for row in rows] == [3, 0]
    assert {row["level"] for row in rows} == {1}
    assert Trees(store).ids() == set()
    assert all(len(row["hex"]) == 16 for row in rows)


def test_compressed_response_is_known_as_one(tmp_path: Path) -> None:
    run_isolated(serve_compressed, str(tmp_path / "s.db"))
    encoded = {row["rule"]: bool(row["flags"] & 4096) for row in requests(tmp_path / "s.db")}
    assert encoded == {"/plain": False, "/small": True}


def test_init_app_serves_several_applications(tmp_path: Path) -> None:
    found = run_isolated(serve_factory, str(tmp_path / "s.db"))
    assert [row["hex"] for row in requests(tmp_path / "s.db")] == found["ids"]
    assert {row["rule"] for row in requests(tmp_path / "s.db")} == {"/only"}


def test_wrong_arguments_raise_when_the_application_is_built() -> None:
    said = run_isolated(wrong_arguments)
    assert [text.partition(":")[0] for text in said] == ["ValueError"] * 5 + ["TypeError"]
    assert "everything" in said[0]
    assert "sample" in said[1]
    assert "(" in said[2]
    assert "many" in said[4]


def test_store_is_taken_from_the_configuration_and_made_private(tmp_path: Path) -> None:
    store = tmp_path / "deep" / "s.db"
    found = run_isolated(serve, None, {}, [("/noop", {})], {"HOTPLATE_STORE": str(store)})
    assert found["flushed"]
    assert len(requests(store)) == 1
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700
    assert (store.parent / ".gitignore").exists()


def test_what_is_out_of_scope_is_counted_as_sampled_out(tmp_path: Path) -> None:
    pages: Pages = [("/noop", {}), ("/sql", {}), ("/health", {}), ("/work", {})]
    for arguments, kept in (
        ({"ignore": ["/sql", "^GET /health$"]}, ["/noop", "/work"]),
        ({"route": ["^/(noop|sql)"]}, ["/noop", "/sql"]),
        ({"route": "^/sql"}, ["/sql"]),
        ({"sample": 2}, ["/noop", "/health"]),
    ):
        store = tmp_path / f"{next(iter(arguments))}{len(kept)}.db"
        found = run_isolated(serve, str(store), arguments, pages)
        assert [row["rule"] for row in requests(store)] == kept, arguments
        assert [a["line"] for a in found["answers"]] == ["200 OK"] * 4
        assert found["counts"]["sampled_out"] == 4 - len(kept)
        for page, answer in zip(pages, found["answers"], strict=True):
            assert ("X-Hotplate-Id" in answer["headers"]) == (page[0] in kept)
        complete = hotplate_json("report", "--store", str(store))["completeness"]
        assert (complete["requests"], complete["recorded"], complete["dropped"]) == (4, len(kept), 0)


def test_slow_keeps_detail_only_above_it(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    run_isolated(serve, str(store), {"slow_ms": 1000.0, "level": "trace"}, [("/sql", {})] * 3)
    rows = requests(store)
    assert len(rows) == 3
    assert Trees(store).ids() == set()
    run_isolated(serve, str(tmp_path / "t.db"), {"slow_ms": 0.001, "level": "trace"}, [("/sql", {})] * 3)
    assert len(Trees(tmp_path / "t.db").ids()) == 3


# ---- Server-Timing ----


@pytest.mark.parametrize(
    ("environ", "arguments", "config", "expected"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, {}, {}, True),
        ({"REMOTE_ADDR": "::1"}, {}, {}, True),
        ({"REMOTE_ADDR": "192.0.2.7"}, {}, {}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}, {}, {}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=192.0.2.7"}, {}, {}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "192.0.2.7"}, {}, {}, False),
        ({"REMOTE_ADDR": "192.0.2.7"}, {}, {"debug": 1}, True),
        ({"REMOTE_ADDR": "192.0.2.7"}, {"server_timing": True}, {}, True),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"server_timing": False}, {}, False),
    ],
)
def test_server_timing_goes_to_those_who_may_see_it(
    environ: dict[str, str], arguments: dict[str, Any], config: dict[str, Any], expected: bool, tmp_path: Path
) -> None:
    found = run_isolated(serve, str(tmp_path / "s.db"), arguments, [("/sql", environ)], config)
    headers = found["answers"][0]["headers"]
    assert "X-Hotplate-Id" in headers
    assert ("Server-Timing" in headers) == expected
    if expected:
        parts = [part.strip().split(";") for part in headers["Server-Timing"].split(",")]
        by_name = {part[0]: part[1:] for part in parts}
        assert by_name["db"][1] == 'desc="3 queries"'
        total, app, db = (float(by_name[name][0].removeprefix("dur=")) for name in ("total", "app", "db"))
        assert 0 < db < total < 10_000
        assert app == pytest.approx(total - db, abs=0.01)


# ---- a store that gives trouble ----


def check_goes_on(found: dict[str, Any], pages: int) -> None:
    """The application answered everything, what was not stored is counted, and the trouble is one line."""
    assert [a["line"] for a in found["answers"]] == ["200 OK"] * pages
    counts = found["counts"]
    assert counts["finished"] == pages
    assert counts["stored"] == 0
    trouble = found["status"]["trouble"]
    assert trouble
    assert "\n" not in trouble


def one_line(store: Path) -> str:
    """What the command says of the store: one line on stderr, status 1."""
    done = hotplate("report", "--store", str(store))
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert str(store) in done.stderr
    return done.stderr


@pytest.mark.one_python
def test_foreign_file_is_left_alone(tmp_path: Path) -> None:
    store = tmp_path / "shop.db"
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE TABLE article (id INTEGER)")
    before = store.read_bytes()
    check_goes_on(run_isolated(serve, str(store), {}, [("/sql", {})] * 5), 5)
    assert store.read_bytes() == before
    assert one_line(store)


@pytest.mark.one_python
def test_corrupt_store_is_told_in_one_line(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    run_isolated(serve, str(store), {}, [("/sql", {})] * 5)
    for name in ("s.db-wal", "s.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    data = bytearray(store.read_bytes())
    data[100:] = os.urandom(len(data) - 100)
    store.write_bytes(data)
    check_goes_on(run_isolated(serve, str(store), {}, [("/sql", {})] * 5), 5)
    assert one_line(store)


@pytest.mark.one_python
def test_text_file_is_no_store(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    store.write_text("not a database at all\n" * 100)
    check_goes_on(run_isolated(serve, str(store), {}, [("/sql", {})] * 5), 5)
    assert store.read_text() == "not a database at all\n" * 100
    assert one_line(store)


@pytest.mark.one_python
def test_missing_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    check_goes_on(run_isolated(serve, str(tmp_path / "file" / "s.db"), {}, [("/sql", {})] * 5), 5)


@pytest.mark.one_python
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_folder_that_may_not_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/") and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    program = (
        "import os, sys\nimport hotplate\nfrom hotplate.flask import Hotplate\nfrom tally import app\n"
        "import sysconfig; sysconfig.get_config_vars()\n"
        "app.test_client().get('/sql')\n"  # nothing is imported after the next line: this Python may be root's alone
        "os.setgroups([])\nos.setgid(65534)\nos.setuid(65534)\n"
        "Hotplate(app, store=sys.argv[1])\n"
        "assert app.test_client().get('/sql').status_code == 200\nhotplate.flush(1500)\n"
        "print(hotplate.counts()['stored'], hotplate.status()['trouble'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder / "s.db")],
        env=clean_environment({"PYTHONPATH": f"{Path(__file__).parents[1] / 'apps'}", "HOME": "/tmp"}),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    stored, _, trouble = done.stdout.strip().partition(" ")
    assert stored == "0"
    assert str(folder) in trouble
    assert list(folder.iterdir()) == []


def test_missing_store_is_one_line_and_an_empty_one_is_fine(tmp_path: Path) -> None:
    assert one_line(tmp_path / "none.db")
    store = tmp_path / "s.db"
    run_isolated(serve, str(store), {"ignore": ["."]}, [("/noop", {})] * 3)
    if store.exists():
        assert hotplate_json("routes", "--store", str(store))["routes"] == []
    done = hotplate("report", "--store", str(tmp_path / "none.db"), "--json")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)


@pytest.mark.slow
def test_locked_store_delays_nobody_and_loses_nothing(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    found = run_isolated(serve_under_lock, str(store))
    assert found["flushed"]
    assert found["after"] == ""
    assert found["slowest"] < 0.5
    assert found["asked"] > 50
    assert len(requests(store)) == found["asked"] + 1 == found["counts"]["stored"]
    assert found["trouble"]


@pytest.mark.slow
def test_full_disk_is_survived_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        found = run_isolated(fill_disk, str(folder), 4096)
        full, end = found["full"], found["counts"]
        assert full["trouble"]
        assert full["counts"]["finished"] == 3020
        assert full["counts"]["stored"] < 3020
        assert found["flushed"]
        assert found["trouble"] == ""
        dropped = sum(end[name] for name in end if name.startswith("dropped_") and name != "dropped_tree")
        assert end["finished"] == 3025 == end["stored"] + dropped
        assert len(requests(folder / "s.db")) == end["stored"]
        complete = hotplate_json("report", "--store", str(folder / "s.db"))["completeness"]
        assert complete["dropped"] == dropped
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.mark.one_python
def test_run_names_the_trouble_once_at_the_end(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    store.write_text("not a database at all\n" * 100)
    since = time.monotonic()
    done = subprocess.run(
        [
            *RUN,
            sys.executable,
            "-c",
            "from tally import app\nfor _ in range(3): app.test_client().get('/noop')",
        ],
        env=clean_environment(
            {"PYTHONPATH": f"{Path(__file__).parents[1] / 'apps'}", "HOTPLATE_STORE": str(store)}
        ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if "not stored" in line]
    assert len(said) == 1, done.stderr
    assert "3 of 3" in said[0]
    assert time.monotonic() - since < 3.5, "the end waited for a store that nobody mends"


def test_processes_tell_who_they_are(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    run_isolated(serve, str(store), {}, [("/noop", {})])
    (process,) = processes(store)
    assert process["interpreter"] == f"cpython {sys.version.split()[0]}"
    assert (process["started"], process["finished"], process["stored"]) == (1, 1, 1)
    assert process["errors"] == 0
