"""Responses are the same bytes with and without Hotplate, also while the capture fails at each of its points."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any

import corpus
import pytest
from support_py import client, services, store_file
from support_py.cli import RUN, clean_environment, hotplate, hotplate_json

ALLOWED = (*client.OURS, b"date")
# A full ring costs a traced request its tree first; without a tree, at level monitor, the request itself.
POINTS = (
    ("alloc", "trace"),
    ("ring", "trace"),
    ("ring", "monitor"),
    ("store", "trace"),
    ("callback", "trace"),
)
SERVERS = ("gunicorn-sync", "gunicorn-gthread")


def ask(port: int, case: corpus.Case) -> client.Answer:
    return client.ask(port, case.path, case.method, case.headers, case.body)


def digest(answer: client.Answer) -> str:
    """Of everything but the two headers and the date."""
    return hashlib.sha256(repr(answer.without(*ALLOWED)).encode()).hexdigest()


def environment(folder: Path, **more: str) -> dict[str, str]:
    """With one hash seed, for Flask's Allow header is a set's order."""
    fixed = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(services.APPS), "HOTPLATE_STORE": str(folder / "s.db")}
    return {**clean_environment(more), **fixed}


@pytest.mark.parametrize("kind", SERVERS)
def test_every_response_is_the_same_with_and_without(kind: str, tmp_path: Path) -> None:
    env = environment(tmp_path)
    with services.run_server(kind, "corpus:app", env=env) as server:
        bare = {case.name: ask(server.port, case) for case in corpus.CASES}
        closed = client.ask(server.port, "/closed").body
    assert not (tmp_path / "s.db").exists()
    with services.run_server(kind, "corpus:app", env=env, prefix=RUN) as server:
        ours = {case.name: ask(server.port, case) for case in corpus.CASES}
        assert client.ask(server.port, "/closed").body == closed
        services.stop_group(server.process)
    assert b'"closed":1' in closed.replace(b" ", b"")
    for case in corpus.CASES:
        assert ours[case.name].without(*ALLOWED) == bare[case.name].without(*ALLOWED), case.name
        assert ours[case.name].cut == bare[case.name].cut, case.name
        added = Counter(line.split(b":")[0].lower() for line in ours[case.name].header_lines)
        added -= Counter(line.split(b":")[0].lower() for line in bare[case.name].header_lines)
        assert set(added) <= set(client.OURS), case.name
        assert max(added.values(), default=0) <= 1
        if case.status is not None:
            assert ours[case.name].status == case.status
            assert ours[case.name].header("X-Hotplate-Id"), case.name
    rows = {row["hex"]: row for row in store_file.requests(tmp_path / "s.db")}
    for case in corpus.CASES:
        id_ = ours[case.name].header("X-Hotplate-Id")
        if id_:
            assert rows[id_]["status"] == ours[case.name].status, case.name
            assert rows[id_]["method"] == case.method, case.name
    assert rows[ours["unmatched"].header("X-Hotplate-Id") or ""]["rule"] == "<unmatched>"
    assert rows[ours["large"].header("X-Hotplate-Id") or ""]["bytes_out"] == 2_000_000
    assert rows[ours["stream"].header("X-Hotplate-Id") or ""]["bytes_out"] == sum(
        map(len, corpus.five_chunks())
    )


@pytest.mark.slow
@pytest.mark.parametrize(("point", "level"), POINTS)
@pytest.mark.parametrize("kind", SERVERS)
def test_thousand_responses_stay_the_same_while_the_capture_fails(
    kind: str, point: str, level: str, tmp_path: Path
) -> None:
    cases = [case for case in corpus.CASES if not case.broken]
    rounds = 1000 // len(cases) + 1
    env = environment(tmp_path, FAIL=point, HOTPLATE_LEVEL=level)
    with services.run_server(kind, "corpus:app", env=env) as server:
        expected = {case.name: digest(ask(server.port, case)) for case in cases}
    troubles = set()
    with services.run_server(kind, "corpus_failing:app", env=env, prefix=RUN) as server:
        for _ in range(rounds):
            for case in cases:
                answer = ask(server.port, case)
                assert digest(answer) == expected[case.name], (case.name, answer)
            troubles.add(json.loads(client.ask(server.port, "/--counts").body)["trouble"])
        counts: dict[str, Any] = json.loads(client.ask(server.port, "/--counts").body)
        services.stop_group(server.process)
        log = server.output()
    asked = rounds * len(cases) + 1  # and the one for /health
    assert rounds * len(cases) >= 1000
    # The traceback that Flask logs for the corpus's own unhandled error is the only one.
    assert log.count("Traceback") == rounds, log[-3000:]
    assert counts["started"] <= asked
    dropped = {
        name: counts[name] for name in counts if name.startswith("dropped_") and name != "dropped_tree"
    }
    complete = hotplate_json("report", "--store", str(tmp_path / "s.db"))["completeness"]
    assert complete["requests"] == asked
    assert complete["lost"] == 0
    assert complete["recorded"] == len(store_file.requests(tmp_path / "s.db"))
    assert complete["recorded"] + complete["dropped"] == asked
    assert complete["errors"] == counts["errors"]
    text = hotplate("report", "--store", str(tmp_path / "s.db")).stdout
    assert ("failures of our own" in text) == (counts["errors"] > 0)
    without_tree = complete["dropped_by"].pop("tree")  # these requests are stored
    assert without_tree == counts["dropped_tree"]
    assert sum(complete["dropped_by"].values()) == complete["dropped"]
    match point:
        case "ring" if level == "trace":
            assert without_tree > rounds
            assert complete["recorded"] == asked
        case "ring":
            assert dropped["dropped_ring"] > rounds
            assert complete["dropped"] == complete["dropped_by"]["ring"] == dropped["dropped_ring"]
        case "alloc":
            assert dropped["dropped_memory"] + counts["dropped_tree"] + counts["errors"] > rounds
            assert complete["dropped"] == complete["dropped_by"].get("memory", 0)
        case "store":
            # The ring is the buffer: what a failing store does not take is tried again, and the trouble is told.
            assert any(troubles)
            assert complete["dropped"] == 0
        case "callback":
            assert counts["errors"] > rounds
            assert complete["recorded"] == asked


@pytest.mark.parametrize("kind", SERVERS)
def test_client_that_goes_away_is_recorded_as_such(kind: str, tmp_path: Path) -> None:
    env = environment(tmp_path)
    with services.run_server(kind, "corpus:app", env=env, prefix=RUN) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            gone.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            assert gone.recv(100).startswith(b"HTTP/1.1 200")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(0.2)
            if client.ask(server.port, "/plain").status == 200 and (tmp_path / "s.db").exists():
                rows = store_file.requests(tmp_path / "s.db", "/endless")
                if rows:
                    break
        services.stop_group(server.process)
    rows = store_file.requests(tmp_path / "s.db", "/endless")
    assert len(rows) == 1
    assert rows[0]["flags"] & 2  # aborted by the client
    assert rows[0]["bytes_out"] > 0
