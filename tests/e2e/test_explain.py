"""EXPLAIN on real servers: nothing is changed, refusals say why, what hangs is cut off, what is proposed is used."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support_py import services
from support_py.cli import hotplate

pytestmark = pytest.mark.one_python

ROWS = 5000
SECRET = "hunter2-passw0rd"


@dataclass
class Database:
    """A server with 5,000 students in 50 classes; `run` executes with write access."""

    engine: str
    dsn: str
    run: Callable[..., list[Any]]
    dump: Callable[[], bytes]

    def explain(self, statement: str, *more: str) -> subprocess.CompletedProcess[str]:
        """`hotplate explain` on it."""
        return hotplate("explain", "--dsn", self.dsn, *more, "--", statement)

    def plan(self, statement: str, *more: str) -> Any:
        """Its JSON."""
        done = self.explain(statement, "--json", *more)
        assert done.returncode == 0, (statement, done.stderr)
        return json.loads(done.stdout)


TABLES = (
    "CREATE TABLE klass (id INTEGER PRIMARY KEY, name VARCHAR(60))",
    "CREATE TABLE student (id INTEGER PRIMARY KEY, class_id INTEGER, email VARCHAR(60), name VARCHAR(60),"
    " age INTEGER, active INTEGER, town VARCHAR(60), code VARCHAR(20), note TEXT)",
    "CREATE INDEX by_town ON student (town, age)",
)


def fill(
    run: Callable[..., list[Any]], many: Callable[[str, list[tuple[Any, ...]]], None], mark: str
) -> None:
    """The same rows everywhere."""
    for table in TABLES:
        run(table)
    marks = ", ".join([mark] * 9)
    many(f"INSERT INTO klass VALUES ({mark}, {mark})", [(i, f"k{i}") for i in range(1, 51)])
    many(
        f"INSERT INTO student VALUES ({marks})",
        [
            (
                i,
                i % 50 + 1,
                f"u{i}@x",
                f"n{i % 997}",
                i % 80,
                int(i % 500 != 0),
                f"t{i % 800}",
                str(i),
                f"note {i}" * 8,
            )
            for i in range(1, ROWS + 1)
        ],
    )


@contextmanager
def sqlite_database(folder: Path) -> Iterator[Database]:
    path = folder / "app.db"
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)

    def run(text: str, params: Any = ()) -> list[Any]:
        return connection.execute(text, params).fetchall()

    connection.execute("BEGIN")
    fill(run, connection.executemany, "?")
    connection.execute("COMMIT")
    yield Database("sqlite", f"sqlite:///{path}", run, path.read_bytes)
    connection.close()


@contextmanager
def mariadb_database() -> Iterator[Database]:
    if not services.has_mariadb():
        pytest.skip("no MariaDB here")
    import pymysql

    with services.mariadb() as dsn:
        parts = urlsplit(dsn)
        where = {"host": parts.hostname, "port": parts.port, "database": parts.path[1:]}
        connection = pymysql.connect(user=parts.username, autocommit=True, **where)

        def run(text: str, params: Any = None) -> list[Any]:
            with connection.cursor() as cursor:
                cursor.execute(text, params)
                return list(cursor.fetchall())

        def many(text: str, rows: list[tuple[Any, ...]]) -> None:
            with connection.cursor() as cursor:
                cursor.executemany(text, rows)

        fill(run, many, "%s")
        run("CREATE SEQUENCE numbers")
        run("CREATE TABLE log (a INTEGER)")
        run(
            "CREATE FUNCTION sneaky() RETURNS INTEGER DETERMINISTIC MODIFIES SQL DATA"
            " BEGIN INSERT INTO log VALUES (1); RETURN 1; END"
        )
        run("ANALYZE TABLE student, klass")
        run(f"CREATE USER reader IDENTIFIED BY '{SECRET}'")
        run("GRANT ALL ON app.* TO reader")

        def dump() -> bytes:
            command = [
                "mariadb-dump",
                "--no-defaults",
                "--skip-dump-date",
                "-h127.0.0.1",
                f"-P{parts.port}",
                "-uroot",
            ]
            return subprocess.run([*command, "--routines", "app"], check=True, capture_output=True).stdout

        yield Database("mariadb", f"mysql+pymysql://reader:{SECRET}@127.0.0.1:{parts.port}/app", run, dump)
        connection.close()


@contextmanager
def postgresql_database() -> Iterator[Database]:
    if not services.has_postgresql():
        pytest.skip("no PostgreSQL here")
    import psycopg

    with services.postgresql() as dsn:
        parts = urlsplit(dsn)
        connection = psycopg.connect(dsn, autocommit=True)

        def run(text: str, params: Any = None) -> list[Any]:
            cursor = connection.execute(text, params)
            return list(cursor.fetchall()) if cursor.description else []

        def many(text: str, rows: list[tuple[Any, ...]]) -> None:
            with connection.cursor() as cursor:
                cursor.executemany(text, rows)

        fill(run, many, "%s")
        run("CREATE SEQUENCE numbers")
        run("CREATE TABLE log (a INTEGER)")
        run(
            "CREATE FUNCTION sneaky() RETURNS INTEGER AS 'INSERT INTO log VALUES (1) RETURNING a' LANGUAGE sql"
        )
        run(
            "CREATE FUNCTION liar() RETURNS INTEGER IMMUTABLE LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM sneaky(); RETURN 1; END'"
        )
        run("ANALYZE")
        binary = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))))

        def dump() -> bytes:
            command = [str(binary), "-h", "127.0.0.1", "-p", str(parts.port), "-U", "app", "app"]
            text = subprocess.run(command, check=True, capture_output=True).stdout
            return b"\n".join(line for line in text.splitlines() if b"restrict" not in line)

        yield Database(
            "postgresql", f"postgresql+psycopg://app:{SECRET}@127.0.0.1:{parts.port}/app", run, dump
        )
        connection.close()


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    makers = {
        "sqlite": lambda: sqlite_database(tmp_path_factory.mktemp("sqlite")),
        "mariadb": mariadb_database,
        "postgresql": postgresql_database,
    }
    with makers[request.param]() as made:
        yield made


# Statements that must leave the database as it is, and what the refusal has to say ("": explained; None: either).
HOSTILE: list[tuple[str, str, str | None]] = [
    ("*", "INSERT INTO student (id) VALUES (99999)", "INSERT"),
    ("*", "UPDATE student SET name = 'x'", "UPDATE"),
    ("*", "DELETE FROM student", "DELETE"),
    ("*", "DROP TABLE student", "DROP"),
    ("*", "TRUNCATE TABLE student", "TRUNCATE"),
    ("*", "REPLACE INTO student (id) VALUES (1)", "REPLACE"),
    ("*", "CREATE TABLE x AS SELECT * FROM student", "CREATE"),
    ("*", "SELECT 1; DELETE FROM student", "more than one statement"),
    ("*", "SELECT * FROM student; -- \nDELETE FROM student", "more than one statement"),
    ("*", "SELECT * INTO copied FROM student", "INTO"),
    ("*", "SELECT * FROM student WHERE id = 1 FOR UPDATE", "locks"),
    ("*", "SELECT * FROM student LOCK IN SHARE MODE", "locks"),
    ("*", "WITH gone AS (DELETE FROM student RETURNING id) SELECT * FROM gone", "DELETE"),
    ("*", "WITH new AS (INSERT INTO student (id) VALUES (88888) RETURNING id) SELECT * FROM new", "INSERT"),
    ("*", "WITH x AS (SELECT 1) UPDATE student SET age = 1", "UPDATE"),
    ("*", "WITH x AS (SELECT id FROM klass) SELECT * FROM student WHERE class_id IN (SELECT id FROM x)", ""),
    ("*", "SELECT replace(name, 'DELETE FROM student', ';') FROM student WHERE id = 1", ""),
    ("*", "EXPLAIN ANALYZE DELETE FROM student", "EXPLAIN"),
    ("*", "BEGIN", "BEGIN"),
    ("*", "COMMIT", "COMMIT"),
    ("sqlite", "PRAGMA user_version = 5", "PRAGMA"),
    ("sqlite", "ATTACH DATABASE 'other.db' AS other", "ATTACH"),
    ("sqlite", "SELECT load_extension('x')", "loads code"),
    ("mariadb", "SELECT * FROM student INTO OUTFILE '/tmp/hotplate-test'", "INTO"),
    ("mariadb", "SELECT 1 /*! INTO @x */", "comment"),
    ("mariadb", "SELECT NEXTVAL(numbers)", "NEXTVAL"),
    ("mariadb", "SELECT NEXT VALUE FOR numbers", "sequence"),
    ("mariadb", "SELECT sneaky()", "may change data"),
    ("mariadb", "SELECT `sneaky`() FROM student", "may change data"),
    ("mariadb", "SELECT GET_LOCK('a', 1)", "lock"),
    ("mariadb", "SELECT @a := 1", "variable"),
    ("mariadb", "SELECT SLEEP(60)", "waits"),
    ("postgresql", "SELECT nextval('numbers')", "sequence"),
    ("postgresql", "SELECT sneaky()", "volatile"),
    ("postgresql", 'SELECT "sneaky"()', "volatile"),
    ("postgresql", "SELECT public.sneaky()", "volatile"),
    ("postgresql", "SELECT liar()", "read-only transaction"),
    ("postgresql", "SELECT pg_advisory_lock(1)", "administration"),
    ("postgresql", "SELECT pg_sleep(60)", "administration"),
    ("postgresql", "SELECT lo_create(0)", "large objects"),
    ("postgresql", "SELECT set_config('x.y', 'z', false)", "setting"),
    ("postgresql", "SELECT E'a\\'; DELETE FROM student; --'", ""),
    ("postgresql", "SELECT * FROM student FOR NO KEY UPDATE", "locks"),
]


@pytest.mark.parametrize("analyze", [False, True], ids=["plan", "analyze"])
def test_nothing_is_changed_and_refusals_say_why(database: Database, analyze: bool) -> None:
    before = database.dump()
    more = ("--analyze",) if analyze else ()
    for engine, statement, why in HOSTILE:
        if engine not in ("*", database.engine):
            continue
        done = database.explain(statement, *more)
        if why:
            assert done.returncode == 1, (statement, done.stdout)
            assert done.stderr.startswith("hotplate: not explained: "), (statement, done.stderr)
            assert why in done.stderr, (statement, done.stderr)
            assert done.stderr.count("\n") == 1
            assert done.stdout == ""
        else:
            assert done.returncode == 0, (statement, done.stderr)
    assert database.dump() == before


# A statement without an index for it; with the columns that the proposal must name.
MISSING = [
    ("SELECT * FROM student WHERE email = 'u77@x'", ("email",)),
    ("SELECT name FROM student WHERE student.class_id = 7 AND email = 'u6@x'", ("email",)),
    ("SELECT COUNT(*) FROM student AS s WHERE s.class_id = 7", ("class_id",)),
    ("SELECT * FROM student WHERE email IN ('u1@x', 'u2@x', 'u3@x')", ("email",)),
    (
        "SELECT s.name, k.name FROM student s JOIN klass k ON k.id = s.class_id WHERE s.email = 'u5@x'",
        ("email",),
    ),
    (
        "SELECT k.name, (SELECT COUNT(*) FROM student s WHERE s.class_id = k.id) FROM klass k WHERE k.id < 5",
        ("class_id",),
    ),
    ("SELECT * FROM student WHERE name = 'n5' ORDER BY age LIMIT 3", ("name",)),
]


def scan_cost(plan: Any) -> float:
    """Rows that the plan reads by whole tables, or the engine's own cost of it."""
    nodes = plan["plan"]["nodes"]
    if "cost" in nodes[0]:
        return float(nodes[0]["cost"])
    return float(sum(node.get("scanned", 0) for node in nodes if node.get("access") == "scan"))


