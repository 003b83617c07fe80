"""Tasks of async views: await time, ready-but-loop-busy and running are apart, and tasks never mix."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from support_py import captured
from support_py.isolated import run_isolated

HERE = __file__
MAIN, POOL, TASK = 0, 2, 4
WAKE, RESULT = 2, 4
LOOP, AWAIT = 14, 13

pytestmark = pytest.mark.matrix


def at(mark: str) -> int:
    return captured.line_of(HERE, mark)


def burn(ms: float) -> None:
    """Use this much processor time, by the thread's own clock."""
    import time

    until = time.thread_time() + ms / 1e3
    while time.thread_time() < until:
        pass


def waits_ms(record: dict[str, Any], kind: int, lane: int) -> float:
    found = [each["ns"] for each in record["waits"] if each["kind"] == kind and each["lane"] == lane]
    return float(sum(found)) / 1e6


def lanes_at(record: dict[str, Any], line: int) -> list[int]:
    return [i for i, lane in enumerate(record["lanes"]) if lane["line"] == line and lane["kind"] == TASK]


def main_task(record: dict[str, Any]) -> int:
    """The task that runs the view: the first one."""
    return next(i for i, lane in enumerate(record["lanes"]) if lane["kind"] == TASK)


# ---- one view ----


def one(store: str) -> Any:
    import asyncio

    async def view() -> str:
        await asyncio.sleep(0.1)  # awaits
        burn(20)
        return ""

    captured.start(store)
    app = captured.flask_app(view)
    captured.last(app)
    return [captured.last(app) for _ in range(9)]


def test_awaiting_and_computing_are_apart(tmp_path: Any) -> None:
    records = run_isolated(one, str(tmp_path / "s.db"))
    for record in records:
        task = main_task(record)
        (wait,) = [w for w in record["waits"] if w["lane"] == task and w["kind"] == AWAIT]
        assert wait["line"] == at("awaits")
        # The thread that runs the loop has nothing of what its task computed.
        pool = record["lanes"][task]["parent"]
        assert record["lanes"][pool]["kind"] == POOL
        assert record["lanes"][pool]["cpu_ns"] < 10e6
    # A timer starts before its task gives way, and a busy machine may take its time in between: the median.
    awaited = [waits_ms(record, AWAIT, main_task(record)) for record in records]
    assert statistics.median(awaited) == pytest.approx(100, abs=3)
    cpu = [record["lanes"][main_task(record)]["cpu_ns"] / 1e6 for record in records]
    assert statistics.median(cpu) == pytest.approx(20, abs=2)


# ---- many in one loop ----


def many(store: str) -> Any:
    import asyncio
    import sqlite3

    async def one_of(number: int) -> None:
        for _ in range(number % 3 + 1):
            await asyncio.sleep(0.02)  # slept
        burn(0.2)
        sqlite3.connect(":memory:").execute(f"select {number} as n{number}")

    async def view() -> str:
        await asyncio.gather(*(one_of(i) for i in range(1000)))  # gathered
        return ""

    captured.start(store)
    return captured.last(captured.flask_app(view))


def test_a_thousand_overlapping_tasks_never_mix(tmp_path: Any) -> None:
    record = run_isolated(many, str(tmp_path / "s.db"))
    tasks = lanes_at(record, at("gathered"))
    assert len(tasks) == 1000
    counts: dict[int, int] = {}
    for wait in record["waits"]:
        if wait["kind"] == AWAIT and wait["line"] == at("slept"):
            counts[wait["lane"]] = counts.get(wait["lane"], 0) + wait["count"]
    assert [counts[lane] for lane in tasks] == [i % 3 + 1 for i in range(1000)]
    for number, lane in enumerate(tasks):
        lane_ms = (record["lanes"][lane]["end_ns"] - record["lanes"][lane]["start_ns"]) / 1e6
        assert lane_ms >= 20 * (number % 3 + 1)
        assert waits_ms(record, AWAIT, lane) <= lane_ms
        assert 0.2 <= record["lanes"][lane]["cpu_ns"] / 1e6 < 20
    each = [waits_ms(record, AWAIT, lane) / (number % 3 + 1) for number, lane in enumerate(tasks)]
    assert statistics.median(each) == pytest.approx(20, abs=1)
    # Each statement is on the lane of its own task.
    found = {each["text"]: each["lane"] for each in record["statements"]}
    assert len(found) == 1000
    assert all(found[f"select ? as n{number}"] == lane for number, lane in enumerate(tasks))
    # They computed one after the other on one thread: most of them waited for the loop.
    assert sum(waits_ms(record, LOOP, lane) for lane in tasks) > 1000


# ---- many requests in one loop of another thread ----


