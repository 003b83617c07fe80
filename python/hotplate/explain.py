"""Ask a database for the plan of one statement: ``python -m hotplate.explain``.

Reads a request from stdin, answers on stdout. Started by ``hotplate explain`` with the application's interpreter, so
that its driver and its libraries are there; runs none of its code. The connection is our own: read-only, with a
timeout, rolled back. What may be explained at all was decided before (src/find/plan_safe.c); here only the database
itself is asked whether a function that the statement calls may change data.

Request and answer are JSON objects. Request: `dsn`, `timeout_s`, `analyze`, `functions` (that the statement calls),
`tables`, `columns` ([table, column] whose values to count), `numbers` ([table, column] compared with a number in the
text), and either `text` with `params` as the application had them and `holes` ([table, column] or null for each
placeholder), or `parts` (text around placeholders) with `values` (`given`, or `table`, `column`, `kind` for an
example). Answer: `engine`, `version`, `plan` as the engine says it, `tables`, `examples`, `analyzed`, `actual_ms`; or
`why_not`. A password is in neither.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import os
import random
import re
import signal
import sqlite3
import sys
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SAMPLE = 500
COUNT_CAP = 200_000
LATE_WORDS = ("timeout", "timed out", "max_statement_time", "interrupted", "locked")
HARMLESS = {"random", "clock_timestamp", "timeofday", "gen_random_uuid", "random_normal"}


class Refused(Exception):
    """Why there is no plan, in words for people."""


class CutOff(Exception):
    """The time is over."""


class Dsn:
    """A database URL as SQLAlchemy writes it, or the path of an SQLite file."""

    def __init__(self, text: str) -> None:
        if "://" not in text:
            text = f"sqlite:///{text}"
        scheme, _, driver = urlsplit(text).scheme.partition("+")
        parts = urlsplit(text)
        self.driver = driver
        self.engine = {"postgres": "postgresql", "mysql": "mysql", "mariadb": "mysql"}.get(scheme, scheme)
        self.host = parts.hostname or ""
        self.port = parts.port
        self.user = unquote(parts.username or "")
        self.password = unquote(parts.password or "")
        self.database = unquote(parts.path[1:])
        self.query = dict(parse_qsl(parts.query))
        self._raw = parts.password or ""
        self.rest = text.partition("://")[2]

    def scrub(self, text: str) -> str:
        """The text without the password, on one line."""
        for secret in (self.password, self._raw):
            if secret:
                text = text.replace(secret, "***")
        return " ".join(text.split())[:300]


# ---- values ----


def decode(value: Any) -> Any:
    """A parameter as it was: what JSON has no word for comes as {"type": …, "value": …}."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict) or set(value) != {"type", "value"}:
        return value
    kinds: dict[str, Callable[[Any], Any]] = {
        "bytes": base64.b64decode,
        "datetime": datetime.datetime.fromisoformat,
        "date": datetime.date.fromisoformat,
        "time": datetime.time.fromisoformat,
        "seconds": lambda seconds: datetime.timedelta(seconds=seconds),
        "decimal": decimal.Decimal,
        "uuid": uuid.UUID,
    }
    return kinds[value["type"]](value["value"])


def kind_of_type(name: str) -> str:
    """Of a column's type: "number", "text", "date", "bool", "other"."""
    name = name.lower()
    if re.match(r"(tiny|small|medium|big)?int|integer|serial|decimal|numeric|real|double|float", name):
        return "bool" if name.startswith("tinyint(1)") else "number"
    if re.match(r"(tiny|medium|long)?text|(n|var|character)*\s*(char|varying)|string|clob|enum|citext", name):
        return "text"
    if name.startswith(("date", "time", "year")):
        return "date"
    return "bool" if name.startswith("bool") else "other"


def example_for(column_type: str, hole: str) -> Any:
    """A value that a column of this type could hold."""
    if hole == "limit":
        return 10
    if hole == "pattern":
        return "a%"
    kind = kind_of_type(column_type)
    if kind == "date":
        return (
            "12:00:00"
            if column_type.lower().startswith("time") and "stamp" not in column_type
            else "2024-01-01"
        )
    if "uuid" in column_type.lower():
        return "00000000-0000-4000-8000-000000000000"
    return {"text": "a", "bool": True}.get(kind, 1)