def test_values_are_counted_of_a_column_in_a_function_too(database: Database) -> None:
    plan = database.plan("SELECT id FROM student WHERE lower(town) = 't7'")["plan"]
    (student,) = plan["tables"]
    (town,) = [column for column in student["columns"] if column["name"] == "town"]
    assert town["distinct"] > 100


@pytest.mark.parametrize(("statement", "columns"), MISSING)
def test_a_proposed_index_is_used_and_the_cost_falls(
    database: Database, statement: str, columns: tuple[str, ...]
) -> None:
    before = database.plan(statement)
    proposals = [advice for advice in before["advice"] if "index" in advice]
    assert len(proposals) == 1, before["advice"]
    create = proposals[0]["index"]
    assert create.endswith(f"({', '.join(columns)})"), create
    name = create.split()[2]
    database.run(create)
    try:
        if database.engine == "mariadb":
            database.run("ANALYZE TABLE student")
        after = database.plan(statement)
    finally:
        database.run(f"DROP INDEX {name}{' ON student' if database.engine == 'mariadb' else ''}")
    assert name in [node.get("index") for node in after["plan"]["nodes"]], after["plan"]["nodes"]
    assert scan_cost(after) < scan_cost(before) * 0.8
    assert not [advice for advice in after["advice"] if "index" in advice]


