"""Greenlets: each request has its own processor time and waits, what it starts is its own, and the hub is nobody's."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from support_py import captured
from support_py.isolated import run_isolated

HERE = __file__
MAIN, GREENLET = 0, 3
JOIN, WAKE = 1, 2
SEND, SLEEP, LOOP, AWAIT = 3, 6, 14, 13
SHARED_CPU = 32

pytestmark = pytest.mark.matrix


def at(mark: str) -> int:
    return captured.line_of(HERE, mark)


def burn(ms: float) -> None:
    """Use this much processor time, by the thread's own clock."""
    import time

    until = time.thread_time() + ms / 1e3
    while time.thread_time() < until:
        pass


def wait_ms(record: dict[str, Any], kind: int, lane: int = 0) -> float:
    found = [each["ns"] for each in record["waits"] if each["kind"] == kind and each["lane"] == lane]
    return float(sum(found)) / 1e6


def app_of(view: Any, store: str, level: str = "trace") -> Any:
    captured.start(store, level)
    return captured.flask_app(view)


# ---- many at once ----


def many(store: str, count: int, apart_s: float) -> Any:
    """The records, each with the time its sleep took by the view's own clock."""
    import gevent.monkey

    gevent.monkey.patch_all()
    import time

    import gevent
    from hotplate import _hotplate
    from support_py import wsgi

    slept_ms = 0.0

    def view() -> str:
        nonlocal slept_ms
        slept_ms = captured.slept_ms(0.05)
        burn(5)
        return ""

    app = app_of(view, store)
    wsgi.call(app, "/")
    records = []

    def one() -> None:
        wsgi.call(app, "/")
        records.append({**_hotplate.last_request(), "slept_ms": slept_ms})

    if apart_s:
        for _ in range(count):
            gevent.spawn(one).join()
            time.sleep(apart_s)
    else:
        gevent.joinall([gevent.spawn(one) for _ in range(count)], raise_error=True)
    return records


def test_two_hundred_at_once_are_told_apart(tmp_path: Any) -> None:
    records = run_isolated(many, str(tmp_path / "s.db"), 200, 0)
    assert len(records) == 200
    shares = []
    for record in records:
        assert not record["flags"] & SHARED_CPU
        assert [lane["kind"] for lane in record["lanes"]] == [MAIN]
        assert wait_ms(record, SLEEP) >= 50
        ran_ms = (record["cpu_ns"] + (record["runqueue_ns"] or 0)) / 1e6
        shares.append((wait_ms(record, SLEEP) + wait_ms(record, LOOP) + ran_ms) / (record["wall_ns"] / 1e6))
        assert "gevent/_ffi" not in str(record["tree"])
    # All of its time is explained, and none twice; between two readings of a clock a busy machine may take a turn.
    assert max(shares) <= 1.03
    assert sorted(shares)[10] >= 0.97
    # Its own 5 ms, never those of two.
    assert 5 <= statistics.median(record["cpu_ns"] / 1e6 for record in records) <= 6
    # Each but the first had to wait for those before it.
    assert max(wait_ms(record, LOOP) for record in records) > 500


def test_spaced_out_a_sleep_is_what_was_asked_for(tmp_path: Any) -> None:
    records = run_isolated(many, str(tmp_path / "s.db"), 8, 0.03)
    for record in records:
        assert 50 <= wait_ms(record, SLEEP) <= record["slept_ms"]
    late = [record["slept_ms"] - wait_ms(record, SLEEP) for record in records]
    assert min(late) < 2, late  # a busy machine wakes it late


# ---- what a request starts ----


def family(store: str) -> Any:
    """The record, and by their own clock how long the sleeps of the three joined ones took."""
    import gevent.monkey

    gevent.monkey.patch_all()
    import time

    import gevent
    import gevent.pool

    slept_ms: list[float] = []

    def child(seconds: float) -> float:
        slept_ms.append(captured.slept_ms(seconds))
        burn(2)
        return seconds

    def parent() -> None:
        gevent.spawn(child, 0.01).join()  # inner

    def view() -> str:
        slept_ms.clear()
        gevent.joinall([gevent.spawn(child, 0.01 * i) for i in (1, 2, 3)])  # joined
        assert list(gevent.pool.Pool(2).map(child, [0.01, 0.02])) == [0.01, 0.02]  # pooled
        gevent.spawn(parent).get()  # outer
        gevent.spawn(time.sleep, 60)  # left
        gevent.sleep(0)
        return ""

    app = app_of(view, store)
    captured.last(app)
    return [captured.last(app), slept_ms[:3]]


def test_greenlets_of_a_request_are_its_lanes(tmp_path: Any) -> None:
    record, slept_ms = run_isolated(family, str(tmp_path / "s.db"))
    lanes = record["lanes"]
    assert {lane["kind"] for lane in lanes[1:]} == {GREENLET}
    assert [lane["line"] for lane in lanes[1:4]] == [at("joined")] * 3
    used_ms = [lane["cpu_ns"] / 1e6 for lane in lanes[1:4]]
    assert all(1.9 < ms < 4 for ms in used_ms), used_ms  # its own 2, never those of two
    for number, own_ms in enumerate(slept_ms, 1):
        assert 10 * number <= wait_ms(record, SLEEP, number) <= own_ms
    joins = [(each["lane"], each["other"]) for each in record["edges"] if each["kind"] == JOIN]
    assert {(0, 1), (0, 2), (0, 3)} <= set(joins)
    assert sum(lane["line"] == at("pooled") for lane in lanes) >= 2
    (outer,) = [i for i, lane in enumerate(lanes) if lane["line"] == at("outer")]
    (inner,) = [i for i, lane in enumerate(lanes) if lane["line"] == at("inner")]
    assert lanes[inner]["parent"] == outer
    assert {(outer, inner), (0, outer)} <= set(joins)
    (left,) = [lane for lane in lanes if lane["line"] == at("left")]
    assert left["flags"] & 1  # still ran at the end
    assert left["cpu_ns"] is not None
    # The main lane is told where it waited, and nothing of a child's time is its own.
    assert wait_ms(record, AWAIT) > 30
    assert record["cpu_ns"] < sum(lane["cpu_ns"] for lane in lanes[1:])


