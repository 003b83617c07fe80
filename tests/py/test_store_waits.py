"""No thread of the application waits for the store while the dashboard refreshes; where one has to, it is counted."""

from __future__ import annotations

import textwrap
import threading
import time
from pathlib import Path

import pytest
from support_py import client, services
from support_py.cli import clean_environment
from support_py.dashboard import asked, rows

APPLICATION = """
import os
from flask import Flask
from hotplate.flask import Hotplate

app = Flask(__name__)
Hotplate(app, store=os.environ["STORE"], level="trace")

@app.get("/health")
def health():
    return "ok"

@app.get("/work")
def work():
    return str(sum(small(n) for n in range(300)))

def small(number):
    return number & 7
"""
QUESTIONS = ("overview", "routes", "requests?limit=200", "findings", "process", "requests?sort=slowest")

pytestmark = [pytest.mark.one_python]


class Refreshing:
    """Pages of the dashboard asked for again and again, by several at once, until the block ends."""

    def __init__(self, base: str) -> None:
        self.base, self.answers = base, 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(3)]

    def _ask(self, at: int) -> None:
        while not self._stop.is_set():
            asked(self.base, QUESTIONS[at % len(QUESTIONS)])
            self.answers += 1
            at += 1

    def __enter__(self) -> Refreshing:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def serve_in_both(port: int, store: Path) -> int:
    """Requests until each worker has served and written some; how many it took."""
    served, until = 0, time.monotonic() + 30
    while time.monotonic() < until:
        client.load(port, ("/work",), 20, 4, False)
        served += 20
        time.sleep(0.4)
        if rows(store, "SELECT count(DISTINCT process) FROM request") == [(2,)]:
            return served
    raise AssertionError("one worker got no request")


def waits_told(base: str) -> tuple[int, float]:
    complete = asked(base, "process?revision=*")["completeness"]
    return complete["waits"], complete["wait_ms"]


def waits_of(folder: Path, **env: str) -> list[tuple[int, float]]:
    """Serve 1,500 requests while the dashboard refreshes: what its Process page is told before and after, and what the
    store holds at the end."""
    pytest.importorskip("gunicorn")
    (folder / "shop.py").write_text(textwrap.dedent(APPLICATION))
    store = folder / "store.db"
    with services.run_server(
        "gunicorn-gthread",
        "shop:app",
        workers=2,
        threads=8,
        cwd=folder,
        env=clean_environment({"STORE": str(store), "PYTHONPATH": str(folder), **env}),
    ) as server:
        base = f"{server.url}/hotplate/"
        served = serve_in_both(server.port, store)
        time.sleep(1.2)  # counters alone are written once a second
        before = waits_told(base)
        with Refreshing(base) as refreshing:
            done = client.load(server.port, ("/work",), 1500, 4, False)
        assert done.failed == [], server.output()[-2000:]
        assert refreshing.answers >= 12
        time.sleep(1.2)
        after = waits_told(base)
        services.stop_group(server.process)
    of_work = "SELECT count(*) FROM request JOIN route ON route.id = route WHERE rule = '/work'"
    assert rows(store, of_work) == [(served + 1500,)]
    ((waits, wait_ns),) = rows(store, "SELECT sum(waits), sum(wait_ns) FROM process")
    return [before, after, (waits, wait_ns / 1e6)]


def test_no_request_waits_for_the_store_while_the_dashboard_refreshes(tmp_path: Path) -> None:
    before, after, kept = waits_of(tmp_path)
    assert before[0] == 2  # each worker for its settings, before its first request
    assert after == before
    assert kept == pytest.approx(before, rel=1e-4)


def test_where_requests_write_themselves_their_waits_are_counted(tmp_path: Path) -> None:
    before, after, kept = waits_of(tmp_path, HOTPLATE_THREADS="0")
    assert before < after <= kept
    assert after[1] > before[1]
