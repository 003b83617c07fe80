"""Plans in the background: a slow SELECT of a running application gets its plan and its index, and no value is kept."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support_py import quiet, services
from support_py.cli import RUN, clean_environment, hotplate, hotplate_json

pytestmark = pytest.mark.one_python

SECRET = "value-4711-of-nobody"
APP = """
import sqlite3
from flask import Flask, request

app = Flask(__name__)

@app.get("/health")
def health():
    return "ok"

@app.get("/find")
def find():
    connection = sqlite3.connect("shop.db")
    try:
        rows = connection.execute(
            "SELECT id, note FROM thing WHERE name = ?", (request.args["name"],)
        ).fetchall()
    finally:
        connection.close()
    return f"{len(rows)} rows"

@app.get("/memory")
def memory():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a)")
    connection.executemany("INSERT INTO t VALUES (?)", [(i,) for i in range(400000)])
    return str(connection.execute("SELECT count(*) FROM t a WHERE a.a * 3 % 7 = ?", (1,)).fetchone())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APP)
    database = sqlite3.connect(tmp_path / "shop.db")
    database.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT, note TEXT)")
    database.executemany(
        "INSERT INTO thing (name, note) VALUES (?, ?)", [(f"n{i}", "x" * 300) for i in range(120000)]
    )
    database.commit()
    database.close()
    return tmp_path


def get(server: services.Server, path: str) -> str:
    with urllib.request.urlopen(server.url + path, timeout=20) as answer:
        return str(answer.read().decode())