def shared(store: str) -> Any:
    import asyncio
    import threading

    from hotplate import _hotplate
    from support_py import wsgi

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    turn = threading.Lock()
    found = []

    async def work(times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(0.01)
        burn(1)

    def view(times: int) -> str:
        asyncio.run_coroutine_threadsafe(work(times), loop).result()
        turn.acquire()  # until its record was read
        return str(times)

    captured.start(store)
    app = captured.flask_app(view)
    app.add_url_rule("/<int:times>", "many", view)

    def client(times: int) -> None:
        wsgi.call(app, f"/{times}")
        found.append((times, _hotplate.last_request()))
        turn.release()

    clients = [threading.Thread(target=client, args=(1 + i % 9,)) for i in range(100)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return found


def test_requests_that_share_a_loop_keep_their_own_tasks(tmp_path: Any) -> None:
    found = run_isolated(shared, str(tmp_path / "s.db"))
    assert len(found) == 100
    for times, record in found:
        assert [lane["kind"] for lane in record["lanes"]] == [MAIN, TASK]
        assert record["lanes"][1]["parent"] == 0
        awaits = [w["count"] for w in record["waits"] if w["lane"] == 1 and w["kind"] == AWAIT]
        assert sum(awaits) == times
        assert record["lanes"][1]["cpu_ns"] / 1e6 >= 1


# ---- who waited for whom ----


def edges_view(store: str) -> Any:
    import asyncio
    import time

    async def child(seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def giver(box: asyncio.Queue[int]) -> None:
        await asyncio.sleep(0.02)
        box.put_nowait(1)
        await asyncio.sleep(0.05)

    async def view() -> str:
        await asyncio.gather(child(0.01), child(0.03))  # pair
        box: asyncio.Queue[int] = asyncio.Queue()
        task = asyncio.create_task(giver(box))  # giver
        assert await box.get() == 1  # got
        task.cancel()
        await asyncio.to_thread(time.sleep, 0.02)  # threaded
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(5), 0.01)
        return ""

    captured.start(store)
    app = captured.flask_app(view)
    captured.last(app)
    return captured.last(app)


def test_what_woke_a_task_is_told(tmp_path: Any) -> None:
    record = run_isolated(edges_view, str(tmp_path / "s.db"))
    task = main_task(record)
    woken = {e["line"]: e["other"] for e in record["edges"] if e["lane"] == task and e["kind"] == WAKE}
    pair = lanes_at(record, at("pair"))
    assert woken[at("pair")] == pair[1]  # the last one
    assert woken[at("got")] == lanes_at(record, at("giver"))[0]
    pool = woken[at("threaded")]
    assert record["lanes"][pool]["kind"] == POOL
    assert record["lanes"][pool]["parent"] == task
    # The thread that ran the loop waited for the view's task, and the request for that thread.
    outer = record["lanes"][task]["parent"]
    results = {(e["lane"], e["other"]) for e in record["edges"] if e["kind"] in (RESULT, WAKE)}
    assert {(outer, task), (0, outer)} <= results


# ---- semantics ----


def semantics(store: str) -> Any:
    import asyncio
    import contextvars
    import gc
    import weakref

    from hotplate import _hotplate

    mine = contextvars.ContextVar[str]("mine", default="none")
    kept: list[Any] = []

    async def failing() -> None:
        await asyncio.sleep(0)
        raise KeyError("mine")

    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    async def view() -> str:
        mine.set("view")
        task = asyncio.create_task(failing(), name="chosen")
        assert task.get_name() == "chosen"
        assert type(task) is asyncio.Task
        with pytest.raises(KeyError, match="mine"):
            await task
        loop = asyncio.get_running_loop()
        seen: list[str] = []
        loop.call_soon(lambda: seen.append(mine.get()))
        loop.call_soon_threadsafe(lambda: seen.append(mine.get()))
        loop.call_soon_threadsafe(seen.append, "argument")
        own = contextvars.copy_context()
        own.run(mine.set, "own")
        loop.call_soon_threadsafe(lambda: seen.append(mine.get()), context=own)
        await asyncio.sleep(0.01)
        assert seen == ["view", "view", "argument", "own"]
        kept.append(weakref.ref(loop.create_task(never())))
        return ""

    captured.start(store)
    app = captured.flask_app(view)
    status = [captured.last(app)["status"] for _ in range(3)]
    gc.collect()
    return [status, [each() is None for each in kept], _hotplate.counts()]


def test_asyncio_works_as_without_us(tmp_path: Any) -> None:
    status, gone, counts = run_isolated(semantics, str(tmp_path / "s.db"))
    assert status == [200] * 3
    assert gone == [True] * 3
    assert counts["errors"] == 0
    assert counts["lanes_live"] == 0
