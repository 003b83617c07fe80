"""What a server waits for between two parts of the body is the request's, too, at no line of the application."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Response
from support_py import captured, wsgi
from support_py.isolated import run_isolated

pytestmark = pytest.mark.interpreter

POLL, SLEEP, LOCK = 5, 6, 7
PAUSE_S = 0.03


def view() -> Response:
    def parts() -> Iterator[bytes]:
        yield b"first"
        time.sleep(PAUSE_S)
        yield b"last"

    return Response(parts())


def waits(record: dict[str, Any], kind: int) -> list[dict[str, Any]]:
    return [wait for wait in record["waits"] if wait["kind"] == kind]


def wait_ms(record: dict[str, Any], kind: int) -> float:
    return sum(wait["ns"] for wait in waits(record, kind)) / 1e6


def left_ms(record: dict[str, Any]) -> float:
    counted = sum(wait["ns"] for wait in record["waits"]) - record["lanes"][0]["wait_busy_ns"]
    queue = record["runqueue_ns"] or 0
    return float(record["wall_ns"] - record["cpu_ns"] - counted - queue) / 1e6


def sent_to_a_client(store: str) -> Any:
    """Of some requests the record, and how long the server polled and slept by its own clock."""
    captured.start(store)
    app = captured.flask_app(view)
    return [send_one(app) for _ in range(3)]


def send_one(app: Any) -> Any:
    ours, client = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    there = socket.create_connection(listener.getsockname())
    here, _ = listener.accept()
    polled_ms = 0.0
    body: Any = app(wsgi.environ("/"), lambda *_args: None)
    for part in body:
        here.sendall(part)
        there.recv(64)
        with selectors.DefaultSelector() as selector:
            selector.register(ours, selectors.EVENT_READ)
            start = time.monotonic()
            selector.select(PAUSE_S)
            polled_ms += (time.monotonic() - start) * 1000
    start = time.monotonic()
    time.sleep(PAUSE_S)
    slept_ms = (time.monotonic() - start) * 1000
    body.close()
    time.sleep(PAUSE_S)  # the request is over
    for each in (ours, client, listener, there, here):
        each.close()
    return captured.last_record(), polled_ms, slept_ms


def test_what_the_server_waits_for_is_told_at_no_line(tmp_path: Any) -> None:
    left = []
    for record, polled_ms, slept_ms in run_isolated(sent_to_a_client, str(tmp_path / "s.db")):
        outside = [wait for wait in record["waits"] if wait["line"] == 0]
        least_ms = 0.99 * PAUSE_S * 1e3
        assert 2 * least_ms <= wait_ms(record, POLL) <= polled_ms
        assert least_ms <= sum(w["ns"] for w in outside if w["kind"] == SLEEP) / 1e6 <= slept_ms
        assert sum(w["bytes"] for w in outside if w["peer"]) == 0
        assert {span["group"] for span in record["spans"]} == {0}  # part of no outgoing call
        left.append(left_ms(record) - 0.03 * record["wall_ns"] / 1e6)
    assert min(left) <= 1  # a turn that others take between two readings of a clock makes it more, never less


def handed_from_thread_to_thread(store: str) -> Any:
    """As Tornado does: each part is asked for on some thread of a pool, and these wait for work in between."""
    captured.start(store)
    app = captured.flask_app(view)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        body: Any = one.submit(app, wsgi.environ("/"), lambda *_args: None).result()
        parts = iter(body)
        other.submit(next, parts).result()
        one.submit(lambda: None).result()
        other.submit(next, parts).result()
        other.submit(body.close).result()
    return captured.last_record()


def test_a_thread_that_has_lost_the_request_waits_for_itself(tmp_path: Any) -> None:
    record = run_isolated(handed_from_thread_to_thread, str(tmp_path / "s.db"))
    (pause,) = waits(record, SLEEP)
    assert pause["line"] != 0
    # Until another thread takes it the request waits for one; not while that one pauses.
    assert wait_ms(record, LOCK) <= (record["wall_ns"] - pause["ns"]) / 1e6


def never_ended(store: str) -> Any:
    captured.start(store)
    app = captured.flask_app(view)

    def serve() -> Any:
        body: Any = app(wsgi.environ("/"), lambda *_args: None)
        next(iter(body))
        return body

    for _ in range(3):
        with ThreadPoolExecutor(1) as pool:
            body = pool.submit(serve).result()
        assert captured.last(app)["status"] == 200  # others come and go meanwhile
        time.sleep(PAUSE_S)
        body.close()
    return captured.last_record()


def test_the_end_comes_on_a_thread_that_never_had_it(tmp_path: Any) -> None:
    record = run_isolated(never_ended, str(tmp_path / "s.db"))
    assert waits(record, SLEEP) == []


class Parts:
    """What an application returns: nothing that a server may look into."""

    def __init__(self) -> None:
        self.closed: list[str] = []

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"part"])

    def close(self) -> None:
        self.closed.append("by the class")


def of_a_class_that_changes(store: str) -> Any:
    """Which close() was called, and whether the server got the application's own object, of each body."""
    captured.start(store, "monitor")
    app = captured.flask_app(view)
    returned: list[Parts] = []
    app.wsgi_app = lambda environ, start: (start("200 OK", []), returned[-1])[1]
    told = []

    def serve(change: Any = None) -> None:
        body = Parts()
        returned.append(body)
        served: Any = app(wsgi.environ("/"), lambda *_args: None)
        if change is not None:
            change(body)
        assert list(served) == [b"part"]
        served.close()
        told.append((body.closed, served is body))

    cls: Any = Parts
    original = cls.close
    serve()
    serve(lambda body: setattr(body, "close", lambda: body.closed.append("by the object")))
    serve(lambda _body: setattr(cls, "close", lambda self: self.closed.append("by another one")))
    cls.close = staticmethod(lambda: None)
    serve()
    cls.close = original
    for name in ("__len__", "read"):
        setattr(cls, name, lambda _self: 1)
        serve()
        delattr(cls, name)
        serve()
    return told


def test_a_class_of_bodies_may_change(tmp_path: Any) -> None:
    usual = [["by the class"], False]
    looked_in = [["by the class"], True]
    assert run_isolated(of_a_class_that_changes, str(tmp_path / "s.db")) == [
        usual,
        [["by the object"], False],
        [["by another one"], False],
        [[], False],
        looked_in,
        usual,
        looked_in,
        usual,
    ]