NEAR_MISSES = [
    "SELECT * FROM klass WHERE name = 'k7'",
    "SELECT * FROM student WHERE active = 1",
    "SELECT * FROM student WHERE LOWER(email) = 'u7@x'",
    "SELECT * FROM student WHERE email LIKE '%7@x'",
    "SELECT * FROM student WHERE email = 'u7@x' OR note = 'y'",
    "SELECT * FROM student WHERE town = 't5' AND age = 5",
    "SELECT * FROM student ORDER BY id LIMIT 5",
    "SELECT * FROM student ORDER BY name LIMIT 5",
    "SELECT COUNT(*) FROM student",
    "SELECT class_id, COUNT(*) FROM student GROUP BY class_id",
    "SELECT * FROM student WHERE id = 5",
]


@pytest.mark.parametrize("statement", NEAR_MISSES)
def test_near_misses_get_no_index(database: Database, statement: str) -> None:
    assert not [advice for advice in database.plan(statement)["advice"] if "index" in advice]


def test_a_text_compared_with_a_number_gets_no_index(database: Database) -> None:
    if database.engine == "mariadb":  # PostgreSQL has no such comparison, SQLite converts the value instead
        plan = database.plan("SELECT * FROM student WHERE code = 77")
        assert not [advice for advice in plan["advice"] if "index" in advice]
        plan = database.plan("SELECT * FROM student WHERE code = '77'")
        assert [advice for advice in plan["advice"] if "index" in advice]


