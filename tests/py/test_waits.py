"""Waits: each kind is as long as the application's own clock says, at its line, and all adds up to wall."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support_py import captured, peers
from support_py.cli import hotplate, hotplate_json
from support_py.isolated import run_isolated

pytestmark = pytest.mark.interpreter

KINDS = ["dns", "connect", "tls", "send", "recv", "poll", "sleep", "lock", "gil", "disk", "db", "subprocess"]
REDIS = 2
SLACK_MS = 1.0
SLACK_SHARE = 0.05
LEFT_SHARE = 0.03
TRIES = 4  # a machine that is busy with something else spoils a try, not four


def by_kind(record: dict[str, Any], kind: str, lane: int = 0) -> list[dict[str, Any]]:
    return [w for w in record["waits"] if KINDS[w["kind"]] == kind and w["lane"] == lane]


def total_ms(record: dict[str, Any], kind: str, line: int | None = None) -> float:
    return sum(w["ns"] for w in by_kind(record, kind) if line is None or w["line"] == line) / 1e6


def left_share(record: dict[str, Any]) -> float:
    """What CPU, waits and run queue do not account for, as a share of wall."""
    waits = sum(w["ns"] for w in record["waits"] if w["lane"] == 0)
    twice = record["lanes"][0]["wait_busy_ns"]
    left = record["wall_ns"] + twice - waits - record["cpu_ns"] - record["runqueue_ns"]
    return float(left / record["wall_ns"])


def best_of(view: Callable[[], Any], check: Callable[[dict[str, Any]], list[str]]) -> list[str]:
    """What is wrong with the best of some requests; nothing if one was right."""
    app = captured.flask_app(view)
    wrong: list[str] = []
    for _ in range(TRIES):
        wrong = check(captured.last(app))
        if not wrong:
            break
    return wrong


def compare(record: dict[str, Any], kind: str, line: int, expected_ms: float) -> list[str]:
    got = total_ms(record, kind, line)
    if abs(got - expected_ms) <= max(SLACK_MS, SLACK_SHARE * expected_ms):
        return []
    lines = [(w["line"], w["ns"] / 1e6) for w in by_kind(record, kind)]
    return [f"{kind} at line {line}: {got:.2f} ms, by the fixture's clock {expected_ms:.2f}; all: {lines}"]


class Clock:
    """The fixture's own measurement of what happens inside `with`."""

    def __init__(self) -> None:
        self.ms = 0.0

    def __enter__(self) -> None:
        self.t0 = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.ms += (time.perf_counter() - self.t0) * 1e3


