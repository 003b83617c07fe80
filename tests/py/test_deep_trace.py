"""One request traced because it comes with a ticket: header or cookie, good ones only, and nothing else changes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support_py.isolated import run_isolated

TRACE, MONITOR = 3, 1
REST_S = 5.5


def application(store: str, **options: Any) -> Any:
    """An application under Hotplate whose records can be read back."""
    from flask import Flask
    from hotplate import _hotplate
    from hotplate.flask import Hotplate

    app = Flask("deep_under_test")
    app.secret_key = options.pop("secret", "of this application")

    def inner() -> str:
        return "inner"

    app.add_url_rule("/", "index", lambda: inner() + inner())
    app.add_url_rule("/fails", "fails", lambda: {}["missing"])
    Hotplate(app, store=store, **options)
    _hotplate.keep_last(True)
    return app


def ticket(app: Any, base: str = "/hotplate") -> Any:
    """What the dashboard answers."""
    from support_py import wsgi

    status, _, body = wsgi.call(app, f"{base}/api/v1/ticket")
    assert status == "200 OK", body
    return json.loads(body)


def shape(app: Any, path: str = "/", **environ: str) -> list[Any]:
    """Level, level asked and the number of calls in the tree of one request; empty when none was recorded."""
    from hotplate import _hotplate
    from support_py import wsgi

    before = _hotplate.counts()["pushed"]
    wsgi.call(app, path, **environ)
    if _hotplate.counts()["pushed"] == before:
        return []
    record = _hotplate.last_request()
    return [record["level"], record["level_asked"], len(record.get("tree") or [])]


def ask_once(store: str, options: dict[str, Any], by: str) -> list[Any]:
    app = application(store, **options)
    given = ticket(app)
    assert given["header"] == "X-Hotplate-Trace"
    before = shape(app)
    if by == "header":
        traced = shape(app, HTTP_X_HOTPLATE_TRACE=given["ticket"])
    else:
        traced = shape(app, HTTP_COOKIE=f"a=b; {given['cookie']}={given['ticket']}; session=x")
    return [before, traced, shape(app)]


OPTIONS: list[dict[str, Any]] = [
    {},
    {"flight_recorder": False},
    {"level": "count"},
    {"sample": 1_000_000},
    {"ignore": "."},
    {"slow_ms": 60_000.0},
    {"budget": 1e-9},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("by", ["header", "cookie"])
def test_a_ticket_traces_its_request_and_no_other(tmp_path: Path, options: dict[str, Any], by: str) -> None:
    before, traced, after = run_isolated(ask_once, str(tmp_path / "s.db"), options, by)
    level, asked, calls = traced
    assert (level, asked) == (TRACE, TRACE)
    assert calls > 10
    for other in (before, after):
        assert not other or (other[0] < TRACE and other[2] < calls)


def ask_wrongly(store: str) -> list[list[Any]]:
    from hotplate import _hotplate

    app, other = application(store, flight_recorder=False), other_application("elsewhere")
    good = ticket(app)["ticket"]
    until, mac = good.split(".")
    wrong = [
        "",
        "x",
        good[:-1],
        good + "0",
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        f"{int(until) + 1}.{mac}",
        f"{int(until) - 3600}.{mac}",
        f"0{until}.{mac}",
        f"{until}:{mac}",
        f"{'9' * 20}.{mac}",
        "\u00e9" * 43,
        signed_by(other, until),
    ]
    seen = [shape(app, HTTP_X_HOTPLATE_TRACE=each)[0] for each in wrong]
    assert not _hotplate.status()["tracing"]
    return [seen, [shape(app, HTTP_X_HOTPLATE_TRACE=good)[0]], [_hotplate.counts()["errors"]]]


def other_application(name: str) -> Any:
    from flask import Flask

    app = Flask(name)
    app.secret_key = f"of {name}"
    return app


def signed_by(app: Any, until: str) -> str:
    """A ticket of another application: its time is right, its secret is not."""
    from hotplate import _capture, _hotplate

    handler = _hotplate.dashboard_open("none.db", None, None, _capture.secret_of(app), "")
    asked = ("GET", "api/v1/ticket", "", [("host", "localhost")], b"", "127.0.0.1", True, True)
    text: str = _hotplate.dashboard_answer(handler, *asked)[2].decode()
    found = text.split('"ticket":"')[1].split('"')[0]
    assert abs(int(found.split(".")[0]) - int(until)) < 60
    return found


def test_a_wrong_ticket_changes_nothing(tmp_path: Path) -> None:
    seen, good, errors = run_isolated(ask_wrongly, str(tmp_path / "s.db"))
    assert set(seen) == {MONITOR}
    assert good == [TRACE]
    assert errors == [0]


def rest(store: str, flight: bool) -> list[Any]:
    """Whether the tracer is on: while it is needed, right after, and at the first request long after."""
    from hotplate import _hotplate

    app = application(store, flight_recorder=flight)
    app.testing = False
    app.logger.disabled = True
    first = [_hotplate.status()["tracing"]]
    traced = shape(app, HTTP_X_HOTPLATE_TRACE=ticket(app)["ticket"])
    shape(app)
    first.append(_hotplate.status()["tracing"])
    time.sleep(REST_S)
    shape(app)
    first.append(_hotplate.status()["tracing"])
    failed = shape(app, "/fails")
    again = [shape(app, HTTP_X_HOTPLATE_TRACE=ticket(app)["ticket"])[2] for _ in range(3)]
    return [first, traced[2], failed[2], *again[1:]]  # caches in the library settle in the first


@pytest.mark.slow
@pytest.mark.parametrize("flight", [False, True])
def test_the_tracer_rests_when_nobody_needs_it_and_the_recorder_goes_on(tmp_path: Path, flight: bool) -> None:
    tracing, traced, failed, again, once_more = run_isolated(rest, str(tmp_path / "s.db"), flight)
    assert tracing == [False, True, False]
    assert again == once_more  # an exact tree, however often the tracer went on and off
    assert traced >= again > 10
    if sys.version_info >= (3, 12):
        assert (failed > 1) == flight
        assert failed < traced


def without_secret(store: str) -> list[Any]:
    app = application(store, secret=None)
    return [ticket(app), shape(app, HTTP_X_HOTPLATE_TRACE="1795296320.0123456789abcdef0123456789abcdef")[0]]


def test_without_a_secret_there_are_no_tickets(tmp_path: Path) -> None:
    answer, level = run_isolated(without_secret, str(tmp_path / "s.db"))
    assert "ticket" not in answer
    assert "SECRET_KEY" in answer["hint"]
    assert level == MONITOR


def refused(store: str) -> list[str]:
    from support_py import wsgi

    app = application(store)
    return [wsgi.call(app, "/hotplate/api/v1/ticket", REMOTE_ADDR="192.0.2.7")[0]]


def test_only_those_get_one_whom_the_dashboard_answers(tmp_path: Path) -> None:
    [status] = run_isolated(refused, str(tmp_path / "s.db"))
    assert status.startswith("403")