def test_placeholders_get_values(database: Database) -> None:
    folded = database.plan("SELECT * FROM student WHERE email = ? AND age > ? AND name LIKE '%n' LIMIT ?")
    assert folded["plan"]["examples"] is True
    assert [advice["index"] for advice in folded["advice"] if "index" in advice] == [
        "CREATE INDEX student_email ON student (email)"
    ]
    given = database.plan(
        "SELECT * FROM student WHERE class_id = ? AND email IN (?+)", "--param", "7", "--param", "x"
    )
    assert given["plan"]["examples"] is False


def test_rows_are_as_they_really_are_when_it_is_run(database: Database) -> None:
    plan = database.plan("SELECT * FROM student WHERE class_id = 7", "--analyze")["plan"]
    assert plan["analyzed"] is True
    assert plan["actual_ms"] > 0
    if database.engine != "sqlite":
        assert any(node.get("out_actual") == pytest.approx(100, abs=1) for node in plan["nodes"])


def test_no_value_of_the_statement_is_shown(database: Database) -> None:
    plan = database.plan("SELECT * FROM student WHERE email = 'top-secret-4711' AND age > 4712")["plan"]
    assert "4711" not in json.dumps(plan)
    assert "4712" not in json.dumps(plan)


def test_a_statement_that_hangs_is_cut_off(database: Database) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000)"
    began = time.monotonic()
    done = database.explain(f"{numbers} SELECT COUNT(*) FROM n a, n b, n c", "--analyze", "--timeout", "1s")
    assert time.monotonic() - began < 7
    assert done.returncode == 1
    assert "cut off" in done.stderr, done.stderr