def given(text: str, column_type: str) -> Any:
    """A value typed on the command line, as the column has it."""
    kind = kind_of_type(column_type) if column_type else "other"
    if kind in ("number", "other", "bool"):
        for make in (int, float):
            try:
                return make(text)
            except ValueError:
                continue
    return None if text == "NULL" else text


def distinct_of(counts: Sequence[int], rows: float) -> float:
    """Different values of a column, from how often each occurs in a sample (Haas and Stokes' estimator)."""
    n, d, once = sum(counts), len(counts), sum(1 for count in counts if count == 1)
    if n == 0 or rows <= 0:
        return 0.0
    if n >= rows:
        return float(d)
    return min(rows, max(d, n * d / (n - once + once * n / rows)))


def spread(low: int, high: int) -> str:
    """Keys between two, the same ones every time, not in step with anything; with commas."""
    chance = random.Random(low ^ high)
    return ", ".join(str(chance.randint(low, high)) for _ in range(SAMPLE))


# ---- engines ----


class Engine(ABC):
    """One connection to one database, in a read-only transaction."""

    name = ""
    marker = "%s"

    @abstractmethod
    def version(self) -> str:
        """As the server says it."""

    @abstractmethod
    def check(self, functions: Sequence[str]) -> None:
        """Raise Refused for a function that may change something."""

    @abstractmethod
    def explain(self, text: str, params: Any, analyze: bool) -> tuple[str, float | None]:
        """The plan as JSON text, and milliseconds if it was run and the plan does not say."""

    @abstractmethod
    def table(self, name: str) -> dict[str, Any] | None:
        """Rows, columns and indexes of a table; None: there is no such table."""

    @abstractmethod
    def distinct(self, table: dict[str, Any], column: str) -> float | None:
        """Different values of a column, estimated."""

    @abstractmethod
    def close(self) -> None:
        """Roll back and disconnect."""


class Sqlite(Engine):
    """A file, opened to read."""

    name = "sqlite"
    marker = "?"

    def __init__(self, dsn: Dsn, timeout_s: float) -> None:
        path = dsn.database if dsn.rest.startswith("/") else dsn.rest
        path = path.partition("?")[0].removeprefix("file:")
        if path in ("", ":memory:") or "mode=memory" in dsn.rest:
            raise Refused("an in-memory SQLite database cannot be reached from another process")
        if not os.path.exists(path):
            raise Refused(f"there is no file {path}")
        self.db = sqlite3.connect(
            f"file:{quote(os.path.abspath(path))}?mode=ro",
            uri=True,
            timeout=timeout_s / 2,
            isolation_level=None,
        )
        deadline = time.monotonic() + timeout_s
        self.db.set_progress_handler(lambda: int(time.monotonic() > deadline), 10000)
        self.db.execute("PRAGMA query_only = ON")
        self.db.execute("BEGIN")

    def version(self) -> str:
        return sqlite3.sqlite_version

    def check(self, functions: Sequence[str]) -> None:
        return

    def explain(self, text: str, params: Any, analyze: bool) -> tuple[str, float | None]:
        arguments = () if params is None else (params,)
        rows = self.db.execute(f"EXPLAIN QUERY PLAN {text}", *arguments).fetchall()
        plan = json.dumps([[row[0], row[1], row[3]] for row in rows])
        if not analyze:
            return plan, None
        began = time.perf_counter()
        for _ in self.db.execute(text, *arguments):
            pass
        return plan, (time.perf_counter() - began) * 1e3

    def _count(self, quoted: str) -> float:
        count = self.db.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {quoted} LIMIT {COUNT_CAP})"
        ).fetchone()[0]
        if count < COUNT_CAP:
            return float(count)
        try:
            return float(max(count, self.db.execute(f"SELECT max(rowid) FROM {quoted}").fetchone()[0]))
        except sqlite3.Error:
            return float(count)

    def table(self, name: str) -> dict[str, Any] | None:
        found = self.db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)", (name,)
        ).fetchone()
        if found is None:
            return None
        quoted = '"' + found[0].replace('"', '""') + '"'
        columns, indexes = [], []
        for row in self.db.execute(f"PRAGMA table_xinfo({quoted})").fetchall():
            columns.append({"name": row[1], "type": row[2]})
            if row[5] == 1 and row[2].upper() == "INTEGER":
                indexes.append({"name": "primary key", "unique": True, "columns": [row[1]]})
        for row in self.db.execute(f"PRAGMA index_list({quoted})").fetchall():
            index = '"' + row[1].replace('"', '""') + '"'
            names = [part[2] for part in self.db.execute(f"PRAGMA index_info({index})").fetchall()]
            indexes.append(
                {"name": row[1], "unique": bool(row[2]), "partial": bool(row[4]), "columns": names}
            )
        return {
            "name": found[0],
            "rows": self._count(quoted),
            "columns": columns,
            "indexes": indexes,
            "_sql": quoted,
        }

    def distinct(self, table: dict[str, Any], column: str) -> float | None:
        quoted, name = table["_sql"], '"' + column.replace('"', '""') + '"'
        where = f"LIMIT {SAMPLE}"
        try:
            low, high = self.db.execute(f"SELECT min(rowid), max(rowid) FROM {quoted}").fetchone()
            if low is not None and high - low >= SAMPLE:
                where = f"WHERE rowid IN ({spread(low, high)})"
        except sqlite3.Error:
            pass
        counts = self.db.execute(
            f"SELECT count(*) FROM (SELECT {name} AS c FROM {quoted} {where}) GROUP BY c"
        ).fetchall()
        return distinct_of([row[0] for row in counts], table["rows"])

    def close(self) -> None:
        self.db.set_progress_handler(None, 0)
        self.db.rollback()
        self.db.close()