def until(check: Callable[[], Any], seconds: float = 20) -> Any:
    """The first true value of check()."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(0.2)


def serving(folder: Path) -> bool:
    return (folder / ".hotplate" / "explain.sock").exists()


def statement(folder: Path, part: str) -> str:
    rows = hotplate_json("sql", "--all", cwd=folder)["statements"]
    return str(next((row["id"] for row in rows if part in row["statement"]), ""))


def stored(folder: Path, revision: str) -> int:
    """Requests of GET /find in the store: a server that is stopped takes with it what is not yet there."""
    rows = hotplate_json("routes", "--revision", revision, cwd=folder)["routes"]
    return next((int(row["requests"]) for row in rows if row["route"] == "GET /find"), 0)


def run(folder: Path, env: dict[str, str] | None = None) -> Any:
    return services.run_server(
        "flask", "shop", prefix=RUN, cwd=folder, env={**clean_environment(), **(env or {})}
    )


def test_a_slow_select_gets_its_plan_and_its_index(folder: Path) -> None:
    with quiet.Watch() as first, run(folder) as server:
        for i in range(12):
            assert get(server, f"/find?name={SECRET if i == 0 else f'n{i}'}") in ("0 rows", "1 rows")
        key = until(lambda: statement(folder, "FROM thing"))
        assert until(lambda: hotplate("explain", key, "--all", cwd=folder).returncode == 0)
        plan = hotplate_json("explain", key, "--all", cwd=folder)
        assert plan["plan"]["examples"] is False
        assert plan["advice"][0]["index"] == "CREATE INDEX thing_name ON thing (name)"
    report = hotplate_json("report", "--all", cwd=folder)
    found = [f for f in report["findings"] if f["kind"] in ("missing_index", "slow_query")]
    assert [f["kind"] for f in found] == ["missing_index"], report["findings"]
    assert found[0]["evidence"]["index"] == "CREATE INDEX thing_name ON thing (name)"
    assert (found[0]["file"], found[0]["function"]) == ("shop.py", "find")
    # What was predicted is what the index saves.
    before = report["routes"]
    database = sqlite3.connect(folder / "shop.db")
    database.execute("CREATE INDEX thing_name ON thing (name)")
    database.commit()
    database.close()
    revision = {"HOTPLATE_EXPLAIN": "0", "HOTPLATE_REVISION": "after"}
    with quiet.Watch() as second, run(folder, revision) as server:
        for i in range(12):
            get(server, f"/find?name=n{i}")
        assert until(lambda: stored(folder, "after") == 12)
    after = hotplate_json("routes", "--revision", "after", cwd=folder)["routes"]
    was = next(r["now_ms"] for r in before if r["route"] == "GET /find")
    now = next(r["p50_ms"] for r in after if r["route"] == "GET /find")
    for path in (folder / ".hotplate").rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    with first.judging(), second.judging():
        assert found[0]["predicted_saving_ms"] == pytest.approx(was - now, rel=0.35)


MANY = ["name = ?" + " AND id = id" * n for n in range(5)]


def test_what_an_application_asked_for_before_it_ended_is_there_for_the_report(folder: Path) -> None:
    """Five statements are asked for at once, then the server goes: the process beside still has most of them to do."""
    asked = [
        f"connection.execute('SELECT id, note FROM thing WHERE {each}', ('n1',)).fetchall()" for each in MANY
    ]
    lines = ["@app.get('/many')", "def many():", "    connection = sqlite3.connect('shop.db')"]
    (folder / "shop.py").write_text(
        "\n".join([APP, *lines, *(f"    {each}" for each in asked), "    return 'ok'\n"])
    )

    def statements() -> list[dict[str, Any]]:
        return list(hotplate_json("sql", "--all", cwd=folder)["statements"])

    with run(folder) as server:
        assert until(lambda: serving(folder))
        for _ in range(2):  # that fetching is slow is known after the first time
            assert get(server, "/many") == "ok"
        assert until(lambda: len(statements()) == len(MANY))
    keys = [str(row["id"]) for row in statements()]

    def missing() -> list[str]:
        return [key for key in keys if hotplate("explain", key, "--all", cwd=folder).returncode != 0]

    began = time.monotonic()
    hotplate_json("report", "--all", cwd=folder)
    if time.monotonic() - began < 9:  # else its patience was at an end, and plans come later
        assert missing() == []
    assert until(lambda: missing() == [], 40)


def test_a_store_in_the_databases_own_folder_is_not_taken_for_it(folder: Path) -> None:
    store = "profile.db"
    with run(folder, {"HOTPLATE_STORE": store}) as server:
        for _ in range(12):
            get(server, "/find?name=n1")
        rows = until(lambda: hotplate_json("sql", "--all", "--store", store, cwd=folder)["statements"])
        ask = ("explain", rows[0]["id"], "--all", "--store", store)
        assert until(lambda: hotplate(*ask, cwd=folder).returncode == 0), hotplate(*ask, cwd=folder).stderr


def served(folder: Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["hotplate", "serve", "--port", "0"],
        cwd=folder,
        env={**clean_environment(), **(env or {})},
        stderr=subprocess.PIPE,
        text=True,
    )


def press(process: subprocess.Popen[str], part: str) -> tuple[int, dict[str, Any]]:
    """Ask the dashboard for the plan of a statement, as its button does: the status, then what is said or kept."""
    assert process.stderr is not None
    root = process.stderr.readline().split()[-1]

    def get_json(path: str) -> Any:
        with urllib.request.urlopen(f"{root}api/v1/{path}", timeout=20) as answer:
            return json.load(answer)

    key = next(row["id"] for row in get_json("sql?revision=*")["statements"] if part in row["statement"])
    headers = {"Content-Type": "application/json", "X-Hotplate-Token": get_json("meta")["token"]}
    asked = urllib.request.Request(f"{root}api/v1/plan?revision=*&id={key}", b"{}", headers)
    try:
        urllib.request.urlopen(asked, timeout=20).close()
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    finally:
        process.terminate()
    return 200, {}


def kept(folder: Path, part: str) -> dict[str, Any]:
    return dict(hotplate_json("explain", statement(folder, part), "--all", cwd=folder))


def test_the_dashboard_asks_the_database_that_the_application_named(folder: Path) -> None:
    with run(folder) as server:
        for i in range(3):
            get(server, f"/find?name=n{i}")
        key = until(lambda: statement(folder, "FROM thing"))
        assert until(lambda: hotplate("explain", key, "--all", cwd=folder).returncode == 0)
        assert kept(folder, "FROM thing")["plan"]["examples"] is False
        assert press(served(folder), "FROM thing") == (200, {})
        plan = kept(folder, "FROM thing")  # the values are not known any more
    assert plan["plan"]["examples"] is True
    assert plan["advice"][0]["index"] == "CREATE INDEX thing_name ON thing (name)"


def test_the_dashboard_alone_needs_to_know_where_the_database_is(folder: Path) -> None:
    with run(folder, {"HOTPLATE_EXPLAIN": "0"}) as server:
        get(server, "/find?name=n1")
        assert until(lambda: statement(folder, "FROM thing"))
    status, said = press(served(folder), "FROM thing")
    assert (status, "HOTPLATE_DSN" in said["error"]) == (404, True)
    status, said = press(served(folder, {"HOTPLATE_DSN": "mysql://me@localhost/shop"}), "FROM thing")
    assert (status, "another database" in said["error"]) == (400, True)
    assert press(served(folder, {"HOTPLATE_DSN": "sqlite:///shop.db"}), "FROM thing") == (200, {})
    assert kept(folder, "FROM thing")["advice"]


def test_what_cannot_be_explained_says_why(folder: Path) -> None:
    with run(folder) as server:
        for _ in range(4):
            get(server, "/memory")
        key = until(lambda: statement(folder, "FROM t a"))
        said = until(lambda: "in-memory" in hotplate("explain", key, "--all", cwd=folder).stderr)
    assert said


def test_the_process_beside_ends_with_the_application(folder: Path) -> None:
    with run(folder) as server:
        get(server, "/health")
        assert until(lambda: serving(folder))
    assert until(lambda: not serving(folder))


def test_it_can_be_switched_off(folder: Path) -> None:
    with run(folder, {"HOTPLATE_EXPLAIN": "0"}) as server:
        get(server, "/find?name=n1")
        time.sleep(0.5)
        assert not serving(folder)


def test_a_debug_application_has_it_and_another_has_not(folder: Path) -> None:
    text = "from hotplate.flask import Hotplate\n" + APP.replace("__name__)", "__name__)\nHotplate(app)")
    (folder / "shop.py").write_text(text)
    environment = {**clean_environment(), "HOTPLATE_STORE": str(folder / ".hotplate" / "hotplate.db")}
    with services.run_server("flask", "shop", cwd=folder, env={**environment, "FLASK_DEBUG": "1"}) as server:
        get(server, "/find?name=n1")
        assert until(lambda: serving(folder), 5)
    assert until(lambda: not serving(folder))
    with services.run_server("flask", "shop", cwd=folder, env={**environment, "FLASK_DEBUG": "0"}) as server:
        get(server, "/find?name=n1")
        time.sleep(0.5)
        assert not serving(folder)


def test_the_application_keeps_its_own_locks(folder: Path) -> None:
    """Looking which file a connection has must not drop what SQLite holds of it: an exclusive lock stays."""
    (folder / "shop.py").write_text(
        APP.replace(
            'connection = sqlite3.connect("shop.db")',
            'connection = sqlite3.connect("shop.db", isolation_level=None)\n    connection.execute("BEGIN EXCLUSIVE")',
        )
        .replace(
            'return f"{len(rows)} rows"',
            'return f"{len(rows)} rows"\n\nimport os\n',
        )
        .replace(
            "    finally:\n        connection.close()",
            "        import subprocess, sys\n"
            "        code = \"import sqlite3; sqlite3.connect('shop.db', timeout=0)\"\n"
            "        code += \".execute('SELECT 1 FROM thing LIMIT 1')\"\n"
            "        free = subprocess.run([sys.executable, '-S', '-c', code], capture_output=True).returncode == 0\n"
            "    finally:\n        connection.close()\n"
            '    if free:\n        return "the lock was lost"',
        )
    )
    with run(folder) as server:
        for i in range(4):
            assert get(server, f"/find?name=n{i}") == "1 rows"
        assert os.path.exists(folder / "shop.db")


SERVER_APP = """
import os
from flask import Flask, request
app = Flask(__name__)
DSN = os.environ["SHOP_DSN"]
import sqlalchemy as sa
engine = sa.create_engine(DSN)
table = sa.table("thing", sa.column("id"), sa.column("name"), sa.column("note"))

