"""Findings whose evidence is waits: an application with known delays under `hotplate run`, and what its report says."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support_py import peers
from support_py.cli import hotplate, hotplate_json

pytestmark = pytest.mark.one_python

# An application, and a driver that asks for each path in turn. Lines that a finding must name end in a mark.
APP = """
import asyncio, json, logging, os, socket, ssl, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor

import requests
from flask import Flask

ports = json.loads(os.environ["PORTS"])
PLAIN, TLS = f"http://127.0.0.1:{ports['http']}", ports.get("tls")
app = Flask(__name__)
session = requests.Session()
pool = ThreadPoolExecutor(4)
lock = threading.Lock()
insecure = ssl.create_default_context()
insecure.check_hostname = False
insecure.verify_mode = ssl.CERT_NONE


def fetch(ms):
    return session.get(f"{PLAIN}/{ms}").text  # helper


def hold_lock(held):
    with lock:
        held.set()
        time.sleep(0.03)


class Synced(logging.Handler):
    def emit(self, record):
        time.sleep(0.004)


log = logging.getLogger("shop")
log.addHandler(Synced())
log.propagate = False


@app.get("/loop")
def loop():
    out = []
    for _ in range(5):
        out.append(fetch(20))  # loop
    return str(len(out))


@app.get("/token")
def token():
    first = fetch(15)
    second = fetch(20)
    return first + second


@app.get("/parallel")
def parallel():
    return str(list(pool.map(fetch, [20] * 4)))


@app.get("/slow")
def slow():
    return session.get(f"{PLAIN}/120").text  # slow


@app.get("/tls")
def tls():
    for _ in range(3):
        plain = socket.create_connection(("127.0.0.1", TLS))
        with insecure.wrap_socket(plain) as secure:  # tls
            secure.send(b"x")
            secure.recv(1)
    return ""


@app.get("/sleep")
def sleep():
    time.sleep(0.04)  # sleep
    return ""


@app.get("/program")
def program():
    subprocess.run(["sleep", "0.04"], capture_output=True)  # program
    return ""


@app.get("/log")
def logs():
    for i in range(8):
        log.warning("item %d", i)  # log
    return ""


@app.get("/lock")
def locked():
    with lock:  # lock
        return ""


async def block():
    time.sleep(0.02)  # block


@app.get("/gather")
async def gather():
    await asyncio.gather(*[block() for _ in range(4)])
    return ""


@app.get("/await")
async def awaits():
    await asyncio.gather(*[asyncio.sleep(0.02) for _ in range(4)])
    return ""


@app.get("/reads")
def reads():
    with socket.create_connection(("127.0.0.1", ports["bytes"])) as peer:
        peer.sendall(b"x")
        left = 4000
        while left:
            left -= len(peer.recv(1))  # reads
    return ""


@app.get("/names")
def names():
    for _ in range(2):
        socket.getaddrinfo("slow.example", 80, socket.AF_INET)  # names
    return ""


@app.get("/quiet")
def quiet():
    for _ in range(200):
        socket.getaddrinfo("127.0.0.1", 80)
    log.debug("nothing")
    return ""


client = app.test_client()
for _ in range(7):
    for path in sys.argv[1:]:
        if path == "/lock":
            held = threading.Event()
            threading.Thread(target=hold_lock, args=[held]).start()
            held.wait()
        assert client.get(path).status_code == 200, path
"""

EXPECTED = {  # mark → kind, what the request would save, in ms, by the delays above
    "loop": ("sequential_io", 80),
    "slow": ("slow_external", 120),
    "tls": ("tls_churn", 60),
    "sleep": ("sleep", 40),
    "program": ("subprocess", 40),
    "log": ("log_io", 32),
    "block": ("blocking_in_async", 60),
}
NAME_SERVER = f"127.{os.getpid() // 250 % 250 + 1}.13.{os.getpid() % 250 + 1}"  # tests may run side by side
SILENT = ["/token", "/parallel", "/await", "/quiet"]


def line(mark: str) -> int:
    lines = [n for n, text in enumerate(APP.splitlines(), 1) if text.endswith(f"# {mark}")]
    assert len(lines) == 1, mark
    return lines[0]


def report(
    folder: Path, level: str, paths: Sequence[str], ports: dict[str, int], prefix: Sequence[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Run the application; findings by route."""
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(APP)
    env = {"PORTS": json.dumps(ports)}
    store = str(folder / "hotplate.db")
    run = ["run", "--level", level, "--store", store, "--", *prefix, sys.executable, "app.py", *paths]
    done = hotplate(*run, cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict[str, Any]]] = {path: [] for path in paths}
    for finding in hotplate_json("report", "--store", store, cwd=folder)["findings"]:
        found[finding["route"].removeprefix("GET ")].append(finding)
    return found


def tell(finding: dict[str, Any]) -> tuple[str, str, int]:
    return finding["kind"], Path(finding["file"]).name, finding["line"]


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    pem = peers.certificate(tmp_path_factory.mktemp("peer"))
    return {
        "http": peers.kept_http_server(0.02),
        "tls": peers.tls_server(pem, 0.02, 0.0),
        "bytes": peers.stream_server(4000),
    }


@pytest.mark.parametrize("level", ["trace", "monitor"])
def test_each_cause_is_named_once_at_its_line_and_priced(
    tmp_path: Path, ports: dict[str, int], level: str
) -> None:
    marks = {"gather": "block"}
    paths = ["/loop", "/slow", "/tls", "/sleep", "/program", "/log", "/gather", *SILENT]
    found = report(tmp_path, level, paths, ports)
    for path in paths[: -len(SILENT)]:
        mark = marks.get(path[1:], path[1:])
        kind, saving = EXPECTED[mark]
        # Without a tree the loop is not known, only the line of the helper that makes the calls.
        place = line("helper" if (level, mark) == ("monitor", "loop") else mark)
        assert [tell(finding) for finding in found[path]] == [(kind, "app.py", place)]
        predicted = found[path][0]["predicted_saving_ms"]
        assert saving * 0.85 <= predicted <= saving * 3, (
            path,
            predicted,
            saving,
        )  # a busy machine stretches delays
    assert {path: found[path] for path in SILENT} == {path: [] for path in SILENT}


def test_a_lock_that_is_held_is_named_where_it_is_taken(tmp_path: Path, ports: dict[str, int]) -> None:
    (finding,) = report(tmp_path, "monitor", ["/lock"], ports)["/lock"]
    assert tell(finding) == ("lock_contention", "app.py", line("lock"))


def test_thousands_of_reads_beyond_the_cap_on_spans(tmp_path: Path, ports: dict[str, int]) -> None:
    (finding,) = report(tmp_path, "monitor", ["/reads"], ports)["/reads"]
    assert tell(finding) == ("chatty_reads", "app.py", line("reads"))
    assert finding["evidence"]["reads"] == pytest.approx(4000, rel=0.05)


def test_two_slow_look_ups_are_one_finding(tmp_path: Path) -> None:
    prefix = peers.resolver_prefix(tmp_path, NAME_SERVER)
    if prefix is None:
        pytest.skip("needs the right to mount")
    peers.name_server(0.03, NAME_SERVER)
    (finding,) = report(tmp_path / "app", "trace", ["/names"], {"http": 1}, prefix)["/names"]
    assert tell(finding) == ("dns_repeat", "app.py", line("names"))
    assert 50 <= finding["predicted_saving_ms"] <= 500