class Postgresql(Engine):
    """psycopg 3 or psycopg2, whichever the DSN names or is there."""

    name = "postgresql"

    def __init__(self, dsn: Dsn, timeout_s: float) -> None:
        names = {"psycopg2": ["psycopg2"], "psycopg": ["psycopg"]}.get(dsn.driver, ["psycopg", "psycopg2"])
        driver = first_module(names, "PostgreSQL")
        self.error = driver.Error
        self.db = driver.connect(f"postgresql://{dsn.rest}", connect_timeout=max(2, int(timeout_s)))
        self.db.autocommit = True
        milliseconds = int(timeout_s * 1000)
        self._run("BEGIN READ ONLY")
        self._run(f"SET LOCAL statement_timeout = {milliseconds}")
        self._run(f"SET LOCAL lock_timeout = {max(1, milliseconds // 2)}")

    def _run(self, text: str, params: Any = None) -> list[Any]:
        cursor = self.db.cursor()
        try:
            cursor.execute(text, params)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def version(self) -> str:
        return str(self._run("SHOW server_version")[0][0])

    def check(self, functions: Sequence[str]) -> None:
        names = sorted({name.lower() for name in functions} | set(functions))
        rows = self._run(
            "SELECT DISTINCT proname::text FROM pg_proc WHERE provolatile = 'v' AND proname::text = ANY(%s)"
            " AND pg_function_is_visible(oid)",
            (names,),
        )
        volatile = sorted(row[0] for row in rows if row[0] not in HARMLESS)
        if volatile:
            raise Refused(f"{volatile[0]}() is volatile: the server says that it may change data")

    def explain(self, text: str, params: Any, analyze: bool) -> tuple[str, float | None]:
        how = "ANALYZE, FORMAT JSON" if analyze else "FORMAT JSON"
        plan = self._run(f"EXPLAIN ({how}) {text}", params)[0][0]
        return plan if isinstance(plan, str) else json.dumps(plan), None

    def table(self, name: str) -> dict[str, Any] | None:
        found = self._run(
            "SELECT c.oid, c.relname, c.reltuples, c.oid::regclass::text FROM pg_class c"
            " WHERE lower(c.relname) = lower(%s) AND c.relkind IN ('r', 'p', 'm') AND pg_table_is_visible(c.oid)",
            (name,),
        )
        if not found:
            return None
        oid, real, rows, quoted = found[0]
        if rows < 0 or rows == 0:
            rows = self._run(f"SELECT count(*) FROM (SELECT 1 FROM {quoted} LIMIT {COUNT_CAP}) s")[0][0]
        columns = self._run(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (oid,),
        )
        indexes = self._run(
            "SELECT i.relname, x.indisunique, x.indpred IS NOT NULL, ARRAY(SELECT COALESCE(a.attname::text, '')"
            " FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(n, at) LEFT JOIN pg_attribute a"
            " ON a.attrelid = x.indrelid AND a.attnum = k.n ORDER BY k.at)"
            " FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = %s AND x.indisvalid",
            (oid,),
        )
        return {
            "name": real,
            "rows": float(rows),
            "columns": [{"name": row[0], "type": row[1]} for row in columns],
            "indexes": [
                {"name": i[0], "unique": i[1], "partial": i[2], "columns": list(i[3])} for i in indexes
            ],
            "_sql": quoted,
        }

    def distinct(self, table: dict[str, Any], column: str) -> float | None:
        stats = self._run(
            "SELECT n_distinct FROM pg_stats WHERE tablename = %s AND attname = %s LIMIT 1",
            (table["name"], column),
        )
        if stats:
            return float(stats[0][0]) if stats[0][0] >= 0 else -float(stats[0][0]) * table["rows"]
        share = min(100.0, 100.0 * SAMPLE / max(1.0, table["rows"]))
        name = '"' + column.replace('"', '""') + '"'
        sample = f"SELECT {name} AS c FROM {table['_sql']} TABLESAMPLE SYSTEM ({share:.4f}) LIMIT 5000"
        counts = self._run(f"SELECT count(*) FROM ({sample}) s GROUP BY c")
        return distinct_of([row[0] for row in counts], table["rows"])

    def close(self) -> None:
        try:
            self._run("ROLLBACK")
        finally:
            self.db.close()


