"""A worker that is killed: what it took along is counted, and nothing is there twice."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from support_py import client, services, store_file
from support_py.cli import RUN, clean_environment, hotplate_json

CONCURRENCY = 16


# Written before each request that a worker takes up, one byte each; what a kill interrupts stays counted.
COUNTING = """
import os

taken = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def pre_request(worker, request):
    os.write(taken, b"x")
"""


def children(pid: int) -> list[int]:
    """Processes that `pid` started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gunicorn-gthread", "gunicorn-sync"])
@pytest.mark.parametrize("kills", [1, 4])
def test_killed_workers_requests_are_stored_or_counted_as_lost(kind: str, kills: int, tmp_path: Path) -> None:
    env = {**clean_environment(), "PYTHONPATH": str(services.APPS)}
    store = tmp_path / ".hotplate" / "hotplate.db"
    taken = tmp_path / "taken"
    config = tmp_path / "counting.py"
    config.write_text(COUNTING.format(path=str(taken)))
    with services.run_server(
        kind, "tally:app", workers=4, prefix=RUN, env=env, cwd=tmp_path, extra=("--config", str(config))
    ) as server:
        load = client.BackgroundLoad(server.port, ("/work", "/sql", "/noop"), CONCURRENCY, keep_alive=False)
        for n in range(kills):
            while load.answered < 300 * (n + 1):
                time.sleep(0.01)
            workers = children(server.process.pid)
            assert len(workers) >= 1
            os.kill(workers[n % len(workers)], signal.SIGKILL)
        while load.answered < 300 * (kills + 1):
            time.sleep(0.01)
        done = load.stop()
        services.stop_group(server.process)
    complete = hotplate_json("report", cwd=tmp_path)["completeness"]
    rows = store_file.requests(store)
    health = 1
    assert complete["recorded"] == len(rows)
    assert complete["requests"] == complete["recorded"] + complete["dropped"] + complete["lost"]
    assert complete["dropped"] == 0
    # No row twice: neither the ids nor a process's numbers.
    assert len({row["hex"] for row in rows}) == len(rows)
    assert len({(row["process"], row["seq"]) for row in rows}) == len(rows)
    # Every answer that a client got is stored, or was in a killed worker's hands and is among the lost.
    stored = {row["hex"] for row in rows}
    missing = [id_ for id_ in done.ids if id_ not in stored]
    assert len(missing) <= complete["lost"]
    # A request counts from its first line in the application on: what still waited in a socket did not start.
    assert len(done.ids) + health <= complete["requests"] <= done.sent + health
    assert len(done.failed) <= kills * CONCURRENCY
    # To the request: what the workers took up, but for what a kill caught between gunicorn's hook and the application.
    under_way = kills * (4 if kind == "gunicorn-gthread" else 1)
    assert taken.stat().st_size - under_way <= complete["requests"] <= taken.stat().st_size
    # Asking again finds nothing more to adopt.
    assert hotplate_json("report", cwd=tmp_path)["completeness"] == complete
    assert not list((tmp_path / ".hotplate").glob("ring-*"))