# ---- whoever patches when ----


def raw(store: str) -> Any:
    import greenlet

    def view() -> str:
        # A child of the request's own greenlet runs the request's work, as SQLAlchemy's bridge does.
        assert greenlet.greenlet(lambda: burn(3)).switch() is None
        return ""

    app = app_of(view, store)
    captured.last(app)
    return captured.last(app)


def test_a_child_of_the_requests_own_greenlet_is_no_other_lane(tmp_path: Any) -> None:
    record = run_isolated(raw, str(tmp_path / "s.db"))
    assert len(record["lanes"]) == 1
    assert record["cpu_ns"] / 1e6 > 3


def late(store: str) -> Any:
    from greenlet import settrace as early_settrace

    seen = []

    def theirs(event: str, args: Any) -> None:
        seen.append(event)

    early_settrace(theirs)
    import gevent.monkey

    gevent.monkey.patch_all()

    slept_ms = 0.0

    def view() -> str:
        nonlocal slept_ms
        slept_ms = captured.slept_ms(0.02)
        return ""

    app = app_of(view, store)
    captured.last(app)
    before = len(seen)
    record = captured.last(app)
    return [record, slept_ms, before, len(seen)]


def test_patched_before_us_and_traced_by_the_application(tmp_path: Any) -> None:
    record, slept_ms, before, after = run_isolated(late, str(tmp_path / "s.db"))
    assert 10 <= wait_ms(record, SLEEP) <= slept_ms, "a loop that gets no processor is none"
    assert record["runqueue_ns"] + sum(wait["ns"] for wait in record["waits"]) >= 20e6
    assert before >= 2
    assert after > before


def tracers(store: str) -> Any:
    import gevent.monkey

    gevent.monkey.patch_all()
    import time

    import greenlet

    seen: list[str] = []

    def first(event: str, args: Any) -> None:
        seen.append("first")

    def failing(event: str, args: Any) -> None:
        raise KeyError(event)

    def view() -> str:
        assert greenlet.gettrace() is None
        assert greenlet.settrace(first) is None
        time.sleep(0.01)
        assert greenlet.gettrace() is first
        assert greenlet.settrace(failing) is first
        with pytest.raises(KeyError):
            greenlet.greenlet(lambda: None).switch()
        assert greenlet.gettrace() is None  # as without us: a trace function that raises is removed
        return ""

    slept_ms = 0.0

    def plain() -> str:
        nonlocal slept_ms
        slept_ms = captured.slept_ms(0.02)
        return ""

    app = app_of(view, store)
    app.add_url_rule("/plain", "plain", plain)
    record = captured.last(app)
    return [seen, record["status"], captured.last(app, "/plain"), slept_ms]


def test_the_applications_own_trace_function_works_as_without_us(tmp_path: Any) -> None:
    seen, status, record, slept_ms = run_isolated(tracers, str(tmp_path / "s.db"))
    assert status == 200
    assert seen
    assert set(seen) == {"first"}
    assert 20 <= wait_ms(record, SLEEP) <= slept_ms


def streamed(store: str) -> Any:
    import gevent.monkey

    gevent.monkey.patch_all()

    import gevent
    from flask import Response
    from hotplate import _hotplate
    from werkzeug.test import EnvironBuilder

    slept_ms = 0.0

    def view() -> Any:
        def parts() -> Any:
            nonlocal slept_ms
            for _ in range(3):
                slept_ms += captured.slept_ms(0.01)
                burn(1)
                yield b"x"

        return Response(parts())

    app = app_of(view, store)

    def serve() -> Any:
        nonlocal slept_ms
        slept_ms = 0.0
        environ = EnvironBuilder("/").get_environ()
        body = app(environ, lambda status, headers, exc_info=None: None)
        for _ in body:
            gevent.sleep(0.005)  # the server sends
        body.close()
        return [_hotplate.last_request(), slept_ms]

    def work() -> None:
        while True:
            burn(2)
            gevent.sleep(0.002)

    other = gevent.spawn(work)
    found = [gevent.spawn(serve).get() for _ in range(5)]
    other.kill()
    return found


def test_others_run_between_the_parts_of_a_body_on_their_own_account(tmp_path: Any) -> None:
    left = []
    for record, slept_ms in run_isolated(streamed, str(tmp_path / "s.db")):
        # A loop that was kept from a processor reckons from when it last looked, so each is shorter then.
        assert 15 <= wait_ms(record, SLEEP) <= slept_ms
        assert wait_ms(record, SEND) >= 7.5
        assert record["cpu_ns"] / 1e6 < 12
        counted = record["cpu_ns"] + record["runqueue_ns"] + sum(wait["ns"] for wait in record["waits"])
        left.append(1 - counted / record["wall_ns"])
    assert (
        min(left) <= 0.03
    )  # a turn that others take between two readings of a clock makes it more, never less
