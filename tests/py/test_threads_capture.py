"""Threads and executor work that a request starts belong to it, with who waited for whom; semantics stay."""

from __future__ import annotations

from typing import Any

import pytest
from support_py import captured
from support_py.isolated import run_isolated

pytestmark = pytest.mark.interpreter

HERE = __file__
MAIN, THREAD, POOL = 0, 1, 2
JOIN, WAKE, RESULT = 1, 2, 4
NEW_EXECUTOR = 2
NEW_THREAD = 2048


def at(mark: str) -> int:
    return captured.line_of(HERE, mark)


def edges(record: dict[str, Any], kind: int) -> list[tuple[int, int, int]]:
    """(lane, other, line) of the edges of a kind."""
    return [(each["lane"], each["other"], each["line"]) for each in record["edges"] if each["kind"] == kind]


def threads(store: str) -> Any:
    import sqlite3
    import threading
    import time

    class Mine(threading.Thread):
        def run(self) -> None:
            inner = threading.Thread(target=time.sleep, args=(0.01,))
            inner.start()  # inner start
            inner.join()

    def query() -> None:
        sqlite3.connect(":memory:").execute("select 1").fetchall()

    def view() -> str:
        first = threading.Thread(target=query)
        first.start()  # first start
        first.join()  # first join
        second = Mine()
        second.start()
        second.join()
        with pytest.raises(RuntimeError, match="once"):
            second.start()
        return ""

    captured.start(store)
    return captured.last(captured.flask_app(view), times=2)


def test_threads_are_lanes_with_their_sql_and_their_joins(tmp_path: Any) -> None:
    record = run_isolated(threads, str(tmp_path / "s.db"))
    lanes = record["lanes"][:4]
    assert [(lane["kind"], lane["parent"]) for lane in lanes] == [
        (MAIN, 0),
        (THREAD, 0),
        (THREAD, 0),
        (THREAD, 2),
    ]
    assert lanes[1]["line"] == at("first start")
    assert lanes[3]["line"] == at("inner start")
    assert [each["lane"] for each in record["statements"]] == [1]
    assert edges(record, JOIN)[0] == (0, 1, at("first join"))
    assert [(lane, other) for lane, other, _ in edges(record, JOIN)] == [(0, 1), (2, 3), (0, 2)]
    assert all(
        lane["start_ns"] >= lane["spawn_ns"] and lane["end_ns"] > lane["start_ns"] for lane in lanes[1:]
    )
    assert edges(record, WAKE) == []