@app.get("/health")
def health():
    return "ok"

@app.get("/find")
def find():
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table).where(table.c.name == request.args["name"])).fetchall()
    return f"{len(rows)} rows"

@app.get("/raw")
def raw():
    connection = engine.raw_connection().driver_connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM thing WHERE name = %s AND note <> %s", (request.args["name"], "y"))
        return f"{len(cursor.fetchall())} rows"
"""


DRIVERS = {
    "mariadb": {"mysql+pymysql": "pymysql", "mysql+mysqldb": "MySQLdb"},
    "postgresql": {"postgresql+psycopg": "psycopg"},
}


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_statements_of_servers_get_theirs(kind: str, tmp_path: Path) -> None:
    if not (services.has_mariadb() if kind == "mariadb" else services.has_postgresql()):
        pytest.skip(f"no {kind} here")
    import sqlalchemy

    with getattr(services, kind)() as dsn:
        dsns = {
            module: f"{driver}://{dsn.partition('://')[2]}"
            for driver, module in DRIVERS[kind].items()
            if find_spec(module) is not None
        }
        with sqlalchemy.create_engine(next(iter(dsns.values()))).begin() as connection:
            connection.execute(
                sqlalchemy.text(
                    "CREATE TABLE thing (id INTEGER PRIMARY KEY, name VARCHAR(40), note VARCHAR(400))"
                )
            )
            rows = [{"i": i, "n": f"n{i}", "t": "x" * 300} for i in range(60000)]
            connection.execute(sqlalchemy.text("INSERT INTO thing VALUES (:i, :n, :t)"), rows)
        for module, dsn in dsns.items():
            folder = tmp_path / module
            folder.mkdir()
            (folder / "shop.py").write_text(SERVER_APP)
            check_plans(folder, kind, dsn)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_tables_that_only_the_sessions_own_path_finds_get_theirs(driver: str, tmp_path: Path) -> None:
    if not services.has_postgresql() or find_spec(driver) is None:
        pytest.skip("no PostgreSQL here")
    import sqlalchemy

    (tmp_path / "shop.py").write_text(SERVER_APP)
    with services.postgresql() as dsn:
        url = f"postgresql+{driver}://{dsn.partition('://')[2]}"
        with sqlalchemy.create_engine(url).begin() as connection:
            for each in (
                "CREATE SCHEMA tenant",
                "CREATE TABLE tenant.thing (id INTEGER PRIMARY KEY, name VARCHAR(40), note VARCHAR(400))",
                "INSERT INTO tenant.thing SELECT n, 'n' || n, repeat('x', 300) FROM generate_series(0, 60000) n",
            ):
                connection.execute(sqlalchemy.text(each))
        joint = "&" if "?" in url else "?"
        check_plans(tmp_path, "postgresql", f"{url}{joint}options=-csearch_path%3Dtenant")


def check_plans(folder: Path, kind: str, dsn: str) -> None:
    with run(folder, {"SHOP_DSN": dsn}) as server:
        for path in ("/find", "/raw"):
            for i in range(6):
                assert get(server, f"{path}?name=n{i}") == "1 rows"
        for part in ("thing.name =", "note <>"):
            key = until(lambda part=part: statement(folder, part))
            assert until(lambda key=key: hotplate("explain", key, "--all", cwd=folder).returncode == 0), part
            plan = hotplate_json("explain", key, "--all", cwd=folder)
            assert plan["plan"]["engine"] == kind
            assert [a["index"] for a in plan["advice"]] == ["CREATE INDEX thing_name ON thing (name)"], plan
    kinds = {f["kind"] for f in hotplate_json("report", "--all", cwd=folder)["findings"]}
    assert "missing_index" in kinds
