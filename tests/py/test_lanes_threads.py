"""Two hundred threads of one request are its own; its critical path, shown and exported, is the one that was built."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support_py import captured, cli
from support_py.isolated import run_isolated

HERE = __file__
MAIN, THREAD = 0, 1
SLOWEST = 137

pytestmark = [pytest.mark.matrix, pytest.mark.interpreter]


# Store, id, record, and of the slowest thread: its sleep and the time from before its start to after its join.
Recorded = tuple[str, str, dict[str, Any], tuple[float, float]]


def two_hundred(store: str) -> Any:
    import threading
    import time

    from hotplate import _hotplate
    from support_py import wsgi

    release = threading.Event()
    slept_ms: list[float] = []
    limits: list[float] = []

    def work(number: int) -> None:
        release.wait()
        if number == SLOWEST:
            slept_ms.append(captured.slept_ms(0.5))
        else:
            time.sleep(0.05)

    def view() -> str:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(200)]
        for each in threads:
            if each is threads[SLOWEST]:
                limits.append(time.perf_counter())
            each.start()  # started
        release.set()
        for each in threads:
            each.join()
            if each is threads[SLOWEST]:
                limits.append(time.perf_counter())
        time.sleep(0.02)
        return ""

    captured.start(store)
    app = captured.flask_app(view)
    _, headers, _ = wsgi.call(app, "/")
    assert _hotplate.flush(10000)
    alive_ms = (limits[1] - limits[0]) * 1e3
    return [headers["X-Hotplate-Id"], _hotplate.last_request(), [slept_ms[0], alive_ms]]


@pytest.fixture(scope="module")
def request_of_200(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    store = str(tmp_path_factory.mktemp("lanes") / "s.db")
    found, record, slowest_ms = run_isolated(two_hundred, store)
    return store, found, record, slowest_ms


def shown(store: str, *words: str) -> str:
    done = cli.hotplate(*words, "--store", store)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_all_of_them_appear_under_it(request_of_200: Recorded) -> None:
    _, _, record, _ = request_of_200
    lanes = record["lanes"]
    assert [lane["kind"] for lane in lanes] == [MAIN] + [THREAD] * 200
    assert {lane["parent"] for lane in lanes} == {0}
    assert {lane["line"] for lane in lanes[1:]} == {captured.line_of(HERE, "started")}


def test_the_critical_path_is_the_constructed_one(request_of_200: Recorded) -> None:
    store, found, _, (slept_ms, alive_ms) = request_of_200
    answer = json.loads(shown(store, "show", found, "--timeline", "--json"))
    assert answer["id"] == found
    assert len(answer["lanes"]) == 201
    path = answer["critical"]
    assert path[0]["from_ms"] == 0
    assert path[-1]["to_ms"] == pytest.approx(answer["wall_ms"])
    assert all(a["to_ms"] == b["from_ms"] for a, b in itertools.pairwise(path))
    # Main starts them all, the slowest one works, main goes on: the slowest one's whole life, its sleep in it.
    weights = sorted(((lane["critical_ms"], lane["lane"]) for lane in answer["lanes"]), reverse=True)
    slowest = next(ms for ms, lane in weights if lane == SLOWEST + 1)
    life = answer["lanes"][SLOWEST + 1]
    assert slowest == pytest.approx(life["end_ms"] - life["spawn_ms"], abs=0.01)
    assert slept_ms <= slowest <= alive_ms
    assert {lane for ms, lane in weights if ms > 20} <= {0, SLOWEST + 1}
    main = answer["lanes"][0]
    assert main["critical_ms"] + slowest == pytest.approx(answer["wall_ms"], rel=0.1)


def test_the_timeline_is_drawn(request_of_200: Recorded) -> None:
    store, found, _, _ = request_of_200
    text = shown(store, "show", found, "--timeline")
    rows = [line for line in text.splitlines() if re.match(r"  (main|thread \d+) +\S", line)]
    drawn = [line for line in rows if "█" in line or "z" in line]
    assert drawn[0].startswith("  main")
    assert any(line.startswith(f"  thread {SLOWEST + 1} ") for line in drawn)
    assert "and 161 lanes more" in text
    assert "critical path" in text
    assert max(len(line) for line in drawn) <= 100


def test_the_trace_has_a_track_a_lane(request_of_200: Recorded, tmp_path: Path) -> None:
    store, found, _, _ = request_of_200
    out = tmp_path / "x.json"
    shown(store, "convert", f"req:{found}", "-o", str(out), "--to", "chrome")
    trace = json.loads(out.read_text())
    events = trace["traceEvents"]
    tracks = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert len(tracks) == 202
    assert tracks[0] == "main"
    assert tracks[201] == "critical path"
    slices = [e for e in events if e["ph"] == "X"]
    assert {e["pid"] for e in events} == {1}
    for tid in tracks:
        own = sorted((e["ts"], e["ts"] + e["dur"]) for e in slices if e["tid"] == tid)
        assert all(a[1] <= b[0] + 0.001 for a, b in itertools.pairwise(own))
    starts = [e for e in events if e["ph"] == "s" and e["name"] == "start"]
    assert len(starts) == 200
    assert len([e for e in events if e["ph"] == "s"]) == len([e for e in events if e["ph"] == "f"])