class Mysql(Engine):
    """MySQL 5.7 to 9 and MariaDB, by PyMySQL or MySQLdb; the server says which it is."""

    name = "mysql"

    def __init__(self, dsn: Dsn, timeout_s: float) -> None:
        names = {"pymysql": ["pymysql"], "mysqldb": ["MySQLdb"]}.get(dsn.driver, ["pymysql", "MySQLdb"])
        driver = first_module(names, "MySQL and MariaDB")
        self.error = driver.Error
        seconds = max(1, int(timeout_s + 0.999))
        options: dict[str, Any] = {
            "host": dsn.host or "localhost",
            "port": dsn.port or 3306,
            "user": dsn.user,
            "password": dsn.password,
            "database": dsn.database,
            "charset": dsn.query.get("charset", "utf8mb4"),
            "connect_timeout": seconds,
            "read_timeout": seconds,
            "autocommit": True,
        }
        if "unix_socket" in dsn.query:
            options["unix_socket"] = dsn.query["unix_socket"]
        self.db = driver.connect(**options)
        self._version = str(self._run("SELECT VERSION()")[0][0])
        maria = "mariadb" in self._version.lower()
        self.name = "mariadb" if maria else "mysql"
        if maria:
            self._run(f"SET SESSION max_statement_time = {timeout_s}")
        else:
            self._run(f"SET SESSION max_execution_time = {int(timeout_s * 1000)}")
        self._run(f"SET SESSION lock_wait_timeout = {max(1, seconds // 2)}")
        self._run("SET SESSION TRANSACTION READ ONLY")
        self._run("START TRANSACTION READ ONLY")

    def _run(self, text: str, params: Any = None) -> list[Any]:
        cursor = self.db.cursor()
        try:
            cursor.execute(text, params)
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def version(self) -> str:
        return self._version

    def check(self, functions: Sequence[str]) -> None:
        if not functions:
            return
        marks = ", ".join(["%s"] * len(functions))
        rows = self._run(
            "SELECT routine_name, sql_data_access FROM information_schema.routines WHERE routine_type = 'FUNCTION'"
            f" AND routine_name IN ({marks}) AND sql_data_access NOT IN ('NO SQL', 'READS SQL DATA')",
            tuple(functions),
        )
        if rows:
            raise Refused(f"{rows[0][0]}() may change data: it is declared {rows[0][1]}")

    def explain(self, text: str, params: Any, analyze: bool) -> tuple[str, float | None]:
        if not analyze:
            how = "EXPLAIN FORMAT=JSON"
        elif self.name == "mariadb":
            how = "ANALYZE FORMAT=JSON"
        else:
            how = "EXPLAIN ANALYZE FORMAT=JSON"
            major, minor = (int(part) for part in self._version.split(".")[:2])
            if (major, minor) < (8, 3):
                raise Refused(
                    f"MySQL {self._version} runs a statement for its plan only as text; 8.3 and later can"
                )
            self._run("SET SESSION explain_json_format_version = 2")
        return as_text(self._run(f"{how} {text}", params)[0][0]), None

    def table(self, name: str) -> dict[str, Any] | None:
        found = self._run(
            "SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND lower(table_name) = lower(%s) AND table_type = 'BASE TABLE'",
            (name,),
        )
        if not found:
            return None
        real, rows = found[0]
        columns = self._run(
            "SELECT column_name, column_type FROM information_schema.columns WHERE table_schema = DATABASE()"
            " AND table_name = %s ORDER BY ordinal_position",
            (real,),
        )
        parts = self._run(
            "SELECT index_name, non_unique, column_name, cardinality, seq_in_index FROM information_schema.statistics"
            " WHERE table_schema = DATABASE() AND table_name = %s ORDER BY index_name, seq_in_index",
            (real,),
        )
        indexes: dict[str, dict[str, Any]] = {}
        counted: dict[str, float] = {}
        for index, non_unique, column, cardinality, place in parts:
            entry = indexes.setdefault(index, {"name": index, "unique": not int(non_unique), "columns": []})
            entry["columns"].append(column or "")
            if place == 1 and column and cardinality is not None:
                counted[column] = float(cardinality)
        return {
            "name": real,
            "rows": float(rows or 0),
            "columns": [{"name": row[0], "type": as_text(row[1])} for row in columns],
            "indexes": list(indexes.values()),
            "_counted": counted,
        }

    def distinct(self, table: dict[str, Any], column: str) -> float | None:
        if column in table["_counted"]:
            return float(table["_counted"][column])
        key = next((i["columns"][0] for i in table["indexes"] if i["name"] == "PRIMARY"), None)
        types = {c["name"]: c["type"] for c in table["columns"]}
        quoted = f"`{table['name'].replace('`', '``')}`"
        name = f"`{column.replace('`', '``')}`"
        where = f"LIMIT {SAMPLE}"
        if key is not None and "int" in types.get(key, ""):
            low, high = self._run(f"SELECT MIN(`{key}`), MAX(`{key}`) FROM {quoted}")[0]
            if low is not None and high - low >= SAMPLE:
                where = f"WHERE `{key}` IN ({spread(low, high)})"
        counts = self._run(f"SELECT COUNT(*) FROM (SELECT {name} AS c FROM {quoted} {where}) s GROUP BY c")
        return distinct_of([int(row[0]) for row in counts], table["rows"])

    def close(self) -> None:
        try:
            self._run("ROLLBACK")
        finally:
            self.db.close()


