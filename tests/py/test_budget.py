"""A route whose capture costs more than the budget is captured less deeply, and comes with the reason."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from support_py import cli, wsgi
from support_py.isolated import run_isolated


def lowered(store: str) -> Any:
    """Levels of a call-heavy and of a waiting route, before and after two seconds of requests."""
    import time

    from flask import Flask
    from hotplate import _hotplate

    wsgi.start_capture(store, "trace", budget=0.03)
    _hotplate.keep_last(True)
    app = Flask("budget_under_test")

    def leaf() -> int:
        return 1

    @app.get("/calls")
    def calls() -> str:
        return str(sum(leaf() for _ in range(3000)))

    @app.get("/steady")
    def steady() -> str:
        return str(sum(range(3_000_000)))

    def last(path: str) -> Any:
        wsgi.call(app, path)
        record = _hotplate.last_request()
        exact = any(node[5] for node in record.get("tree", []))  # samples count no calls
        return [record["level"], record["level_asked"], record["level_reason"], exact]

    first = last("/calls"), last("/steady")
    until = time.monotonic() + 2.5
    levels = set()
    while time.monotonic() < until:
        levels.add(last("/calls")[0])
        wsgi.call(app, "/steady")
    return [*first, last("/calls"), last("/steady"), sorted(levels)]


def test_dear_route_is_lowered_and_says_why(tmp_path: Any) -> None:
    first_calls, first_steady, calls, steady, levels = run_isolated(lowered, str(tmp_path / "s.db"))
    assert first_calls[0] == first_steady[0] == 3
    assert first_calls[3]
    assert first_steady[3]
    assert calls[0] < 3
    assert 2 in {*levels, calls[0]}  # samples are the step below an exact tree
    assert calls[1:3] == [3, 1]
    assert not calls[3]
    assert steady[0] == 3


CALM_S, BUSY_S, SETTLE_S = 2, 8, 5


def three_times_the_load(store: str) -> float:
    """A client for two seconds, then three; when those began, in seconds since 1970."""
    import threading
    import time

    from flask import Flask

    wsgi.start_capture(store, "trace", budget=0.03)
    app = Flask("budget_under_load")

    def leaf() -> int:
        return 1

    @app.get("/calm")
    def calm() -> str:
        return str(sum(range(300_000)))

    @app.get("/busy")
    def busy() -> str:
        return str(sum(leaf() for _ in range(3000)))

    def client(path: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            wsgi.call(app, path)
            time.sleep(0.02)

    client("/calm", CALM_S)
    began = time.time()
    clients = [threading.Thread(target=client, args=(path, BUSY_S)) for path in ("/calm", "/busy", "/busy")]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return began


@pytest.mark.slow
def test_the_budget_holds_five_seconds_after_three_times_the_load_began(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    began = run_isolated(three_times_the_load, store)
    listed = cli.hotplate_json("requests", "--limit", "5000", "--store", store)["requests"]
    listed.sort(key=lambda request: request["start_ns"])
    late = [r for r in listed if r["start_ns"] / 1e9 >= began + SETTLE_S]
    early = [r for r in listed if began <= r["start_ns"] / 1e9 < began + 1]
    assert len(late) > 60

    def share(requests: list[dict[str, Any]]) -> float:
        used_ms = [r.get("cpu_ms", r["wall_ms"]) for r in requests]
        own_ms = sum(r["own_ms"] for r in requests)
        return float(own_ms / max(sum(used_ms) - own_ms, 0.001))

    assert share(early) > 0.03  # else there is nothing to hold
    assert share(late) <= 0.03
    levels = [r["level"] for r in listed if r["route"] == "GET /busy"]
    steps = [level for level, before in zip(levels, ["", *levels], strict=False) if level != before]
    order = ["trace", "sample", "monitor", "count"]
    assert steps[0] == "trace"
    assert all(order.index(b) - order.index(a) <= 1 for a, b in itertools.pairwise(steps)), steps
    report = cli.hotplate("report", "--store", store).stdout
    assert "GET /busy: level lowered to " in report, report


def in_force(arguments: dict[str, Any]) -> Any:
    from flask import Flask
    from hotplate.flask import Hotplate

    extension = Hotplate(Flask("in_force"), **arguments)
    assert extension.settings is not None
    return [extension.settings.level, extension.settings.budget]


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ({}, {}, ["monitor", 0.03]),
        ({"level": "trace"}, {}, ["trace", 0.0]),
        ({"level": "trace", "budget": "5%"}, {}, ["trace", 0.05]),
        ({}, {"HOTPLATE_LEVEL": "trace"}, ["trace", 0.0]),
        ({}, {"HOTPLATE_LEVEL": "trace", "HOTPLATE_BUDGET": "0.1"}, ["trace", 0.1]),
    ],
)
def test_budget_holds_unless_a_level_is_asked_for(
    arguments: dict[str, Any], environment: dict[str, str], expected: list[Any], tmp_path: Any
) -> None:
    assert run_isolated(in_force, arguments, env=environment, cwd=tmp_path) == expected


def test_wrong_budget_is_told_when_the_application_is_built() -> None:
    from hotplate.flask import Hotplate

    with pytest.raises(ValueError, match="not a share"):
        Hotplate(budget="much")
