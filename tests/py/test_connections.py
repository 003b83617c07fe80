"""What database connections take beside statements: the pool, connecting, pings, commits, each by connection."""

from __future__ import annotations

import functools
import importlib
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from support_py import captured, cli, services
from support_py.isolated import run_isolated

POOL, CONNECT, PING, COMMIT, ROLLBACK = range(5)
EACH = 16  # of a statement's flags


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
    assert steps[CONNECT][0]["ns"] >= 20e6
    assert steps[POOL][0]["ns"] < steps[CONNECT][0]["ns"]  # connecting is not waiting for the pool
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
    assert shown[0]["pool_ms"] == pytest.approx(steps[POOL][0]["ns"] / 1e6, rel=1e-3)
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


def connecting(driver: str, dsn: str) -> Callable[[], Any]:
    """What opens one connection to `dsn` with that driver."""
    module: Any = importlib.import_module(driver)
    if dsn.startswith("postgresql"):
        return functools.partial(module.connect, dsn)
    parts = urllib.parse.urlsplit(dsn)
    return functools.partial(
        module.connect,
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        password=parts.password or "",
        database=parts.path[1:],
    )


def by_a_driver(driver: str, store: str, dsn: str) -> dict[str, Any]:
    captured.start(store, "monitor")
    connect = connecting(driver, dsn)

    def view() -> str:
        connection = connect()  # connects
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


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], str]]:
    """The DSN of a server of that kind, started when it is first asked for."""
    running: dict[str, str] = {}
    with ExitStack() as stack:

        def dsn_of(kind: str) -> str:
            if kind not in running:
                running[kind] = stack.enter_context(getattr(services, kind)())
            return running[kind]

        yield dsn_of


SERVERS = {
    "psycopg": "postgresql",
    "psycopg2": "postgresql",
    "pymysql": "mariadb",
    "MySQLdb": "mariadb",
}


@pytest.mark.slow
@pytest.mark.service
@pytest.mark.parametrize("driver", SERVERS)
def test_a_driver_without_sqlalchemy_tells_the_same_steps(
    driver: str, servers: Callable[[str], str], tmp_path: Path
) -> None:
    pytest.importorskip(driver)
    store = str(tmp_path / "s.db")
    record = run_isolated(by_a_driver, driver, store, servers(SERVERS[driver]))
    steps = by_kind(record)
    pings = int(SERVERS[driver] == "mariadb")  # PostgreSQL's have none
    assert [len(steps[each]) for each in (POOL, CONNECT, PING, COMMIT, ROLLBACK)] == [0, 1, pings, 1, 1]
    numbers = {each["conn"] for each in record["steps"]}
    assert len(numbers - {0}) == 1
    assert {each["conn"] for each in record["statements"]} == numbers
    assert steps[CONNECT][0]["ns"] > 200_000, "a connection over the network"
    for step, text in ((CONNECT, "connects"), (COMMIT, "commits"), (ROLLBACK, "rolls back")):
        assert steps[step][0]["line"] == captured.line_of(__file__, text)
    assert record["statements"][-1]["rows"] == 0, "rolled back"
    shown = cli.hotplate_json("show", f"{record['id']:016x}", "--store", store)["connections"]
    assert [(each["connection"], each["connects"], each["executions"]) for each in shown] == [
        (*numbers, 1, 3)
    ]
    assert shown[0]["connect_ms"] == pytest.approx(steps[CONNECT][0]["ns"] / 1e6, rel=1e-3)


def many_at_once(driver: str, dsn: str) -> list[int]:
    import sqlalchemy

    captured.start("", "monitor")
    scheme = f"postgresql+{driver}://{dsn.partition('://')[2]}"
    engine = sqlalchemy.create_engine(scheme)
    rows = [(n, n) for n in range(20)]

    def view() -> str:
        with connecting(driver, dsn)() as connection, connection.cursor() as cursor:
            cursor.execute("create table if not exists rows (a int, b int)")
            cursor.executemany("update rows set a = %s where b = %s", rows)
        with engine.begin() as together:
            update = sqlalchemy.text("update rows set a = :a where b = :b")
            together.execute(update, [{"a": a, "b": b} for a, b in rows])
        return ""

    record = captured.last(captured.flask_app(view))
    return [each["flags"] & EACH for each in record["statements"] if each["many"] == len(rows)]


@pytest.mark.slow
@pytest.mark.service
@pytest.mark.sqlalchemy
@pytest.mark.parametrize(("driver", "flag"), [("psycopg2", EACH), ("psycopg", 0)])
def test_an_executemany_that_is_a_loop_of_the_driver_is_known_as_one(
    driver: str, flag: int, servers: Callable[[str], str]
) -> None:
    pytest.importorskip(driver)
    if driver == "psycopg" and version("SQLAlchemy").startswith("1."):
        pytest.skip("SQLAlchemy 1.4 has no dialect for psycopg 3")
    flags = run_isolated(many_at_once, driver, servers("postgresql"))
    assert flags == [flag, flag], "by the driver, and by SQLAlchemy over it"


def opened_again(driver: str, dsn: str) -> list[dict[str, Any]]:
    captured.start("", "monitor")
    connect = connecting(driver, dsn)
    taken: list[float] = []

    def view() -> str:
        for _ in range(3):
            started = time.perf_counter()
            connection = connect()
            taken.append(time.perf_counter() - started)
            with connection.cursor() as cursor:
                cursor.execute("select 1")
            connection.close()
            del connection, cursor  # the next one may lie where this one lay
        return ""

    app = captured.flask_app(view)
    return [{**captured.last(app), "taken": taken[-3:]}, {**captured.last(app), "taken": taken[-3:]}]