def as_text(value: Any) -> str:
    """Of what a driver gives for a text: MySQL 8 has some as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def first_module(names: Iterable[str], what: str) -> Any:
    """The first driver that can be imported. Raises Refused."""
    tried = list(names)
    for name in tried:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise Refused(f"no driver for {what} in this interpreter ({' or '.join(tried)})")


def connect(dsn: Dsn, timeout_s: float) -> Engine:
    """Raises Refused for what is not known, and whatever the driver raises."""
    engines: dict[str, Callable[[Dsn, float], Engine]] = {
        "sqlite": Sqlite,
        "postgresql": Postgresql,
        "mysql": Mysql,
    }
    if dsn.engine not in engines:
        raise Refused(f"{dsn.engine}: not one of sqlite, postgresql, mysql, mariadb")
    return engines[dsn.engine](dsn, timeout_s)


# ---- one request ----


def column_of(tables: Sequence[dict[str, Any]], table: Any, column: Any) -> dict[str, Any] | None:
    """The facts of a column; with no table named, of the one table that has it."""
    found = [
        fact
        for entry in tables
        for fact in entry["columns"]
        if fact["name"].lower() == str(column or "").lower()
        and (not table or entry["name"].lower() == table.lower())
    ]
    return found[0] if len(found) == 1 else None


def statement_of(
    request: dict[str, Any], engine: Engine, tables: list[dict[str, Any]]
) -> tuple[str, Any, bool]:
    """Text, parameters, and whether example values stand for some of them."""
    if "parts" not in request:
        params = request.get("params")
        if isinstance(params, dict):
            return request["text"], {key: decode(value) for key, value in params.items()}, False
        return request["text"], None if params is None else tuple(decode(params)), False
    parts, values, examples = request["parts"], [], False
    for value in request["values"]:
        column = column_of(tables, value.get("table"), value.get("column")) or {}
        if "given" in value:
            values.append(given(value["given"], column.get("type", "")))
        else:
            values.append(example_for(column.get("type", ""), value.get("kind", "value")))
            examples = True
    if engine.marker == "%s" and values:
        parts = [part.replace("%", "%%") for part in parts]
    return engine.marker.join(parts), tuple(values) or None, examples


def mark_casts(request: dict[str, Any], engine: Engine, params: Any, tables: list[dict[str, Any]]) -> None:
    """Texts that are compared with numbers: MySQL and MariaDB convert the column then, and no index on it serves."""
    if engine.name not in ("mysql", "mariadb"):
        return
    pairs = [(pair[0], pair[1]) for pair in request.get("numbers", [])]
    holes = request.get("holes") or [(v.get("table"), v.get("column")) for v in request.get("values", [])]
    if isinstance(params, (tuple, list)):
        for hole, value in zip(holes, params, strict=False):
            if hole and isinstance(value, (int, float, decimal.Decimal)) and not isinstance(value, bool):
                pairs.append((hole[0], hole[1]))
    for table, name in pairs:
        column = column_of(tables, table, name)
        if column is not None and kind_of_type(column["type"]) == "text":
            column["cast"] = True


def add_counts(request: dict[str, Any], engine: Engine, tables: list[dict[str, Any]]) -> None:
    """Different values of the columns that conditions compare."""
    for name, column in request.get("columns", []):
        fact = column_of(tables, name, column)
        owner = next((table for table in tables if fact is not None and fact in table["columns"]), None)
        if fact is None or owner is None:
            continue
        try:
            count = engine.distinct(owner, fact["name"])
        except (Refused, CutOff):
            raise
        except Exception:
            return  # no right to look: the plan stands without
        if count is not None:
            fact["distinct"] = count


def answer(request: dict[str, Any], engine: Engine) -> str:
    """The answer as JSON; the engine's plan goes in as it is."""
    engine.check(request.get("functions", []))
    found = (engine.table(name) for name in request.get("tables", []))
    tables = [table for table in found if table is not None]
    text, params, examples = statement_of(request, engine, tables)
    text = text.strip().rstrip(";")
    plan, milliseconds = engine.explain(text, params, bool(request.get("analyze")))
    json.loads(plan)
    mark_casts(request, engine, params, tables)
    add_counts(request, engine, tables)
    for table in tables:
        for private in [key for key in table if key.startswith("_")]:
            del table[private]
    head: dict[str, Any] = {"engine": engine.name, "version": engine.version(), "examples": examples}
    head["analyzed"] = bool(request.get("analyze"))
    if milliseconds is not None:
        head["actual_ms"] = milliseconds
    head["tables"] = tables
    return json.dumps(head)[:-1] + ', "plan": ' + plan + "}"


