"""`hotplate attach PID --inject`: a process that was started without Hotplate begins to record itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from support_py.cli import HOTPLATE, hotplate, hotplate_json
from support_py.services import free_port, run_server, wait_port
from support_py.target import started

pytestmark = [
    pytest.mark.interpreter,
    pytest.mark.skipif(sys.version_info < (3, 14), reason="sys.remote_exec came with CPython 3.14"),
]

SERVER = """
import sys
from flask import Flask
from werkzeug.serving import make_server
app = Flask(__name__)
def work():
    return sum(range(2000))
@app.get("/work")
def view():
    return str(work())
server = make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True)
print("ready", flush=True)
server.serve_forever(poll_interval=0.05)
"""

# Tells on stdin's word whether Hotplate is in it.
IDLE = """
import sys, threading, time
before = list(sys.path)
def tell():
    sys.stdin.readline()
    print("hotplate" in sys.modules, sys.path == before, flush=True)
threading.Thread(target=tell, daemon=True).start()
print("ready", flush=True)
while True:
    time.sleep(PAUSE)
"""


@contextmanager
def target(
    folder: Path,
    source: str,
    *args: str,
    python: Sequence[str] = (sys.executable,),
    user: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A process that has said `ready`, with a working directory of its own."""
    folder.mkdir(exist_ok=True)
    settings = {"PYTHONDONTWRITEBYTECODE": "1"}
    script = folder / "site.app.py"
    with started(script, source, *args, python=python, settings=settings, user=user) as process:
        yield process


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, str]]:
    """pid and address of an application that answers."""
    port = free_port()
    with target(folder, SERVER, str(port)) as process:
        wait_port(port)
        yield process.pid, f"http://127.0.0.1:{port}/work"


def get(url: str, times: int) -> None:
    for _ in range(times):
        with urlopen(url, timeout=10) as answer:
            assert answer.status == 200


def recorded(store: Path, count: int) -> dict[str, Any]:
    """The one route, once that many of its requests are stored."""
    for _ in range(100):
        done = hotplate("routes", "--json", "--store", str(store))
        routes = json.loads(done.stdout)["routes"] if done.returncode == 0 else []
        if routes and routes[0]["requests"] >= count:
            break
        time.sleep(0.1)
    (route,) = routes
    assert isinstance(route, dict)
    return route


def dropped() -> list[Path]:
    return list(Path("/tmp").glob("hotplate-" + "[0-9a-f]" * 16))


