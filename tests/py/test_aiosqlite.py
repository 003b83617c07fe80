"""Statements of aiosqlite itself are recorded once, in the task and on the line that awaits them."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from support_py import captured
from support_py.isolated import run_isolated

HERE = __file__
CONNECT, COMMIT = 1, 3
THREAD = 1
ERROR, MANY = 1, 2


def at(mark: str) -> int:
    return captured.line_of(HERE, mark)


def in_a_view(store: str, body: Any) -> dict[str, Any]:
    captured.start(store)

    async def view() -> str:
        await body()
        return ""

    return captured.last(captured.flask_app(view), times=2)


def each_way(store: str) -> dict[str, Any]:
    import aiosqlite

    async def body() -> None:
        async with aiosqlite.connect(":memory:") as connection:  # opened
            await connection.execute("create table t (a)")  # shortcut
            await connection.executemany("insert into t values (?)", [(1,), (2,), (3,)])  # many
            await connection.commit()  # committed
            async with connection.execute("select a from t where a > ?", (1,)) as rows:  # with
                assert [row async for row in rows] == [(2,), (3,)]
            assert len(list(await connection.execute_fetchall("select a from t"))) == 3  # all
            await connection.execute_insert("insert into t values (?)", (4,))  # insert
            cursor = await connection.cursor()
            await cursor.execute("select max(a) from t")  # cursor
            assert await cursor.fetchone() == (4,)
            await connection.executescript("create table u (a); insert into u values (1);")  # script
            await connection.create_function("twice", 1, lambda a: 2 * a)

    return in_a_view(store, body)


def test_each_way_to_execute_is_recorded_once_with_its_rows_and_line(tmp_path: Path) -> None:
    record = run_isolated(each_way, str(tmp_path / "s.db"))
    assert captured.statements(record, HERE) == [
        ("create table t (a)", None, at("shortcut")),
        ("insert into t values (?+)", 3, at("many")),
        ("select a from t where a > ?", 2, at("with")),
        ("select a from t", 3, at("all")),
        ("insert into t values (?+)", None, at("insert")),
        ("select max(a) from t", 1, at("cursor")),
        ("create table u (a); insert into u values (?+)", None, at("script")),
    ]
    assert record["statements"][1]["flags"] & MANY
    assert THREAD not in {lane["kind"] for lane in record["lanes"]}  # the connection's is nobody's
    steps = [(step["kind"], step["line"]) for step in record["steps"]]
    assert steps == [(CONNECT, at("opened")), (COMMIT, at("committed"))]
    assert len({each["conn"] for each in record["statements"] + record["steps"]}) == 1


def at_once(store: str) -> dict[str, Any]:
    import aiosqlite

    async def one(connection: Any, number: int) -> None:
        await connection.execute_fetchall("select ?", (number,))  # one of them

    async def body() -> None:
        async with aiosqlite.connect(":memory:") as connection:
            await asyncio.gather(*(one(connection, n) for n in range(20)))

    return in_a_view(store, body)


def test_tasks_that_share_a_connection_have_a_statement_each(tmp_path: Path) -> None:
    record = run_isolated(at_once, str(tmp_path / "s.db"))
    assert captured.statements(record, HERE) == [("select ?", 1, at("one of them"))] * 20
    assert len({each["lane"] for each in record["statements"]}) == 20
    first, *_, last = record["statements"]
    assert last["t0_ns"] < first["t0_ns"] + first["exec_ns"]  # the connection's thread takes one at a time


def failing(store: str) -> dict[str, Any]:
    import aiosqlite

    async def body() -> None:
        async with aiosqlite.connect(":memory:") as connection:
            with pytest.raises(sqlite3.OperationalError, match="no such table"):
                await connection.execute("select * from nowhere")  # wrong
            slow = asyncio.create_task(  # cancelled
                connection.execute_fetchall(
                    "with recursive n(a) as (select 1 union all select a + 1 from n where a < 300000) "
                    "select max(a) from n"
                )
            )
            await asyncio.sleep(0.01)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            assert await connection.execute_fetchall("select 1") == [(1,)]  # after

    return in_a_view(store, body)


def test_an_error_and_a_cancelled_statement_are_said(tmp_path: Path) -> None:
    record = run_isolated(failing, str(tmp_path / "s.db"))
    wrong, cancelled, after = record["statements"]
    assert [each["flags"] & ERROR for each in (wrong, cancelled, after)] == [ERROR, ERROR, 0]
    assert [each["line"] for each in (wrong, cancelled, after)] == [at("wrong"), at("cancelled"), at("after")]
    assert cancelled["exec_ns"] > 9e6  # till it was cancelled
    assert after["rows"] == 1


def outside(store: str) -> dict[str, Any]:
    import aiosqlite
    from hotplate import _hotplate

    captured.start(store)

    async def used() -> None:
        async with aiosqlite.connect(":memory:") as connection:
            coroutine = connection.commit()
            assert type(coroutine).__name__ == "coroutine"  # nothing stands in its place
            await coroutine
            assert await connection.execute_fetchall("select 1") == [(1,)]

    asyncio.run(used())
    record = captured.last(captured.flask_app(lambda: ""))
    record["errors"] = _hotplate.counts()["errors"]
    return record


def test_outside_a_request_nothing_is_recorded(tmp_path: Path) -> None:
    record = run_isolated(outside, str(tmp_path / "s.db"))
    assert record["statements"] == []
    assert record["errors"] == 0


def through_sqlalchemy(store: str, folder: str) -> dict[str, Any]:
    import aiosqlite
    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import create_async_engine

    async def body() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/a.db")
        async with engine.begin() as alchemist, aiosqlite.connect(":memory:") as raw:
            await alchemist.execute(sa.text("select 1, 2"))  # adapted
            assert await raw.execute_fetchall("select 3") == [(3,)]  # raw
            stream = await alchemist.stream(sa.text("select 4 union select 5"))  # streamed
            assert [row[0] async for row in stream] == [4, 5]
        await engine.dispose()

    return in_a_view(store, body)


@pytest.mark.sqlalchemy
def test_below_sqlalchemy_nothing_counts_twice_and_beside_it_all_counts(tmp_path: Path) -> None:
    record = run_isolated(through_sqlalchemy, str(tmp_path / "s.db"), str(tmp_path))
    found = [each for each in record["statements"] if each["text"].startswith("select ?")]
    assert [(each["text"], each["line"]) for each in found] == [
        ("select ?, ?", at("adapted")),
        ("select ?", at("raw")),
        ("select ? union select ?", at("streamed")),
    ]
    adapted, raw, streamed = found
    assert adapted["conn"] == streamed["conn"] != raw["conn"]
    assert [step["kind"] for step in record["steps"]].count(COMMIT) == 1


def without_the_coroutine(store: str) -> int:
    import aiosqlite.core
    from hotplate import _hotplate

    del aiosqlite.core.Connection._execute
    captured.start(store)
    return int(_hotplate.counts()["errors"])


def test_a_release_that_works_otherwise_is_counted_as_our_error(tmp_path: Path) -> None:
    assert run_isolated(without_the_coroutine, str(tmp_path / "s.db")) > 0