def every_kind(pem: str) -> list[str]:
    captured.start("", "trace")
    port = peers.tls_server(Path(pem), 0.03, 0.0002)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    lock, asked, taken, go = (threading.Lock() for _ in range(4))
    libc = ctypes.PyDLL(None)  # keeps the GIL
    clocks: dict[str, Clock] = {}

    def hold_lock(asked: threading.Lock, taken: threading.Lock) -> None:
        asked.acquire()
        with lock:
            taken.release()
            time.sleep(0.04)

    def hold_gil(go: threading.Lock) -> None:
        go.acquire()
        libc.usleep(50000)

    def view() -> str:
        clocks.update({kind: Clock() for kind in ("sleep", "disk", "tls", "recv", "lock", "gil")})
        with clocks["sleep"]:
            time.sleep(0.02)  # sleep
        with tempfile.TemporaryFile() as file:
            file.write(b"x" * 4_000_000)
            file.flush()
            with clocks["disk"]:
                os.fsync(file.fileno())  # disk
        made = []
        for _ in range(2):
            plain = socket.create_connection(("127.0.0.1", port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with clocks["tls"]:
                made.append(context.wrap_socket(plain))  # tls
        for _ in range(1000):
            made[0].send(b"x")
            with clocks["recv"]:
                made[0].recv(1)  # recv
        for each in made:
            each.close()
        asked.release()
        taken.acquire()
        with clocks["lock"], lock:  # lock
            pass
        go.release()
        with clocks["gil"]:
            time.sleep(0.005)  # gil
        return ""

    def check(record: dict[str, Any]) -> list[str]:
        wrong = []
        for kind in ("sleep", "disk", "tls", "recv", "lock"):
            wrong += compare(record, kind, captured.line_of(__file__, kind), clocks[kind].ms)
        # The other thread has the GIL for 50 ms from the moment that the view's sleep lets go of it.
        wrong += compare(record, "gil", captured.line_of(__file__, "gil"), clocks["gil"].ms - 5)
        wrong += [] if clocks["gil"].ms > 45 else ["the GIL was free"]
        if abs(left_share(record)) > LEFT_SHARE:
            wrong.append(f"left over {left_share(record):.2%} of {record['wall_ns'] / 1e6:.1f} ms")
        reads = [w for w in by_kind(record, "recv") if w["line"] == captured.line_of(__file__, "recv")]
        if not 1000 <= sum(w["count"] for w in reads) <= 1002 or not reads[0]["peer"].endswith(f":{port}"):
            wrong.append(f"reads: {reads}")
        return wrong

    app = captured.flask_app(view)
    wrong: list[str] = []
    for _ in range(TRIES):
        for each in (asked, taken, go):
            each.acquire()
        threads = [
            threading.Thread(target=hold_lock, args=(asked, taken)),
            threading.Thread(target=hold_gil, args=(go,)),
        ]
        for thread in threads:
            thread.start()
        wrong = check(captured.last(app))
        for thread in threads:
            thread.join()
        for each in (asked, taken, go):
            if each.locked():
                each.release()
        if not wrong:
            break
    return wrong


@pytest.mark.matrix
def test_each_wait_is_as_long_as_the_fixtures_clock_says_and_at_its_line(tmp_path: Path) -> None:
    assert run_isolated(every_kind, str(peers.certificate(tmp_path))) == []


def crowded() -> list[str]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    captured.start("", "trace")

    def view() -> str:
        until = time.thread_time() + 0.06
        while time.thread_time() < until:
            pass
        time.sleep(0.02)
        with tempfile.TemporaryFile() as file:
            file.write(b"x" * 100_000)
            file.flush()
            os.fsync(file.fileno())
        return ""

    def check(record: dict[str, Any]) -> list[str]:
        wrong = [] if record["runqueue_ns"] > 20e6 else [f"queued {record['runqueue_ns'] / 1e6:.1f} ms only"]
        left = left_share(record)
        return wrong + ([f"left over {left:.2%}"] if abs(left) > LEFT_SHARE else [])

    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as rival:
        try:
            return best_of(view, check)
        finally:
            rival.kill()


def test_on_one_core_that_another_program_wants_too_nothing_is_left_over() -> None:
    assert run_isolated(crowded) == []


def slow_names() -> list[str]:
    captured.start("", "trace")
    peers.name_server(0.06)
    clock = Clock()

    def view() -> str:
        clock.ms = 0.0
        with clock:
            socket.getaddrinfo("slow.example", 80, socket.AF_INET)  # dns
        return ""

    def check(record: dict[str, Any]) -> list[str]:
        peer = [w["peer"] for w in by_kind(record, "dns")]
        wrong = compare(record, "dns", captured.line_of(__file__, "dns"), clock.ms)
        return wrong + ([] if peer == ["slow.example"] and clock.ms >= 60 else [f"{peer} {clock.ms}"])

    return best_of(view, check)


def connecting_with(driver: str, port: int) -> Callable[[], None]:
    """A call of a C library that looks the name up, connects and then waits in vain."""
    import importlib

    module = importlib.import_module(driver)
    if driver == "pycurl":
        handle = module.Curl()
        handle.setopt(module.URL, f"http://slow.example:{port}/")
        handle.setopt(module.TIMEOUT_MS, 1000)
        return lambda: handle.perform()  # in pycurl
    more = {"dbname": "x"} if driver == "psycopg" else {"database": "x", "user": "x"}
    where = {"host": "slow.example", "port": port, "connect_timeout": 2, **more}
    return lambda: module.connect(**where)  # in C


def names_in_a_driver(driver: str) -> list[str]:
    captured.start("", "monitor")
    peers.name_server(0.06)
    port = peers.silent_server()
    connect = connecting_with(driver, port)

    def view() -> str:
        with suppress(Exception):
            connect()
        return ""

    record = captured.last(captured.flask_app(view))
    line = captured.line_of(__file__, "in pycurl" if driver == "pycurl" else "in C")
    wrong = []
    # A thread of libcurl's looks up: what ours does, or lacks a processor for, before it waits for that is no wait.
    if total_ms(record, "dns", line) < (30 if driver == "pycurl" else 60):
        wrong.append(f"no look-up at line {line}: {record['waits']}")
    peer = f"127.0.0.1:{port}"
    if not any(w["line"] == line and w["peer"] == peer for w in by_kind(record, "connect")):
        wrong.append(f"no connect to {peer} at line {line}: {record['waits']}")
    return wrong


def resolver(tmp_path: Path) -> tuple[str, ...]:
    prefix = peers.resolver_prefix(tmp_path)
    if prefix is None:
        pytest.skip("a name server of our own needs root and unshare")
    return tuple(prefix)


def test_a_slow_look_up_is_dns_of_its_line(tmp_path: Path) -> None:
    assert run_isolated(slow_names, prefix=resolver(tmp_path)) == []


@pytest.mark.parametrize("driver", ["psycopg", "MySQLdb", "pycurl"])
def test_a_look_up_and_connect_in_a_c_library_are_on_the_applications_line(
    driver: str, tmp_path: Path
) -> None:
    pytest.importorskip(driver)
    assert run_isolated(names_in_a_driver, driver, prefix=resolver(tmp_path)) == []


def refused_first(real: Callable[..., list[Any]], *args: Any, **kwargs: Any) -> list[Any]:
    """What getaddrinfo gives for a host of which the first address does not listen."""
    found = real(*args, **kwargs)
    return [(*each[:4], ("127.0.0.2", *each[4][1:])) for each in found if ":" not in each[4][0]] + found


def one_http_call(client: str) -> list[str]:
    import functools
    import http.client
    import importlib
    import socket

    captured.start("", "monitor")
    port = peers.http_server(0.04, 0.02)
    if client == "requests, second address":
        socket.getaddrinfo = functools.partial(refused_first, socket.getaddrinfo)

    clocks: list[Clock] = []

    def ask() -> None:
        if client != "http.client":
            module = importlib.import_module(client.split(",")[0])
            module.get(f"http://localhost:{port}/", timeout=5)
        else:
            connection = http.client.HTTPConnection("localhost", port)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()

    def view() -> str:
        clocks[:] = [Clock(), Clock()]
        for clock in clocks:
            with clock:
                ask()
        return ""

    def check(record: dict[str, Any]) -> list[str]:
        wrong = []
        for group in (1, 2):
            spans = [s for s in record["spans"] if s["group"] == group]
            kinds = [KINDS[s["kind"]] for s in spans]
            received = [s for s in spans if KINDS[s["kind"]] == "recv"]
            if not {"dns", "connect", "send", "recv"} <= set(kinds) or {s["protocol"] for s in spans} != {1}:
                wrong.append(
                    f"group {group}: {[(KINDS[s['kind']], s['protocol'], s['peer']) for s in spans]}"
                )
            elif not 59 <= sum(s["t1_ns"] - s["t0_ns"] for s in received) / 1e6 <= clocks[group - 1].ms:
                wrong.append(f"received in {[(s['t1_ns'] - s['t0_ns']) / 1e6 for s in received]}")
        if any(s["group"] > 2 for s in record["spans"]):
            wrong.append("more than two calls")
        return wrong

    return best_of(view, check)


@pytest.mark.parametrize("client", ["http.client", "requests", "requests, second address", "httpx"])
def test_the_waits_of_one_http_call_are_one_group(client: str) -> None:
    pytest.importorskip(client.split(",")[0])
    assert run_isolated(one_http_call, client) == []


def redis_calls() -> list[str]:
    import redis

    captured.start("", "monitor")
    port = peers.redis_server(0.03)
    clocks: list[Clock] = []
    client = redis.Redis(port=port, protocol=2)

    def view() -> str:
        clocks[:] = [Clock(), Clock()]
        client.set("a", 1)  # connects, too
        for clock in clocks:
            with clock:
                client.get("a")
        return ""

    def check(record: dict[str, Any]) -> list[str]:
        wrong = []
        groups = sorted({s["group"] for s in record["spans"] if s["protocol"] == REDIS})[-2:]
        for group, clock in zip(groups, clocks, strict=True):
            spans = [s for s in record["spans"] if s["group"] == group]
            took_ms = sum(s["t1_ns"] - s["t0_ns"] for s in spans) / 1e6
            kinds = {KINDS[s["kind"]] for s in spans}
            if kinds != {"send", "recv"} or not 30 <= took_ms <= clock.ms:
                wrong.append(f"{took_ms} ms of {clock.ms} in {kinds}")
            wrong += [s["peer"] for s in spans if s["peer"] != f"127.0.0.1:{port}"]
        return wrong

    return best_of(view, check)


def test_the_waits_of_one_redis_call_are_one_group() -> None:
    pytest.importorskip("redis")
    assert run_isolated(redis_calls) == []


def what_is_watched() -> list[str]:
    from hotplate import _hotplate

    captured.start("", "monitor")
    return [_hotplate.waits()]


def test_what_is_watched_is_said_and_can_be_switched_off() -> None:
    assert " calls in " in run_isolated(what_is_watched)[0]
    assert run_isolated(what_is_watched, env={"HOTPLATE_WAITS": "0"}) == [""]


# ---- what has no slots ----

# A client with OpenSSL's code inside, as wheels have it: a byte sent, a byte received.
INSIDE = """
void *TLS_client_method(void), *SSL_CTX_new(void *), *SSL_new(void *);
int SSL_set_fd(void *, int), SSL_connect(void *), SSL_write(void *, const void *, int), SSL_read(void *, void *, int);
void SSL_free(void *), SSL_CTX_free(void *);
int talk(int fd)
{
    char byte = 'x';
    void *context = SSL_CTX_new(TLS_client_method()), *ssl = SSL_new(context);
    int done = SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1;
    done = done && SSL_write(ssl, &byte, 1) == 1 && SSL_read(ssl, &byte, 1) == 1;
    SSL_free(ssl);
    SSL_CTX_free(context);
    return done;
}
"""


def openssl_inside(library: str, pem: str, store: str) -> Any:
    from hotplate import _hotplate

    port = peers.tls_server(Path(pem), 0.03, 0.03)
    captured.start(store, "monitor")
    client = ctypes.CDLL(library)  # this way without anybody telling us: seen when a request begins

    def view() -> str:
        with socket.create_connection(("127.0.0.1", port)) as plain:
            return str(client.talk(plain.fileno()))  # inside

    record = captured.last(captured.flask_app(view))
    line = captured.line_of(__file__, "inside")
    kinds = {KINDS[w["kind"]] for w in record["waits"] if w["line"] == line}
    said = _hotplate.waits()
    _hotplate.stop(5000)
    return [said, sorted(kinds), total_ms(record, "recv", line)]


def test_an_openssl_inside_a_library_is_said_and_shows_as_send_and_recv(tmp_path: Path) -> None:
    library, source = tmp_path / "client.so", tmp_path / "client.c"
    source.write_text(INSIDE)
    command = ["gcc", "-shared", "-fPIC", "-o", library, source, "-l:libssl.a", "-l:libcrypto.a"]
    if (
        shutil.which("gcc") is None
        or subprocess.run(command, capture_output=True, check=False).returncode != 0
    ):
        pytest.skip("no libssl.a to link with here")
    store, inside = (
        str(tmp_path / "a.db"),
        "client.so: OpenSSL is linked into it, so TLS shows as send and recv",
    )
    said, kinds, received_ms = run_isolated(
        openssl_inside, str(library), str(peers.certificate(tmp_path)), store
    )
    assert inside in said
    for command in ("report", "workers"):  # and still when the process is gone
        told = hotplate(command, "--store", store).stdout
        assert "waits that cannot be seen in 1 process" in told
        assert inside in told
        answer = hotplate_json(command, "--store", store)
        (unseen,) = answer.get("completeness", answer)["unseen"]
        assert unseen["processes"] == 1
        assert inside in unseen["text"]
    assert {"recv", "send"} <= set(kinds)
    assert "tls" not in kinds
    assert (
        received_ms >= 45
    )  # the handshake's and the answer's, of which the server may have slept a part by then


def importing(module: str) -> str:
    import importlib

    from hotplate import _hotplate

    captured.start("", "monitor")
    importlib.import_module(module)
    return _hotplate.waits()


@pytest.mark.parametrize(
    "module", ["cryptography.hazmat.bindings._rust", "_ssl", "pycurl._pycurl", "psycopg2._psycopg"]
)
def test_which_modules_have_openssl_inside_is_told_by_what_they_are_linked_with(module: str) -> None:
    pytest.importorskip(module)
    file = sys.modules[module].__file__
    assert file is not None
    linked = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    inside = module.startswith("cryptography") and "libssl" not in linked
    said = run_isolated(importing, module)
    assert ("OpenSSL is linked into it" in said) == inside, said


def whole_file(path: str) -> list[Any]:
    captured.start("", "monitor")
    large, small = Path(path, "large"), Path(path, "small")
    large.write_bytes(bytes(4 << 20))
    small.write_bytes(bytes(4 << 10))

    def view() -> str:
        large.read_bytes()
        small.read_bytes()
        return ""

    waits = by_kind(captured.last(captured.flask_app(view)), "disk")
    return [[w["bytes"], w["count"], Path(w["peer"]).name, Path(w["file"]).name] for w in waits]


def test_a_file_that_is_read_whole_is_a_wait_for_the_disk(tmp_path: Path) -> None:
    ((bytes_, count, peer, file),) = run_isolated(whole_file, str(tmp_path))
    assert bytes_ == 4 << 20
    assert count <= 2  # the file, and perhaps that it has ended
    assert peer == "large"
    assert file == Path(__file__).name


def forked() -> list[Any]:
    captured.start("", "trace")

    def view() -> str:
        if os.fork() == 0:
            time.sleep(0.001)
            os._exit(0)
        os.wait()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        return ""

    record = captured.last(captured.flask_app(view))
    return [total_ms(record, "sleep"), sum(w["count"] for w in by_kind(record, "subprocess"))]


def test_a_forked_childs_waits_are_not_the_requests() -> None:
    slept, children = run_isolated(forked)
    assert slept == 0
    assert children >= 3
