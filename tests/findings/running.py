"""running -- the services of the corpus, its servers, and the requests made to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from planted import APPS, HERE, VENDOR, Application
from support_py import peers, services
from support_py.cli import clean_environment

NAME_SERVER = (
    f"127.10.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"  # one's own: others may run beside it
)
HANDSHAKE_MS, DNS_MS = 8, 20
STORED_S = 1.0  # what was recorded last is in the store by then


class Missing(RuntimeError):
    """A service that this machine cannot run."""


@dataclass
class Services:
    """What the applications need around them, started when it is first needed and stopped at the end."""

    stack: ExitStack
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    started: set[str] = field(default_factory=set)
    starting: threading.RLock = field(default_factory=threading.RLock)

    def start(self, needs: frozenset[str]) -> None:
        """Start those that are not running; Missing where one cannot run here. From any thread."""
        with self.starting:
            self._start(needs)

    def _start(self, needs: frozenset[str]) -> None:
        for need in sorted(needs - self.started):
            if need in self.started:  # meanwhile, with another one
                continue
            {
                "upstream": self._upstream,
                "names": self._names,
                "mariadb": self._mariadb,
                "postgresql": self._postgresql,
            }[need]()
            self.started.add(need)

    def _upstream(self) -> None:
        http, https = services.free_port(), services.free_port()
        pem = peers.certificate(self.folder)
        command = [
            sys.executable,
            str(HERE / "upstream.py"),
            str(http),
            str(https),
            str(pem),
            str(HANDSHAKE_MS),
        ]
        prefix = peers.resolver_prefix(self.folder, NAME_SERVER)
        process = subprocess.Popen(
            [*command, NAME_SERVER, str(DNS_MS)] if prefix else command, start_new_session=True
        )
        self.stack.callback(services.stop_group, process)
        prefer(process.pid)
        services.wait_port(http)
        services.wait_port(https)
        self.prefix = prefix or ()
        self.env |= {"UPSTREAM": f"127.0.0.1:{http}", "UPSTREAM_TLS": str(https), "UPSTREAM_HTTP": str(http)}
        self.env["UPSTREAM_CA"] = str(self.folder / "cert.pem")

    def _names(self) -> None:
        self.start(frozenset({"upstream"}))
        if not self.prefix:
            raise Missing("a slow name server takes root and `unshare`")

    def _mariadb(self) -> None:
        if not services.has_mariadb():
            raise Missing("mariadbd is missing (package mariadb-server)")
        self.env["FINDINGS_MARIADB"] = self.stack.enter_context(services.mariadb())

    def _postgresql(self) -> None:
        if not services.has_postgresql():
            raise Missing("initdb is missing (package postgresql)")
        self.env["FINDINGS_POSTGRESQL"] = self.stack.enter_context(services.postgresql())


@contextmanager
def surroundings() -> Iterator[Services]:
    """Services, and a folder for everything that the applications write; gone at the end, also on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="findings-"))
        yield Services(stack, Path(folder))


@contextmanager
def serving(
    app: Application, around: Services, off: Sequence[str] = (), prefix: Sequence[str] = (), **more: str
) -> Iterator[services.Server]:
    """The application under a threaded server; `off` are causes to leave out, `prefix` stands before the server."""
    around.start(app.needs)
    data = around.folder / "data" / app.name
    data.mkdir(parents=True, exist_ok=True)
    env = {
        **clean_environment(around.env),
        "PYTHONPATH": os.pathsep.join([str(APPS), *([str(VENDOR)] if app.vendor else [])]),
        "CAUSES_OFF": ",".join(off),
        "FINDINGS_DATA": str(data),
        "no_proxy": "127.0.0.1,localhost",
        **more,
    }
    names = around.prefix if "names" in app.needs else ()
    with services.run_server(
        "waitress", app.target, threads=2, prefix=[*names, *prefix], env=env, cwd=around.folder, timeout_s=60
    ) as server:
        prefer(server.process.pid)
        yield server
        time.sleep(STORED_S if prefix else 0)
        services.stop_group(server.process)


def raise_priority() -> None:
    """Have the machine first, where that is allowed; all that is started inherits it."""
    try:
        os.nice(-5)
    except PermissionError:
        print("others may disturb the times: no right to a higher priority", file=sys.stderr)
    prefer(os.getpid())


def prefer(pid: int) -> None:
    """The same for the session of a process: where the kernel groups sessions, a nice value counts only inside one."""
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("-10")


def ask(server: services.Server, path: str, number: int) -> float:
    """One request; milliseconds until its last byte. Anything but a 200 ends the run, with the server's words."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    start = time.perf_counter()
    try:
        connection.request("GET", path.replace("{n}", str(number)))
        answer = connection.getresponse()
        answer.read()
        took = (time.perf_counter() - start) * 1000
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status}\n{server.output()[-3000:]}")
    return took