@pytest.mark.slow
@pytest.mark.service
@pytest.mark.parametrize("driver", SERVERS)
def test_each_connection_of_a_driver_has_its_own_number_and_time(
    driver: str, servers: Callable[[str], str]
) -> None:
    pytest.importorskip(driver)
    records = run_isolated(opened_again, driver, servers(SERVERS[driver]))
    numbers = [each["conn"] for record in records for each in by_kind(record)[CONNECT]]
    assert len(set(numbers)) == len(numbers) == 6
    assert [each["conn"] for record in records for each in record["statements"]] == numbers
    warm = zip(by_kind(records[1])[CONNECT], records[1]["taken"], strict=True)
    off_ms = sorted(abs(step["ns"] / 1e6 - taken_s * 1e3) - 0.05 * taken_s * 1e3 for step, taken_s in warm)
    assert off_ms[1] <= 1, "the fixture's own clock, at the median"


def refused(driver: str) -> list[dict[str, Any]]:
    captured.start("", "monitor")
    scheme = "postgresql" if SERVERS[driver] == "postgresql" else "mysql"
    connect = connecting(driver, f"{scheme}://nobody:no@127.0.0.1:{services.free_port()}/none")

    def view() -> str:
        with pytest.raises(Exception, match=r"refused|connect"):
            connect()
        return ""

    return captured.last(captured.flask_app(view))["steps"]


@pytest.mark.parametrize("driver", SERVERS)
def test_a_connect_that_fails_keeps_its_exception_and_its_time(driver: str) -> None:
    pytest.importorskip(driver)
    steps = run_isolated(refused, driver)
    assert [(each["kind"], each["conn"]) for each in steps] == [(CONNECT, 0)]


def connected_later(dsn: str) -> dict[str, Any]:
    captured.start("", "monitor")
    connect = connecting("pymysql", dsn)

    def view() -> str:
        connection = connect(defer_connect=True)
        connection.connect()  # connects later
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        connection.close()
        return ""

    return captured.last(captured.flask_app(view))


@pytest.mark.slow
@pytest.mark.service
def test_a_connection_that_is_made_before_it_connects_is_one_step(servers: Callable[[str], str]) -> None:
    record = run_isolated(connected_later, servers("mariadb"))
    assert [(step["kind"], step["line"]) for step in record["steps"]] == [
        (CONNECT, captured.line_of(__file__, "connects later"))
    ]
    assert {each["conn"] for each in record["statements"]} == {record["steps"][0]["conn"]} != {0}


def awaited(dsn: str) -> dict[str, Any]:
    import asyncio

    import psycopg

    captured.start("", "monitor")

    async def use() -> None:
        connection = await psycopg.AsyncConnection.connect(dsn)  # awaits connect
        await connection.execute("create table if not exists steps (a int)")
        await connection.commit()  # awaits commit
        await connection.execute("insert into steps values (1)")
        await connection.rollback()  # awaits rollback
        dropped = connection.commit()
        dropped.close()  # never begun
        await connection.close()

    def view() -> str:
        asyncio.run(use())
        return ""

    return captured.last(captured.flask_app(view))


@pytest.mark.slow
@pytest.mark.service
def test_steps_of_an_asynchronous_connection_last_until_they_are_done(
    servers: Callable[[str], str],
) -> None:
    pytest.importorskip("psycopg")
    record = run_isolated(awaited, servers("postgresql"))
    steps = by_kind(record)
    assert [len(steps[each]) for each in (POOL, CONNECT, COMMIT, ROLLBACK)] == [0, 1, 1, 1]
    assert len({each["conn"] for each in record["steps"] + record["statements"]} - {0}) == 1
    assert steps[CONNECT][0]["ns"] > 200_000, "a connection over the network"
    for step, text in ((CONNECT, "connect"), (COMMIT, "commit"), (ROLLBACK, "rollback")):
        assert steps[step][0]["line"] == captured.line_of(__file__, f"awaits {text}")


def from_psycopg_pool(dsn: str) -> list[dict[str, Any]]:
    import asyncio

    import psycopg_pool

    captured.start("", "monitor")
    taken = threading.Event()

    def keep() -> None:
        with pool.connection():
            taken.set()
            time.sleep(0.05)

    async def use() -> None:
        async with psycopg_pool.AsyncConnectionPool(dsn, min_size=1, max_size=1) as asynchronous:
            await asynchronous.wait()
            held = await asynchronous.getconn()
            asyncio.get_running_loop().call_later(
                0.05, lambda: asyncio.ensure_future(asynchronous.putconn(held))
            )
            async with asynchronous.connection() as connection:  # awaits for the pool
                await connection.execute("select 1")

    def view() -> str:
        with pool.connection() as connection:  # waits for the pool
            connection.execute("select 1")
        return ""

    def view_async() -> str:
        asyncio.run(use())
        return ""

    with psycopg_pool.ConnectionPool(dsn, min_size=1, max_size=1) as pool:
        pool.wait()
        app = captured.flask_app(view)
        thread = threading.Thread(target=keep)
        thread.start()
        taken.wait()
        record = captured.last(app)
        thread.join()
    return [record, captured.last(captured.flask_app(view_async))]


@pytest.mark.slow
@pytest.mark.service
def test_waiting_for_psycopgs_pool_is_told(servers: Callable[[str], str]) -> None:
    pytest.importorskip("psycopg_pool")
    records = run_isolated(from_psycopg_pool, servers("postgresql"))
    for record, text in zip(records, ("waits", "awaits"), strict=True):
        pool = by_kind(record)[POOL][-1]
        statement = record["statements"][-1]
        assert 20e6 < pool["ns"] < 2e9, text
        assert pool["line"] == captured.line_of(__file__, f"{text} for the pool")
        assert pool["conn"] == statement["conn"] != 0
