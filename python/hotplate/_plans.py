"""While an application is developed: slow SELECTs go to a process beside it, which asks the database for their plans.

What runs in the application is `_note`, once for each slow statement: it says how its database can be reached and puts
text and bound values into one datagram, which is lost rather than waited for. The process that gets it is
`hotplate explain --serve` (src/cli/explain_serve.h); values are kept nowhere. HOTPLATE_EXPLAIN=0 switches it off.
"""

from __future__ import annotations

import _socket
import base64
import datetime
import decimal
import json
import os
import shutil
import stat
import sys
import uuid
from typing import Any
from urllib.parse import quote

from . import _hotplate

SLOW_NS = 5_000_000
MOST_BYTES = 150_000
_address = ""
_store = ""
_running = False


class _Unknown(Exception):
    """Why the database or a value cannot be passed on."""


def start(store: str) -> None:
    """Start the process beside, and hand slow statements to it. Never raises; once."""
    global _address, _store, _running
    if _running or os.environ.get("HOTPLATE_EXPLAIN") == "0" or not hasattr(_hotplate, "sql_plans"):
        return
    if "uwsgi" in sys.modules or "pytest" in sys.modules:
        return
    _running = True
    try:
        beside = os.path.join(os.path.dirname(sys.executable), "hotplate")
        command = beside if os.access(beside, os.X_OK) else shutil.which("hotplate")
        if command is None:
            return
        _address = os.path.join(os.path.dirname(os.path.abspath(store)), "explain.sock")
        _store = os.path.realpath(store)
        _spawn([command, "explain", "--serve", "--store", store])
        _hotplate.sql_plans(SLOW_NS, _note)
    except Exception:
        _hotplate.count_error()


def _spawn(command: list[str]) -> None:
    """Run the starter, which leaves the real process behind and ends at once."""
    environment = {name: value for name, value in os.environ.items() if name != "HOTPLATE_RUN"}
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    pid = os.posix_spawn(command[0], command, environment, file_actions=quiet)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # a server that waits for all children has got it


def _note(text: str, params: Any, engine: int, cursor: Any) -> bool:
    """One slow statement; called by the extension, which counts what goes wrong. False: it may be told again."""
    if text.lstrip(" \t\r\n(")[:6].upper() not in ("SELECT",) and text.lstrip()[:4].upper() != "WITH":
        return True
    message: dict[str, Any] = {"pid": os.getpid(), "engine": engine, "text": text, "python": sys.executable}
    try:
        message["dsn"] = _dsn(cursor)
    except _Unknown as error:
        message["why"] = str(error)
    try:
        message["params"] = None if params is None else _encode(params)
    except _Unknown:
        pass  # example values will do
    data = json.dumps(message).encode()
    return len(data) > MOST_BYTES or _send(data)


def _send(data: bytes) -> bool:
    """To the process beside; False when it is not there (yet) or does not keep up."""
    folder = os.open(os.path.dirname(_address), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        plain = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            # By the folder's descriptor: an address has 108 bytes only.
            plain.sendto(data, _socket.MSG_DONTWAIT, f"/proc/self/fd/{folder}/{os.path.basename(_address)}")
            return True
        except OSError:
            return False
        finally:
            plain.close()
    finally:
        os.close(folder)


def _encode(value: Any) -> Any:
    """For JSON, as explain.decode() reads it. Only types that run no code of anybody's."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind in (tuple, list):
        return [_encode(item) for item in value]
    if kind is dict:
        return {key: _encode(item) for key, item in value.items() if type(key) is str}
    if kind is bytes:
        return {"type": "bytes", "value": base64.b64encode(value).decode()}
    if kind in (datetime.datetime, datetime.date, datetime.time):
        return {"type": kind.__name__, "value": value.isoformat()}
    if kind is datetime.timedelta:
        return {"type": "seconds", "value": value.total_seconds()}
    if kind in (decimal.Decimal, uuid.UUID):
        return {"type": kind.__name__.lower(), "value": str(value)}
    raise _Unknown(f"a parameter is a {kind.__name__}")


def _dsn(cursor: Any) -> str:
    """Where the cursor's database is, with the password; for the pipe to the child only."""
    connection: Any = getattr(cursor, "connection", None) or getattr(cursor, "_connection", None)
    module = type(connection).__module__.partition(".")[0]
    if module == "sqlite3" or "sqlite3" in {
        base.__module__.partition(".")[0] for base in type(connection).__mro__
    }:
        return f"sqlite:///{_sqlite_file()}"
    if module in ("psycopg", "psycopg2"):
        info = connection.info
        # With what the session was opened (-c search_path=…): names mean the same tables only there.
        options = {"host": info.host or "", "port": str(info.port), "options": info.options or ""}
        user, name, password = info.user or "", info.dbname or "", info.password or ""
        return _url(f"postgresql+{module}", user, password, "", f"/{quote(name, safe='')}", options)
    if module == "pymysql":
        user, password, name = (_text(getattr(connection, field, "")) for field in ("user", "password", "db"))
        options = {"unix_socket": connection.unix_socket} if getattr(connection, "unix_socket", None) else {}
        where = f"{connection.host or 'localhost'}:{connection.port or 3306}"
        return _url("mysql+pymysql", user, password, where, f"/{quote(name, safe='')}", options)
    if module == "MySQLdb":
        return _mysqldb_url(getattr(connection, "_hotplate_address", None))
    raise _Unknown(f"it is not known how {module or 'its driver'} reaches its database; say --dsn URL")


def _mysqldb_url(address: Any) -> str:
    """From what the connection was made with, which the extension has put there (connections.c)."""
    if type(address) is not dict:
        raise _Unknown("a connection of MySQLdb does not say where its database is; say --dsn URL")
    if address.get("read_default_file"):
        raise _Unknown("where the database is stands in an option file; say --dsn URL")
    user, password, name, path = (
        _text(next((address[key] for key in keys if address.get(key)), ""))
        for keys in (("user",), ("password", "passwd"), ("database", "db"), ("unix_socket",))
    )
    where = f"{_text(address.get('host')) or 'localhost'}:{address.get('port') or 3306}"
    options = {"unix_socket": path}
    return _url("mysql+mysqldb", user, password, where, f"/{quote(name, safe='')}", options)


def _url(scheme: str, user: str, password: str, where: str, path: str, options: dict[str, str]) -> str:
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in options.items() if value)
    return f"{scheme}://{login}@{where}{path}" + (f"?{query}" if query else "")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def _sqlite_file() -> str:
    """The one SQLite database that this process has open, beside our store: a connection does not say its file."""
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{entry}")
            # Never by its name: closing a second descriptor of the file would drop the application's locks on it.
            if path.startswith("/") and path != _store and _is_sqlite(int(entry)):
                found.add(path)
        except (OSError, ValueError):
            continue
    if len(found) == 1:
        return found.pop()
    if found:
        raise _Unknown("several SQLite databases are open; say --dsn sqlite:///FILE")
    raise _Unknown("an in-memory SQLite database cannot be reached from another process")


def _is_sqlite(fd: int) -> bool:
    return stat.S_ISREG(os.fstat(fd).st_mode) and os.pread(fd, 16, 0) == b"SQLite format 3\0"