def pools(store: str) -> Any:
    import time
    from concurrent.futures import ThreadPoolExecutor, as_completed, wait

    shared = ThreadPoolExecutor(2)

    def work(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def fail() -> None:
        raise KeyError("mine")

    def view() -> str:
        assert shared.submit(work, 0.02).result() == 0.02  # shared
        with ThreadPoolExecutor(max_workers=3) as own:
            waiting = [own.submit(work, seconds=0.02 * i) for i in (1, 2)]  # own
            assert len(wait(waiting).done) == 2  # waited
            assert {each.result() for each in as_completed([own.submit(work, 0.03)])} == {0.03}  # completed
            assert list(own.map(work, [0.01, 0.02])) == [0.01, 0.02]  # mapped
            with pytest.raises(KeyError, match="mine"):
                own.submit(fail).result()
            own.submit(work, 0.05)  # left
        with pytest.raises(RuntimeError, match="after shutdown"):
            own.submit(work, 0)
        with pytest.raises(TypeError):
            own.submit()  # type: ignore[call-arg]
        return ""

    captured.start(store)
    app = captured.flask_app(view)
    captured.last(app)
    return captured.last(app)


def test_executor_items_are_lanes_and_waiting_for_them_is_seen(tmp_path: Any) -> None:
    record = run_isolated(pools, str(tmp_path / "s.db"))
    lanes = [lane for lane in record["lanes"] if lane["kind"] != MAIN]
    done = lanes[:8]
    assert {lane["kind"] for lane in done} == {POOL}  # no worker thread among them
    assert [bool(lane["flags"] & NEW_EXECUTOR) for lane in done] == [False] + [True] * 7
    marks = ["shared", "own", "completed", "mapped", "left"]
    assert [done[i]["line"] for i in (0, 1, 3, 4, 7)] == [at(mark) for mark in marks]
    results = edges(record, RESULT)
    assert (0, 1, at("shared")) in results
    assert {(0, 2, at("waited")), (0, 3, at("waited"))} <= set(results)
    assert (0, 4, at("completed")) in results
    assert {(0, 5, at("mapped")), (0, 6, at("mapped"))} <= set(results)
    (left,) = [each for each in record["edges"] if each["kind"] == RESULT and each["other"] == 8]
    assert left["t1_ns"] - left["t0_ns"] > 30e6
    assert all(each["t1_ns"] >= each["t0_ns"] for each in record["edges"])


def conditions(store: str) -> Any:
    import queue
    import threading
    import time

    def view() -> str:
        box: queue.Queue[int] = queue.Queue()
        ready = threading.Event()

        def produce() -> None:
            time.sleep(0.02)
            box.put(1)
            time.sleep(0.02)
            ready.set()

        thread = threading.Thread(target=produce)
        thread.start()
        assert box.get() == 1  # got
        assert ready.wait(5)  # ready
        assert not threading.Event().wait(0.01)  # timed out
        thread.join()
        return ""

    captured.start(store)
    return captured.last(captured.flask_app(view), times=2)


def test_waiting_for_a_notification_names_who_notified(tmp_path: Any) -> None:
    record = run_isolated(conditions, str(tmp_path / "s.db"))
    assert edges(record, WAKE) == [(0, 1, at("got")), (0, 1, at("ready")), (0, -1, at("timed out"))]


def looks(store: str) -> Any:
    import inspect
    import pickle
    import threading
    from concurrent.futures import Future, ThreadPoolExecutor
    from typing import get_type_hints

    before = [
        str(inspect.signature(f)) for f in (threading.Thread.start, ThreadPoolExecutor.submit, Future.result)
    ]
    captured.start(store)
    after = [
        str(inspect.signature(f)) for f in (threading.Thread.start, ThreadPoolExecutor.submit, Future.result)
    ]
    assert before == after
    assert threading.Thread.start.__name__ == "start"
    assert "start" in str(inspect.getdoc(threading.Thread.start)).lower()
    assert inspect.isfunction(threading.Thread.start)
    assert inspect.ismethod(threading.Thread().start)
    assert pickle.loads(pickle.dumps(threading.Thread.join)) is threading.Thread.join
    assert get_type_hints(threading.Thread.start) == {}

    class Sub(threading.Thread):
        started = 0

        def start(self) -> None:
            self.started += 1
            super().start()

    each = Sub(target=lambda: None)
    each.start()
    each.join()
    return each.started


def test_wrapped_functions_look_and_subclass_as_before(tmp_path: Any) -> None:
    assert run_isolated(looks, str(tmp_path / "s.db")) == 1


def refused(store: str) -> Any:
    import threading
    from unittest import mock

    captured.start(store)
    starter = (
        "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else "_start_new_thread"
    )

    def view() -> str:
        refusal = mock.patch.object(threading, starter, side_effect=RuntimeError("no threads"))
        with refusal, pytest.raises(RuntimeError, match="no threads"):
            threading.Thread(target=print).start()
        return ""

    return captured.last(captured.flask_app(view))["status"]


def test_a_thread_that_cannot_start_fails_as_before(tmp_path: Any) -> None:
    assert run_isolated(refused, str(tmp_path / "s.db")) == 200


def async_view(store: str) -> Any:
    import sqlite3

    captured.start(store)

    async def view() -> str:
        sqlite3.connect(":memory:").execute("select 1").fetchall()  # in async view
        return ""

    return captured.last(captured.flask_app(view), times=2)


def test_an_async_view_is_a_framework_lane_without_a_place(tmp_path: Any) -> None:
    record = run_isolated(async_view, str(tmp_path / "s.db"))
    assert captured.statements(record, HERE) == [("select ?", 1, at("in async view"))]
    assert record["statements"][0]["lane"] != 0
    for lane in record["lanes"][1:]:
        assert lane["file"] == ""
        assert "asgiref" in lane["via"]


def many_requests(store: str) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    from hotplate import _hotplate
    from support_py import wsgi

    shared = ThreadPoolExecutor(4)

    def view() -> str:
        return str(sum(shared.map(lambda n: n, range(5))))

    captured.start(store)
    app = captured.flask_app(view)
    for _ in range(300):
        assert wsgi.call(app, "/")[2] == b"10"
    shared.shutdown()
    import gc

    gc.collect()
    return _hotplate.counts()


def test_nothing_of_ended_requests_is_held(tmp_path: Any) -> None:
    counts = run_isolated(many_requests, str(tmp_path / "s.db"))
    assert counts["errors"] == 0
    assert counts["requests_live"] == 0
    assert counts["lanes_live"] < 80


def on_their_own_and_together(store: str) -> Any:
    """Whether each of four requests was the first of its thread: two have a thread each, two share one."""
    import threading

    captured.start(store)
    app = captured.flask_app(lambda: "")
    firsts: list[bool] = []

    def serve(times: int) -> None:
        for _ in range(times):
            firsts.append(bool(captured.last(app)["flags"] & NEW_THREAD))

    for times in (1, 1, 2):
        thread = threading.Thread(target=serve, args=(times,))
        thread.start()
        thread.join()
    return firsts


def test_the_first_request_of_a_thread_is_known(tmp_path: Any) -> None:
    assert run_isolated(on_their_own_and_together, str(tmp_path / "s.db")) == [True, True, True, False]