def _cut_off(number: int, frame: Any) -> None:
    raise CutOff


def explain(request: dict[str, Any]) -> str:
    """Answer one request; never raises for what the database says."""
    dsn = Dsn(str(request["dsn"]))
    timeout_s = float(request.get("timeout_s", 5.0))
    engine: Engine | None = None
    began = time.monotonic()
    try:
        engine = connect(dsn, timeout_s)
        return answer(request, engine)
    except CutOff:
        why = f"cut off after {timeout_s:g} s"
    except Refused as error:
        why = str(error)
    except Exception as error:
        late = time.monotonic() - began >= timeout_s / 2
        timed = any(
            word in str(error).lower()
            for word in ("timeout", "timed out", "max_statement_time", "interrupted")
        )
        why = (
            f"cut off after {timeout_s:g} s"
            if late and timed
            else dsn.scrub(f"{type(error).__name__}: {error}")
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if engine is not None:
            try:
                engine.close()
            except Exception:
                pass
    return json.dumps(
        {"engine": engine.name if engine is not None else dsn.engine, "why_not": dsn.scrub(why)}
    )


def main() -> int:
    """Read one request from stdin. Whatever hangs ends with this process.

    A second after the timeout, by force two seconds later.
    """
    request = json.load(sys.stdin)
    timeout_s = float(request.get("timeout_s", 5.0))
    signal.signal(signal.SIGALRM, _cut_off)
    signal.setitimer(signal.ITIMER_REAL, timeout_s + 1)
    last = threading.Timer(timeout_s + 3, os._exit, (3,))
    last.daemon = True
    last.start()
    sys.stdout.write(explain(request) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
