"""SQL of every driver and of SQLAlchemy is recorded once, with its text, rows, errors and the application's line."""

from __future__ import annotations

import datetime
import decimal
import os
import re
import uuid
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from support_py import captured, services
from support_py.isolated import run_isolated

HERE = __file__
SQLITE, MYSQL, MARIADB, POSTGRESQL = 1, 2, 3, 4
ERROR, MANY, ORM = 1, 2, 8
MAIN, TASK = 0, 4


def at(mark: str) -> int:
    return captured.line_of(HERE, mark)


# ---- sqlite3 ----


def sqlite_views(store: str) -> Any:
    import sqlite3

    class Own(sqlite3.Connection):
        pass

    def view() -> str:
        connection = sqlite3.connect(":memory:")
        assert type(connection) is sqlite3.Connection
        cursor = connection.cursor()
        assert type(cursor) is sqlite3.Cursor
        cursor.execute("create table t(a, b)")
        cursor.executemany("insert into t values (?, ?)", [(1, "x"), (2, "y"), (3, "z")])  # many
        two = connection.execute("select a from t where a in (?, ?)", (1, 2))  # shortcut
        assert two.fetchall() == [(1,), (2,)]
        assert [row[0] for row in cursor.execute("select a from t")] == [1, 2, 3]  # iterated
        cursor.execute("select a from t where b = :b", {"b": "nobody"})
        assert cursor.fetchone() is None  # none
        connection.executescript("create table u(a); insert into u values (1);")  # script
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            connection.execute("select * from nowhere")  # wrong
        own = sqlite3.connect(":memory:", factory=Own)
        assert type(own) is Own
        assert own.execute("select 1").fetchone() == (1,)  # own
        return "fine"

    captured.start(store)
    return captured.last(captured.flask_app(view))


def test_sqlite3_is_recorded_once_whichever_way_it_is_called(tmp_path: Any) -> None:
    record = run_isolated(sqlite_views, str(tmp_path / "s.db"))
    found = captured.statements(record, HERE)
    assert found[1:] == [
        ("insert into t values (?+)", 3, at("many")),
        ("select a from t where a in (?+)", 2, at("shortcut")),
        ("select a from t", 3, at("iterated")),
        ("select a from t where b = ?", 0, at("none") - 1),
        ("create table u(a); insert into u values (?+)", None, at("script")),
        ("select * from nowhere", None, at("wrong")),
        ("select ?", 1, at("own")),
    ]
    assert [each["flags"] & ERROR for each in record["statements"]] == [0, 0, 0, 0, 0, 0, 1, 0]
    assert record["statements"][1]["many"] == 3
    assert record["statements"][2]["in"] == 2
    assert {each["engine"] for each in record["statements"]} == {SQLITE}
    assert (
        record["statements"][0]["conn"] == record["statements"][2]["conn"] != record["statements"][7]["conn"]
    )
    assert all(each["exec_ns"] > 0 for each in record["statements"])


LIBRARY = """
class Loaded:
    def __init__(self, connection):
        self.rows = connection.execute("select 1").fetchall()
"""


def sqlite_in_constructor(store: str) -> Any:
    import sqlite3
    import sysconfig

    library: dict[str, Any] = {}
    exec(compile(LIBRARY, os.path.join(sysconfig.get_path("purelib"), "loaded.py"), "exec"), library)  # noqa: S102
    loaded = library["Loaded"]
    connection = sqlite3.connect(":memory:")

    def view() -> str:
        for _ in range(100):
            loaded(connection)  # made
        return ""

    captured.start(store)
    return captured.last(captured.flask_app(view), times=2)


def test_statements_of_a_librarys_constructor_are_at_the_line_that_called_it(tmp_path: Any) -> None:
    """From 3.13 on the interpreter enters a warm __init__ through a frame of its own that has no source."""
    record = run_isolated(sqlite_in_constructor, str(tmp_path / "s.db"))
    assert captured.statements(record, HERE) == [("select ?", 1, at("made"))] * 100


def sqlite_outside(store: str) -> list[str]:
    import inspect
    import sqlite3

    def looks() -> list[str]:
        execute = sqlite3.Cursor.execute
        return [repr(execute), str(execute.__doc__), sqlite3.Cursor.fetchall.__name__]

    before = looks()
    captured.start(store)
    assert before == looks()
    assert inspect.ismethoddescriptor(sqlite3.Cursor.execute)
    connection = sqlite3.connect(":memory:")
    with pytest.raises(TypeError):
        connection.execute()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        sqlite3.Cursor.execute(3, "select 1")  # type: ignore[arg-type]
    return [str(row) for row in connection.execute("select 1 union select 2")]