def asked_in(process: subprocess.Popen[str]) -> list[str]:
    """Whether Hotplate is in it, and whether its sys.path is what it was."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().split()


def test_a_running_application_records_from_then_on(tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    with serving(tmp_path / "app") as (pid, url):
        get(url, 3)
        done = hotplate("attach", str(pid), "--inject", "--level", "trace", "--store", str(store))
        assert (done.returncode, done.stderr) == (0, ""), done
        assert f"({pid}): recording to {store} at level trace\n" in done.stdout
        get(url, 5)
        assert recorded(store, 5)["requests"] == 5, "and none of those before"
        tree = hotplate_json("tree", "route:GET /work", "--store", str(store))
        assert dropped() == []
    functions = {node["function"]: node for node in tree["nodes"]}
    assert functions["work"]["calls"] == 5
    assert functions["work"]["application"], "the application was there before Hotplate"


def test_without_a_level_it_records_as_the_extension_does(tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    with serving(tmp_path / "app") as (pid, url):
        told = hotplate_json("attach", str(pid), "--inject", "--store", str(store))
        again = hotplate_json("attach", str(pid), "--inject", "--store", str(tmp_path / "b.db"))
        get(url, 2)
        assert recorded(store, 2)["requests"] == 2
    (process,) = told["processes"]
    assert (process["pid"], process["recording"]) == (pid, True)
    assert process["message"] == f"recording to {store} at level monitor"
    assert again["processes"][0]["message"] == process["message"], "where it records already, it stays"
    assert not (tmp_path / "b.db").exists()


@contextmanager
def visitors(url: str) -> Iterator[None]:
    """Somebody asks all the time: a worker that waits for a request takes a script with the next one."""
    gone = threading.Event()

    def visit() -> None:
        while not gone.wait(0.05):
            get(url, 1)

    threads = [threading.Thread(target=visit) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        gone.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("kind", ["gunicorn-sync", "gunicorn-gthread"])
def test_gunicorns_master_and_workers_record_from_then_on(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    source, store = SERVER.split("server =")[0], tmp_path / "a.db"
    (tmp_path / "site_app.py").write_text(source)
    with run_server(kind, "site_app:app", workers=2, cwd=tmp_path, health="/work") as server:
        url, master = server.url + "/work", server.process.pid
        with visitors(url):
            told = hotplate_json("attach", str(master), "--inject", "--level", "trace", "--store", str(store))
        assert [each["recording"] for each in told["processes"]] == [True] * 3, told
        before = recorded(store, 1)["requests"]
        get(url, 20)
        assert recorded(store, before + 20)["requests"] >= before + 20
        server.process.send_signal(signal.SIGHUP)  # new workers, forked by the master
        time.sleep(2)
        before = recorded(store, 1)["requests"]
        get(url, 20)
        assert recorded(store, before + 20)["requests"] == before + 20
        tree = hotplate_json("tree", "route:GET /work", "--store", str(store))
    functions = {node["function"]: node for node in tree["nodes"]}
    assert functions["work"]["application"]
    assert dropped() == []


def test_its_children_record_too_and_what_is_no_python_is_passed_over(tmp_path: Path) -> None:
    source = "import os, subprocess\nsubprocess.Popen(['sleep', '100'])\nos.fork()\n" + IDLE
    source = source.replace('print("ready"', 'os.getppid() == START and print("ready"')
    source = f"import os\nSTART = {os.getpid()}\n" + source.replace("PAUSE", "0.02")
    with target(tmp_path / "app", source) as process:
        told = hotplate_json("attach", str(process.pid), "--inject", "--store", str(tmp_path / "a.db"))
        alone = hotplate_json(
            "attach", str(process.pid), "--inject", "--no-children", "--store", str(tmp_path / "a.db")
        )
    assert [each["recording"] for each in told["processes"]] == [True, True], told
    assert [each["pid"] for each in alone["processes"]] == [process.pid]


def test_hotplate_comes_from_beside_the_command_where_the_process_has_none(tmp_path: Path) -> None:
    python = (os.path.realpath(sys.executable), "-S")
    with target(tmp_path / "app", IDLE.replace("PAUSE", "0.02"), python=python) as process:
        told = hotplate_json("attach", str(process.pid), "--inject", "--store", str(tmp_path / "a.db"))
        assert told["processes"][0]["message"].endswith("at level monitor, once Flask is imported")
        assert asked_in(process) == ["True", "True"]


def test_where_there_is_no_hotplate_one_line_says_so(tmp_path: Path) -> None:
    alone = tmp_path / "hotplate"
    shutil.copy(HOTPLATE, alone)
    python = (os.path.realpath(sys.executable), "-S")
    with target(tmp_path / "app", IDLE.replace("PAUSE", "0.02"), python=python) as process:
        command = [alone, "attach", str(process.pid), "--inject", "--store", tmp_path / "a.db"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "has no Hotplate, and beside this command is none for its Python" in done.stderr
        assert asked_in(process) == ["False", "True"]
    assert dropped() == []


def test_in_a_container_the_store_must_be_the_same_one(tmp_path: Path) -> None:
    hidden, shared = tmp_path / "hidden", tmp_path / "shared"
    hidden.mkdir()
    shared.mkdir()
    container = ("unshare", "-m", "-p", "-f", "--mount-proc", "sh", "-c")
    container += (f'mount -t tmpfs tmpfs {hidden} && exec "$@"', "sh")
    if subprocess.run([*container, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("no namespaces may be made here")
    python = (*container, sys.executable)
    with target(tmp_path / "app", IDLE.replace("PAUSE", "0.02"), python=python) as process:
        refused = hotplate("attach", str(process.pid), "--inject", "--store", str(hidden / "new" / "a.db"))
        assert asked_in(process) == ["False", "True"]
        told = hotplate_json("attach", str(process.pid), "--inject", "--store", str(shared / "a.db"))
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert f"has another {hidden} than this command (a container?)" in refused.stderr
    assert [each["recording"] for each in told["processes"]] == [True], told
    assert dropped() == []


def test_a_request_that_is_not_answered_is_taken_back(tmp_path: Path) -> None:
    with target(tmp_path / "app", IDLE.replace("PAUSE", "1.5")) as process:
        time.sleep(0.2)
        done = hotplate(
            "attach", str(process.pid), "--inject", "--for", "300ms", "--store", str(tmp_path / "a.db")
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "the request is taken back" in done.stderr
        assert dropped() == []
        time.sleep(1.6)
        assert asked_in(process) == ["False", "True"]


def test_a_python_that_takes_no_scripts_is_said_in_one_line(tmp_path: Path) -> None:
    python = (sys.executable, "-X", "disable-remote-debug")
    with target(tmp_path / "app", IDLE.replace("PAUSE", "0.02"), python=python) as process:
        done = hotplate("attach", str(process.pid), "--inject", "--store", str(tmp_path / "a.db"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"process {process.pid} takes no scripts" in done.stderr
    assert dropped() == []


def test_what_goes_wrong_in_the_process_is_told_here_and_not_there(tmp_path: Path) -> None:
    python = (os.path.realpath(sys.executable), "-S")
    shadow = tmp_path / "app" / "hotplate.py"
    shadow.parent.mkdir()
    shadow.write_text("raise RuntimeError('two\\nlines')\n")
    with target(tmp_path / "app", IDLE.replace("PAUSE", "0.02"), python=python) as process:
        done = hotplate("attach", str(process.pid), "--inject", "--store", str(tmp_path / "a.db"))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith(f"({process.pid}): RuntimeError: two lines\n")
        assert asked_in(process)[1] == "True"
    assert dropped() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to start another user's process")
def test_root_asks_another_users_process(tmp_path: Path) -> None:
    folder = Path(f"/tmp/inject-{os.getpid()}")
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    try:
        python = (os.path.realpath(sys.executable), "-S")
        with target(folder, IDLE.replace("PAUSE", "0.02"), python=python, user=65534) as process:
            done = hotplate("attach", str(process.pid), "--inject", "--store", str(folder / "a.db"), "--json")
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["processes"][0]["recording"] is True
    assert dropped() == []