def test_a_locked_table_is_not_waited_for(database: Database) -> None:
    lock, unlock = {
        "sqlite": ("BEGIN EXCLUSIVE", "ROLLBACK"),
        "mariadb": ("LOCK TABLES student WRITE", "UNLOCK TABLES"),
        "postgresql": ("BEGIN; LOCK TABLE student IN ACCESS EXCLUSIVE MODE", "ROLLBACK"),
    }[database.engine]
    database.run(lock)
    try:
        began = time.monotonic()
        done = database.explain("SELECT * FROM student WHERE email = 'x'", "--timeout", "1s")
        assert time.monotonic() - began < 7
    finally:
        database.run(unlock)
    assert done.returncode == 1
    assert "cut off" in done.stderr or "locked" in done.stderr, done.stderr


def test_a_password_is_never_shown(database: Database) -> None:
    wrong = database.dsn.replace("/app", "/nothing-there")
    done = hotplate("explain", "--dsn", wrong, "SELECT 1 FROM student")
    assert done.returncode == 1
    assert SECRET not in done.stdout + done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_never_answers_is_cut_off(scheme: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        stop = threading.Event()

        def hold() -> None:
            listener.settimeout(0.2)
            held = []
            while not stop.is_set():
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    continue
            for connection in held:
                connection.close()

        thread = threading.Thread(target=hold)
        thread.start()
        try:
            began = time.monotonic()
            dsn = f"{scheme}://u:{SECRET}@127.0.0.1:{listener.getsockname()[1]}/x"
            done = hotplate("explain", "--dsn", dsn, "--timeout", "1s", "SELECT 1")
            assert time.monotonic() - began < 8
        finally:
            stop.set()
            thread.join()
    assert done.returncode == 1
    assert "not explained" in done.stderr
    assert SECRET not in done.stderr


def test_what_cannot_be_reached_says_so(tmp_path: Path) -> None:
    for dsn, why in (
        ("sqlite://", "in-memory"),
        ("sqlite:///:memory:", "in-memory"),
        (f"sqlite:///{tmp_path}/none.db", "no file"),
    ):
        done = hotplate("explain", "--dsn", dsn, "SELECT 1", cwd=tmp_path)
        assert done.returncode == 1
        assert why in done.stderr
    assert not (tmp_path / "none.db").exists()
    done = hotplate("explain", "--dsn", "oracle://x/y", "SELECT 1")
    assert done.returncode == 2
    done = hotplate("explain", "SELECT 1", cwd=tmp_path)
    assert done.returncode == 1
    assert "--dsn" in done.stderr
    done = hotplate("explain", "--dsn", "x.db", "--python", "/no/such/python", "SELECT 1", cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot be started" in done.stderr


def test_the_child_answers_without_running_what_lies_about(tmp_path: Path) -> None:
    (tmp_path / "sqlite3.py").write_text("raise SystemExit('ran')\n")
    (tmp_path / "hotplate.py").write_text("raise SystemExit('ran')\n")
    sqlite3.connect(tmp_path / "a.db").execute("CREATE TABLE t (a)").connection.commit()
    done = hotplate(
        "explain", "--dsn", "sqlite:///a.db", "--python", sys.executable, "SELECT * FROM t", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