def test_sqlite3_outside_a_request_is_as_it_was(tmp_path: Any) -> None:
    assert run_isolated(sqlite_outside, str(tmp_path / "s.db")) == ["(1,)", "(2,)"]


def parameters(store: str) -> list[int]:
    import sqlite3

    class Text(str):
        pass

    sqlite3.register_adapter(decimal.Decimal, str)
    sqlite3.register_adapter(uuid.UUID, str)
    sqlite3.register_adapter(datetime.date, str)
    sqlite3.register_adapter(datetime.datetime, str)
    # fmt: off
    pairs: list[Any] = [
        (1,), (1,), (2,),  # 0 1 2
        ("é",), ("é",), (b"e",),  # 3 4 5
        {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2, "b": 1},  # 6 7 8
        (Text("x"),),  # 9: a str that is not one
        (decimal.Decimal("1.5"),), (decimal.Decimal("1.5"),), (decimal.Decimal("1.6"),),  # 10 11 12
        (uuid.UUID(int=2**100),), (uuid.UUID(int=2**100),), (uuid.UUID(int=2**100 + 1),),  # 13 14 15
        (datetime.datetime(2026, 1, 2),), (datetime.datetime(2026, 1, 2),), (datetime.date(2026, 1, 2),),  # 16 17 18
        (2**80 % 2**62,), (1.0,), (True,), (None,),  # 19 20 21 22
    ]
    # fmt: on

    def view() -> str:
        cursor = sqlite3.connect(":memory:").cursor()
        for each in pairs:
            cursor.execute("select :a + :b" if isinstance(each, dict) else "select ?", each)
        cursor.execute("select 'one'")  # 23
        cursor.execute("select 'two'")  # 24
        return ""

    captured.start(store)
    return [each["params"] for each in captured.last(captured.flask_app(view))["statements"]]


def test_parameters_are_compared_by_value_and_never_run_code(tmp_path: Any) -> None:
    hashes = run_isolated(parameters, str(tmp_path / "s.db"))
    for one, other in [(0, 1), (3, 4), (6, 7), (10, 11), (13, 14), (16, 17)]:
        assert hashes[one] == hashes[other] != 0
    assert hashes[9] == 0
    different = [0, 2, 3, 5, 6, 8, 10, 12, 13, 15, 16, 18, 19, 20, 21, 22, 23, 24]
    assert len({hashes[i] for i in different}) == len(different)


# ---- SQLAlchemy ----


def alchemy(store: str, folder: str) -> Any:
    import sqlalchemy as sa
    from sqlalchemy.orm import Session, declarative_base

    base: Any = declarative_base()

    class Part(base):
        __tablename__ = "parts"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String(20))

    early = sa.create_engine(f"sqlite:///{folder}/early.db")
    base.metadata.create_all(early)
    with early.begin() as connection:
        connection.execute(sa.insert(Part.__table__), [{"name": f"part {i}"} for i in range(5)])
    captured.start(store)
    late = sa.create_engine(f"sqlite:///{folder}/early.db")

    def view() -> str:
        with early.connect() as connection:
            few = connection.execute(sa.text("select * from parts where id < :id"), {"id": 3})  # core
            assert len(few.fetchall()) == 2
        with Session(late) as session:
            assert session.get(Part, 4).name == "part 3"  # get
            some = session.execute(sa.select(Part).where(Part.id.in_([1, 2, 3])))  # orm
            assert len(some.scalars().all()) == 3
            for part in session.execute(sa.select(Part)).scalars():  # each
                assert part.id
            session.add(Part(name="new"))
            session.flush()  # flush
            session.rollback()
        with late.connect() as connection, pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("select * from nowhere"))  # wrong alchemy
        return ""

    return captured.last(captured.flask_app(view), times=2)


@pytest.mark.sqlalchemy
def test_sqlalchemy_counts_once_with_rows_for_engines_made_before_and_after(tmp_path: Any) -> None:
    record = run_isolated(alchemy, str(tmp_path / "s.db"), str(tmp_path))
    found = captured.statements(record, HERE)
    assert [(rows, line) for _, rows, line in found] == [
        (2, at("core")),
        (1, at("get")),
        (3, at("orm")),
        (5, at("each")),
        (1, at("flush")),
        (None, at("wrong alchemy")),
    ]
    assert found[0][0] == "select * from parts where id < ?"
    assert [bool(each["flags"] & ORM) for each in record["statements"][:4]] == [False, True, True, True]
    assert record["statements"][5]["flags"] & ERROR
    assert record["statements"][2]["in"] == 3


