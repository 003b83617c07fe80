"""services -- start what a test needs around it, and be sure that it is gone afterwards.

    with mariadb() as dsn: ...
    with peer(delay_s=0.02) as address: ...
    with run_server("gunicorn-gthread", "roster:create_app()", prefix=("hotplate", "run", "--")) as server:
        urlopen(server.url + "/health")

Everything is a context manager, listens on the loopback only and picks its port itself. Nothing here knows
Hotplate: `prefix` and `env` put it around a server.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

TESTS = Path(__file__).resolve().parents[1]
APPS = TESTS / "apps"
SERVICES = TESTS / "services"
STOP_LIMIT_S = 8.0


class ServiceError(RuntimeError):
    """A service that did not come up, with what it said last."""


@dataclass(frozen=True)
class Server:
    """A running web server: where it is, its process, and the files that hold what it writes."""

    kind: str
    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    stdout: Path

    def output(self) -> str:
        """What it has written so far, stderr first."""
        return self.log.read_text(errors="replace") + self.stdout.read_text(errors="replace")


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_http(url: str, timeout_s: float = 20.0, process: subprocess.Popen[bytes] | None = None) -> int:
    """Wait until the address gives any answer and return its status; ServiceError when it does not.

    What was asked is waited for, so that a slow start does not make the server answer twice.
    """
    parts = urlsplit(url)
    deadline = time.monotonic() + timeout_s
    while (left := deadline - time.monotonic()) > 0:
        if process is not None and process.poll() is not None:
            raise ServiceError(f"the server of {url} ended with status {process.returncode}")
        connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=left)
        try:
            connection.request("GET", parts.path or "/")
            return connection.getresponse().status
        except (OSError, HTTPException):
            time.sleep(0.05)
        finally:
            connection.close()
    raise ServiceError(f"no answer from {url} within {timeout_s:g} s")


def wait_port(port: int, timeout_s: float = 10.0) -> None:
    """Wait until somebody listens on the port; ServiceError when nobody does."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise ServiceError(f"nobody listens on port {port}")


def has_mariadb() -> bool:
    """Whether this machine can run a MariaDB."""
    return shutil.which("mariadbd") is not None


