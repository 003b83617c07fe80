"""What database connections take beside statements: the pool, connecting, pings, commits, each by connection."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support_py import captured, cli, services
from support_py.isolated import run_isolated

POOL, CONNECT, PING, COMMIT, ROLLBACK = range(5)


def by_kind(record: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    return {kind: [s for s in record["steps"] if s["kind"] == kind] for kind in range(5)}


def pooled(store: str, folder: str) -> list[dict[str, Any]]:
    import sqlalchemy
    from sqlalchemy.pool import QueuePool

    captured.start(store, "monitor")
    made = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "pool_pre_ping": True}
    engine = sqlalchemy.create_engine(
        f"sqlite:///{folder}/x.db", connect_args={"check_same_thread": False}, **made
    )

    @sqlalchemy.event.listens_for(engine, "do_connect")
    def slow_connect(*_: Any) -> None:
        time.sleep(0.02)

    def view() -> str:
        with engine.begin() as connection:  # uses
            connection.execute(sqlalchemy.text("create table if not exists t (a int)"))
            connection.execute(sqlalchemy.text("insert into t values (1)"))
        return ""

    app = captured.flask_app(view)
    first = captured.last(app)
    taken = threading.Event()

    def keep() -> None:
        with engine.connect():
            taken.set()
            time.sleep(0.05)

    thread = threading.Thread(target=keep)
    thread.start()
    taken.wait()
    second = captured.last(app)
    thread.join()
    return [first, second]


@pytest.mark.sqlalchemy
def test_the_steps_of_a_pooled_connection_are_told_apart(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    first, second = run_isolated(pooled, store, str(tmp_path))
    steps = by_kind(first)
    numbers = {each["conn"] for each in first["statements"]}
    assert len(numbers) == 1
    assert [len(steps[kind]) for kind in (POOL, CONNECT, PING, COMMIT)] == [1, 1, 0, 1]
    assert {each["conn"] for each in first["steps"]} == numbers
    assert steps[POOL][0]["ns"] < 20e6 <= steps[CONNECT][0]["ns"]  # connecting is not waiting for the pool
    assert steps[COMMIT][0]["line"] == captured.line_of(__file__, "uses")

    steps = by_kind(second)
    assert [len(steps[kind]) for kind in (POOL, CONNECT, PING, COMMIT, ROLLBACK)] == [1, 0, 1, 1, 1]
    assert 20e6 < steps[POOL][0]["ns"] < 2e9
    assert steps[POOL][0]["line"] == captured.line_of(__file__, "uses")
    assert {each["conn"] for each in second["steps"]} == numbers

    shown = cli.hotplate_json("show", f"{second['id']:016x}", "--store", store)["connections"]
    assert [(each["connection"], each["pools"], each["pings"], each["executions"]) for each in shown] == [
        (*numbers, 1, 1, len(second["statements"]))
    ]
    assert shown[0]["pool_ms"] == pytest.approx(steps[POOL][0]["ns"] / 1e6)
    text = cli.hotplate("show", f"{second['id']:016x}", "--store", store).stdout
    assert "Database connections" in text


def none_left(folder: str) -> list[Any]:
    import sqlalchemy
    from sqlalchemy.pool import QueuePool

    captured.start("", "monitor")
    engine = sqlalchemy.create_engine(
        f"sqlite:///{folder}/x.db", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.05
    )

    def view() -> str:
        try:
            engine.connect()
        except sqlalchemy.exc.TimeoutError:
            return "none left"
        return ""

    with engine.connect():
        record = captured.last(captured.flask_app(view))
    return [record["status"], record["steps"]]


@pytest.mark.sqlalchemy
def test_a_pool_that_gives_none_keeps_its_exception_and_the_time_waited(tmp_path: Path) -> None:
    status, steps = run_isolated(none_left, str(tmp_path))
    assert status == 200
    assert [(each["kind"], each["conn"]) for each in steps] == [(POOL, 0)]
    assert 40e6 < steps[0]["ns"] < 2e9


def opened(store: str, folder: str) -> dict[str, Any]:
    import sqlite3

    def view() -> str:
        for _ in range(3):
            connection = sqlite3.connect(f"{folder}/x.db")  # opens
            connection.execute("create table if not exists t (a int)")
            connection.execute("select a from t")
            connection.close()
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            sqlite3.connect(f"{folder}/nowhere/x.db")
        return ""

    captured.start(store, "monitor")
    return captured.last(captured.flask_app(view))


def test_each_opening_of_a_file_is_a_connection_of_its_own(tmp_path: Path) -> None:
    record = run_isolated(opened, str(tmp_path / "s.db"), str(tmp_path))
    connects = by_kind(record)[CONNECT]
    assert {each["line"] for each in connects[:3]} == {captured.line_of(__file__, "opens")}
    numbers = [each["conn"] for each in connects]
    assert len(connects) == 4
    assert len(set(numbers[:3])) == 3
    assert 0 not in numbers[:3]
    assert numbers[3] == 0  # none came about
    assert [each["conn"] for each in record["statements"]] == [n for n in numbers[:3] for _ in range(2)]


def by_a_driver(store: str, dsn: str) -> dict[str, Any]:
    captured.start(store, "monitor")
    if dsn.startswith("postgresql"):
        import psycopg

        connect: Any = lambda: psycopg.connect(dsn)  # noqa: E731
    else:
        import urllib.parse

        import pymysql

        parts = urllib.parse.urlsplit(dsn)
        facts = {
            "host": parts.hostname,
            "port": parts.port,
            "user": parts.username,
            "password": parts.password,
        }
        connect = lambda: pymysql.connect(**facts, database=parts.path[1:])  # noqa: E731

    def view() -> str:
        connection = connect()
        if hasattr(connection, "ping"):
            connection.ping()
        with connection.cursor() as cursor:
            cursor.execute("create table if not exists steps (a int)")
            connection.commit()  # commits
            cursor.execute("insert into steps values (1)")
            connection.rollback()  # rolls back
            cursor.execute("select a from steps")
            cursor.fetchall()
        connection.close()
        return ""

    return captured.last(captured.flask_app(view))


@pytest.mark.slow
@pytest.mark.service
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_driver_without_sqlalchemy_tells_the_same_steps(kind: str, tmp_path: Path) -> None:
    with getattr(services, kind)() as dsn:
        store = str(tmp_path / "s.db")
        record = run_isolated(by_a_driver, store, dsn)
    steps = by_kind(record)
    pings = int(kind == "mariadb")  # psycopg has none
    assert [len(steps[each]) for each in (POOL, CONNECT, PING, COMMIT, ROLLBACK)] == [0, 1, pings, 1, 1]
    numbers = {each["conn"] for each in record["steps"]}
    assert len(numbers - {0}) == 1
    assert {each["conn"] for each in record["statements"]} == numbers
    assert steps[CONNECT][0]["ns"] > 200_000, "a connection over the network"
    for step, text in ((COMMIT, "# commits"), (ROLLBACK, "# rolls back")):
        assert steps[step][0]["line"] == captured.line_of(__file__, text.removeprefix("# "))
    assert record["statements"][-1]["rows"] == 0, "rolled back"
    shown = cli.hotplate_json("show", f"{record['id']:016x}", "--store", store)["connections"]
    assert [(each["connection"], each["connects"], each["executions"]) for each in shown] == [
        (*numbers, 1, 3)
    ]
    assert shown[0]["connect_ms"] == pytest.approx(steps[CONNECT][0]["ns"] / 1e6, rel=1e-3)