def own_dialect(store: str) -> Any:
    import sqlalchemy as sa
    from sqlalchemy.dialects import registry
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

    captured.start(store)

    class Loud(SQLiteDialect_pysqlite):
        supports_statement_cache = True
        seen: ClassVar[list[str]] = []

        def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            Loud.seen.append(statement)
            super().do_execute(cursor, statement, parameters, context)

    registry.impls["loud"] = lambda: Loud
    engine = sa.create_engine("loud://")
    listened: list[str] = []

    @sa.event.listens_for(engine, "do_execute")
    def listener(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
        listened.append(statement)

    def view() -> str:
        with engine.connect() as connection:
            connection.execute(sa.text("select 7")).fetchall()  # loud
        return ""

    record = captured.last(captured.flask_app(view), times=2)
    assert Loud.seen.count("select 7") == listened.count("select 7") == 2
    return record


@pytest.mark.sqlalchemy
def test_a_dialect_that_overrides_do_execute_and_an_applications_own_listener_still_work(
    tmp_path: Any,
) -> None:
    record = run_isolated(own_dialect, str(tmp_path / "s.db"))
    assert captured.statements(record, HERE) == [("select ?", 1, at("loud"))]


def alchemy_async(store: str, folder: str) -> Any:
    import asyncio

    import sqlalchemy as sa
    from sqlalchemy.ext.asyncio import create_async_engine

    captured.start(store)

    async def one(engine: Any, number: int) -> None:
        async with engine.connect() as connection:
            await connection.execute(sa.text("select :n union select 100"), {"n": number})  # async

    async def all_of_them() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/a.db")
        await asyncio.gather(*(one(engine, n) for n in range(4)))
        await engine.dispose()

    def view() -> str:
        asyncio.run(all_of_them())
        return ""

    return captured.last(captured.flask_app(view), times=2)


@pytest.mark.sqlalchemy
def test_async_sqlalchemy_counts_each_of_several_at_once(tmp_path: Any) -> None:
    record = run_isolated(alchemy_async, str(tmp_path / "s.db"), str(tmp_path))
    found = [each for each in captured.statements(record, HERE) if each[0].startswith("select ? union")]
    assert [(text, line) for text, _, line in found] == [("select ? union select ?", at("async"))] * 4
    # Tasks of its own, but not the worker thread of aiosqlite.
    assert {lane["kind"] for lane in record["lanes"]} <= {MAIN, TASK}


# ---- drivers over the network ----


def mysql(store: str, dsn: str) -> Any:
    import pymysql
    import pymysql.cursors
    import sqlalchemy as sa

    captured.start(store)
    parts = urlsplit(dsn)
    where = {
        "host": parts.hostname,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password or "",
    }
    name = parts.path.lstrip("/")

    def view() -> str:
        connection = pymysql.connect(**where, database=name)
        with connection.cursor() as cursor:
            cursor.execute("create temporary table t(a int)")
            cursor.executemany("insert into t values (%s)", [(1,), (2,), (3,)])  # mysql many
            cursor.execute("select a from t where a < %s", (3,))  # mysql select
            assert len(cursor.fetchall()) == 2
            cursor.execute(query="update t set a = 9 where a = %s", args=(1,))  # mysql update
        with connection.cursor(pymysql.cursors.SSCursor) as stream:
            stream.execute("select a from t")  # mysql stream
            assert len(list(stream)) == 3
        connection.close()
        engine = sa.create_engine(f"mysql+pymysql://{parts.netloc}/{name}")
        with engine.connect() as alchemist:
            alchemist.execute(sa.text("select 8")).fetchall()  # mysql alchemy
        engine.dispose()
        return ""

    return captured.last(captured.flask_app(view), times=2)


@pytest.mark.slow
@pytest.mark.service
def test_pymysql_and_sqlalchemy_over_it_count_once(tmp_path: Any) -> None:
    with services.mariadb() as dsn:
        record = run_isolated(mysql, str(tmp_path / "s.db"), dsn)
    found = captured.statements(record, HERE)
    assert [each for each in found if at("mysql many") <= each[2] <= at("mysql stream")] == [
        ("insert into t values (?+)", 3, at("mysql many")),
        ("select a from t where a < ?", 2, at("mysql select")),
        ("update t set a = ? where a = ?", 1, at("mysql update")),
        ("select a from t", 3, at("mysql stream")),
    ]
    assert [each[:2] for each in found].count(("select ?", 1)) == 1
    assert {each["engine"] for each in record["statements"]} == {MARIADB}


def postgres(store: str, dsn: str) -> Any:
    import asyncio

    import psycopg
    import sqlalchemy as sa
    from psycopg import sql
    from sqlalchemy.ext.asyncio import create_async_engine

    captured.start(store)

    async def at_once() -> None:
        async with (
            await psycopg.AsyncConnection.connect(dsn) as one,
            await psycopg.AsyncConnection.connect(dsn) as two,
        ):

            async def query(connection: Any, seconds: float) -> None:
                cursor = connection.cursor()
                await cursor.execute("select pg_sleep(%s)", (seconds,))  # pg async
                assert len(await cursor.fetchall()) == 1

            await asyncio.gather(query(one, 0.1), query(two, 0.1))
        engine = create_async_engine(dsn.replace("://", "+psycopg_async://", 1))
        async with engine.connect() as adapted:
            await adapted.execute(sa.text("select 7"))  # pg adapted
        await engine.dispose()

    def view() -> str:
        with psycopg.connect(dsn) as connection:
            cursor = connection.execute("select generate_series(1, %s)", (4,))  # pg shortcut
            assert len(cursor.fetchall()) == 4
            cursor.execute(sql.SQL("select {}").format(sql.Literal(1)))  # pg composed
            cursor.execute(b"select 1, 2")  # pg bytes
            with connection.cursor("server") as server:
                server.execute("select generate_series(1, 5)")  # pg server
                assert len(list(server)) == 5
            with pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute("select * from nowhere")  # pg wrong
            connection.rollback()
        asyncio.run(at_once())
        return ""

    return captured.last(captured.flask_app(view), times=2)


@pytest.mark.slow
@pytest.mark.service
def test_psycopg_counts_sync_server_side_and_async_at_once(tmp_path: Any) -> None:
    with services.postgresql() as dsn:
        record = run_isolated(postgres, str(tmp_path / "s.db"), dsn)
    found = captured.statements(record, HERE)
    assert [each for each in found if each[2] == at("pg adapted")] == [("select ?", 1, at("pg adapted"))]
    assert found[:7] == [
        ("select generate_series(?, ?)", 4, at("pg shortcut")),
        ("<composed>", 1, at("pg composed")),
        ("select ?, ?", 1, at("pg bytes")),
        ("select generate_series(?, ?)", 5, at("pg server")),
        ("select * from nowhere", None, at("pg wrong")),
        ("select pg_sleep(?)", 1, at("pg async")),
        ("select pg_sleep(?)", 1, at("pg async")),
    ]
    one, two = record["statements"][5:7]
    assert min(one["exec_ns"], two["exec_ns"]) > 90e6
    assert two["t0_ns"] < one["t0_ns"] + one["exec_ns"]


# ---- the live log, and levels ----


def log_lines(store: str) -> Any:
    import sqlite3

    from hotplate import _hotplate

    captured.start(store, "monitor")
    lines: list[str] = []

    def view() -> str:
        connection = sqlite3.connect(":memory:")
        connection.execute("select 'secret'")  # logged
        return ""

    app = captured.flask_app(view)
    _hotplate.sql_log(10**12, lines.append)
    captured.last(app)
    assert not lines
    _hotplate.sql_log(0, lines.append)
    captured.last(app)
    _hotplate.sql_log(0)
    captured.last(app)
    _hotplate.sql_log(-1)
    captured.last(app)
    return lines


def test_slow_statements_are_logged_folded_with_their_line(tmp_path: Any) -> None:
    (line,) = run_isolated(log_lines, str(tmp_path / "s.db"))
    assert re.match(r"sql \d+\.\d+ ms  select \?  ", line)
    assert "secret" not in line
    assert line.endswith(f"{os.path.basename(HERE)}:{at('logged')}")


def asked_plans(store: str) -> Any:
    import sqlite3
    import time

    from hotplate import _hotplate

    captured.start(store, "monitor")
    asked: list[str] = []
    after: list[list[str]] = []

    def view() -> str:
        connection = sqlite3.connect(":memory:")
        connection.create_function("wait", 1, time.sleep)
        for seconds, times in ((0.6, 2), (0.3, 4), (0, 9)):
            for _ in range(times):
                text = f"select wait(?) as w{times}"
                connection.execute(text, (seconds,)).fetchall()
                after.append([one.rpartition(" ")[2] for one in asked])
        return ""

    _hotplate.sql_plans(5 * 10**8, lambda text, *_: asked.append(text))
    captured.last(captured.flask_app(view))
    return after


def test_plans_are_asked_for_once_after_one_slow_execution_or_three_of_two_fifths(tmp_path: Any) -> None:
    after = run_isolated(asked_plans, str(tmp_path / "s.db"))
    assert after[:2] == [["w2"], ["w2"]]
    assert after[2:6] == [["w2"], ["w2"], ["w2", "w4"], ["w2", "w4"]]
    assert after[-1] == ["w2", "w4"]


def counted_only(store: str) -> Any:
    import sqlite3

    captured.start(store, "count")

    def view() -> str:
        sqlite3.connect(":memory:").execute("select 1").fetchall()
        return ""

    return captured.last(captured.flask_app(view))


def test_level_count_records_no_statement(tmp_path: Any) -> None:
    record = run_isolated(counted_only, str(tmp_path / "s.db"))
    assert record["statements"] == record["groups"] == []