def has_nginx() -> bool:
    """Whether this machine can run an nginx."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


@contextmanager
def nginx(upstream: str, path: str) -> Iterator[str]:
    """An nginx that hands `path` on to `upstream`; the address of that path there."""
    folder, port = tempfile.mkdtemp(prefix="nginx-"), free_port()
    try:
        subprocess.run([SERVICES / "nginx", "start", folder, str(port), upstream, path], check=True)
        wait_port(port)
        yield f"http://127.0.0.1:{port}{path}"
    finally:
        subprocess.run([SERVICES / "nginx", "stop", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def has_postgresql() -> bool:
    """Whether this machine can run a PostgreSQL."""
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@contextmanager
def mariadb() -> Iterator[str]:
    """A private MariaDB; gives the DSN of its empty database."""
    with _database("mariadb") as dsn:
        yield dsn


@contextmanager
def postgresql() -> Iterator[str]:
    """A private PostgreSQL; gives the DSN of its empty database."""
    with _database("postgresql") as dsn:
        yield dsn


@contextmanager
def _database(script: str) -> Iterator[str]:
    # Not pytest's tmp_path: a socket's path is short, and PostgreSQL's own user must get there.
    folder = Path(tempfile.mkdtemp(prefix="db-"))
    folder.chmod(0o755)
    command = str(SERVICES / script)
    try:
        started = subprocess.run(
            [command, "start", str(folder)], check=False, capture_output=True, text=True, timeout=90
        )
        if started.returncode != 0:
            raise ServiceError(started.stderr.strip() or f"{script} did not start")
        yield started.stdout.strip()
    finally:
        subprocess.run([command, "stop", str(folder)], check=False, capture_output=True, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def peer(delay_s: float = 0.015) -> Iterator[str]:
    """The line-echoing neighbour of the fixture applications; gives host:port."""
    port = free_port()
    command = [sys.executable, str(APPS / "peer.py"), str(port), str(delay_s)]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        wait_port(port)
        yield f"127.0.0.1:{port}"
    finally:
        stop_group(process)


def server_command(
    kind: str, app: str, port: int, python: str = sys.executable, workers: int = 1, threads: int = 4
) -> list[str]:
    """The command of a server kind for an application `module:name` or `package:factory()`.

    Kinds: flask, flask-reload, gunicorn-sync, gunicorn-gthread, gunicorn-gevent, gunicorn-preload, waitress,
    uwsgi, uwsgi-threadless, pywsgi, script (`python <APPS>/<module>.py PORT`). Those of one process ignore
    `workers`; sync ones ignore `threads`.
    """
    bin_ = Path(python).parent
    listen = f"127.0.0.1:{port}"
    gunicorn = [str(bin_ / "gunicorn"), "--bind", listen, "--workers", str(workers), "--log-level", "warning"]
    uwsgi = [
        *(str(bin_ / "uwsgi"), "--http-socket", listen, "--master", "--die-on-term", "--need-app"),
        *("--processes", str(workers), "--disable-logging", "--home", str(bin_.parent)),
        *("--module", app, "--pythonpath", "."),
    ]
    match kind:
        case "flask":
            return [str(bin_ / "flask"), "--app", app, "run", "--port", str(port), "--no-reload"]
        case "flask-reload":
            return [str(bin_ / "flask"), "--app", app, "run", "--port", str(port), "--reload"]
        case "gunicorn-sync":
            return [*gunicorn, "--worker-class", "sync", app]
        case "gunicorn-gthread":
            return [*gunicorn, "--worker-class", "gthread", "--threads", str(threads), app]
        case "gunicorn-gevent":
            return [*gunicorn, "--worker-class", "gevent", app]
        case "gunicorn-preload":
            return [*gunicorn, "--worker-class", "sync", "--preload", app]
        case "waitress":
            name = ["--call", app.removesuffix("()")] if app.endswith("()") else [app]
            return [str(bin_ / "waitress-serve"), "--listen", listen, "--threads", str(threads), *name]
        case "uwsgi":
            return [*uwsgi, "--enable-threads", "--threads", str(threads)]
        case "uwsgi-threadless":
            return uwsgi
        case "script":
            return [python, str(APPS / f"{app.partition(':')[0]}.py"), str(port)]
        case "pywsgi":
            return [python, str(TESTS / "support_py" / "pywsgi.py"), app, str(port)]
        case _:
            raise ValueError(f"no server kind {kind!r}")


@contextmanager
def run_server(
    kind: str,
    app: str,
    port: int | None = None,
    workers: int = 1,
    *,
    threads: int = 4,
    prefix: Sequence[str] = (),
    extra: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path = APPS,
    python: str = sys.executable,
    health: str = "/health",
    timeout_s: float = 30.0,
) -> Iterator[Server]:
    """Run an application of `cwd` under a server of the kind; ready when `health` gives any answer.

    `prefix` stands before the server's command and `extra` after it; `env` is added to the environment.
    At the end the whole process group is stopped, kindly first; the log is gone after the block.
    """
    port = port or free_port()
    command = [*prefix, *server_command(kind, app, port, python, workers, threads), *extra]
    environment = {**os.environ, "PYTHONPATH": str(cwd), "no_proxy": "127.0.0.1", **(env or {})}
    folder = Path(tempfile.mkdtemp(prefix="server-"))
    log, stdout = folder / "output", folder / "stdout"
    process: subprocess.Popen[bytes] | None = None
    try:
        with open(log, "wb") as output, open(stdout, "wb") as plain:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=plain,
                stderr=output,
                start_new_session=True,
            )
        server = Server(kind, f"http://127.0.0.1:{port}", port, process, log, stdout)
        try:
            wait_http(server.url + health, timeout_s, process)
        except ServiceError as error:
            raise ServiceError(f"{error}\n{server.output()[-2000:]}") from None
        yield server
    finally:
        if process is not None:
            stop_group(process)
        shutil.rmtree(folder, ignore_errors=True)


def stop_group(process: subprocess.Popen[bytes], first: signal.Signals = signal.SIGTERM) -> int:
    """End a process that leads its own group, then whatever is left of the group; its status."""
    if process.poll() is None:
        process.send_signal(first)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()
