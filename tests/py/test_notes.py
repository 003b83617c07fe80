"""What a request does beside calls and SQL: GC, memory, templates, log messages, exceptions, queue time, headers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from support_py import captured, wsgi
from support_py.cli import hotplate, hotplate_json
from support_py.isolated import run_isolated
from support_py.store_file import opened

HERE = __file__


def at(mark: str) -> int:
    return captured.line_of(HERE, mark)


def record_of(app: Any, path: str = "/", **environ: Any) -> dict[str, Any]:
    from hotplate import _hotplate

    wsgi.call(app, path, **environ)
    record = _hotplate.last_request()
    assert isinstance(record, dict)
    return record


# ---- garbage collection ----


def collections(store: str, level: str, clear: bool) -> Any:
    import gc

    captured.start(store, level)
    taken: list[float] = []

    def view() -> str:
        if clear:
            return "nothing"
        graph: list[Any] = []
        for _ in range(200_000):
            graph.append([graph])
        started = time.perf_counter()
        gc.collect()  # mark: collect
        taken.append(time.perf_counter() - started)
        graph.clear()
        return "done"

    gc.disable()
    app = captured.flask_app(view)
    if clear:
        captured.last(app)
        gc.callbacks.clear()
        gc.enable()
        record = captured.last(app)
        return [record, len(gc.callbacks)]
    return [captured.last(app), taken[-1]]


@pytest.mark.parametrize("level", ["monitor", "trace"])
def test_a_long_collection_is_a_pause_of_the_request(tmp_path: Path, level: str) -> None:
    record, taken_s = run_isolated(collections, str(tmp_path / "s.db"), level, False)
    longest = max(record["gc"], key=lambda gc: gc["t1_ns"] - gc["t0_ns"])
    assert longest["generation"] == 2
    pause_ns = longest["t1_ns"] - longest["t0_ns"]
    assert abs(pause_ns - taken_s * 1e9) <= max(0.05 * taken_s * 1e9, 1e6)
    assert pause_ns - 1 <= record["gc_ns"] <= record["wall_ns"]
    if level == "trace":
        node = record["tree"][longest["node"]]
        assert node[1] == 4
        assert node[3] == "garbage collection"
        assert "# mark: collect" in Path(__file__).read_text().splitlines()[node[4] - 1]
        assert node[7] == pytest.approx(pause_ns, rel=0.05)
        assert record["tree"][node[0]][3].endswith("view")
        assert record["tree"][0][8] == record["wall_ns"]


def test_a_request_without_a_collection_spent_nothing_and_clearing_the_callbacks_is_mended(
    tmp_path: Path,
) -> None:
    record, callbacks = run_isolated(collections, str(tmp_path / "s.db"), "monitor", True)
    assert record["gc_ns"] == 0
    assert record["gc"] == []
    assert callbacks == 1


# ---- allocations ----

KEPT: list[Any] = []


def allocations(store: str, how: int) -> Any:
    from hotplate import _hotplate

    def view() -> str:
        blocks = [bytes(1000) for _ in (None,) * 5000]
        KEPT.extend(blocks[:1000])
        return "done"

    def quiet() -> str:
        return "done"

    captured.start(store, "trace")
    if how == 2:
        _hotplate.start(level=3, alloc=2)
    app = captured.flask_app(view)
    app.add_url_rule("/quiet", "quiet", quiet)
    captured.last(app, "/quiet", times=3)
    return [captured.last(app, times=2), captured.last(app, "/quiet", times=2)]


@pytest.mark.parametrize("how", [1, 2])
def test_allocations_are_counted_by_request_and_by_node_where_asked(tmp_path: Path, how: int) -> None:
    busy, quiet = run_isolated(allocations, str(tmp_path / "s.db"), how)
    more_blocks = busy["alloc_blocks"] - quiet["alloc_blocks"]
    more_bytes = busy["alloc_bytes"] - quiet["alloc_bytes"]
    assert 4950 <= more_blocks <= 5200  # less what came from the interpreter's free lists
    assert 4950 * 1033 <= more_bytes <= 5000 * 1033 + 600_000
    assert 990 <= busy["kept_blocks"] - quiet["kept_blocks"] <= 1030
    nodes = [node for node in busy["tree"] if node[3].endswith("view")]
    assert len(nodes) >= 1
    if how == 2:
        assert sum(node[10] for node in busy["tree"] if "view" in node[3]) >= 5000
        assert sum(node[9] for node in busy["tree"]) <= busy["alloc_bytes"]
    else:
        assert all(node[9] == node[10] == 0 for node in busy["tree"])


# ---- templates ----

LAYOUT = """<html>
{% block title %}Shop{% endblock %}
<main>
{% block content %}{% endblock %}
</main>
"""
PAGE = """{% extends "layout.html" %}
{% import "parts.html" as parts %}
{% block title %}{{ super() }} front{% endblock %}
{% block content %}
{% for item in items %}
{% include "row.html" %}
{% endfor %}
{{ parts.button("buy") }}
{{ slow() }}
{% endblock %}
"""
PARTS = """

{% macro button(text) %}
<button>{{ text }}</button>
{% endmacro %}
"""


def templates(store: str, folder: str, level: str) -> Any:
    from flask import Flask, render_template

    captured.start(store, level)
    at_templates = Path(folder) / "templates"
    at_templates.mkdir()
    for name, text in [
        ("layout", LAYOUT),
        ("page", PAGE),
        ("parts", PARTS),
        ("row", "<li>{{ item }}\n{{ nap() }}"),
    ]:
        (at_templates / f"{name}.html").write_text(text)
    app = Flask("shop", root_path=folder)

    @app.get("/")
    def front() -> str:
        return render_template(  # mark: render
            "page.html",
            items=range(5),
            slow=lambda: time.sleep(0.02) or "",
            nap=lambda: time.sleep(0.002) or "",
        )

    body = wsgi.call(app, "/")[2]
    record = captured.last(app)
    return [record, body.decode()]


@pytest.mark.parametrize("level", ["monitor", "trace"])
def test_templates_know_their_parents_times_and_lines(tmp_path: Path, level: str) -> None:
    record, body = run_isolated(templates, str(tmp_path / "s.db"), str(tmp_path), level)
    assert body.count("<li>") == 5
    assert "Shop front" in body
    rows = record["templates"]

    def find(name: str, kind: int) -> dict[str, Any]:
        found = [row for row in rows if row["template"] == name and row["kind"] == kind]
        assert found, (name, kind, [(row["template"], row["kind"]) for row in rows])
        return max(found, key=lambda row: row["total_ns"])

    page, layout, content, row = (
        find("page.html", 0),
        find("layout.html", 0),
        find("content", 1),
        find("row.html", 0),
    )
    assert page["parent"] == -1
    assert Path(page["file"]).name == Path(HERE).name
    assert at("mark: render") <= page["line"] <= at("mark: render") + 1
    assert rows[layout["parent"]] == page
    assert rows[content["parent"]] == layout
    assert (content["file"], content["line"]) == ("templates/layout.html", 4)
    assert rows[row["parent"]] == content
    assert (row["count"], row["file"], row["line"]) == (5, "templates/page.html", 6)
    assert row["code"] == "templates/row.html"
    assert row["self_ns"] >= 5 * 2_000_000
    assert content["self_ns"] >= 20_000_000
    assert content["total_ns"] >= content["self_ns"] + row["total_ns"]
    assert page["total_ns"] >= layout["total_ns"] >= content["total_ns"]
    button = find("button", 2)
    assert (button["file"], button["line"], button["code_line"]) == ("templates/page.html", 8, 3)
    title = [each for each in rows if each["template"] == "title"]
    assert {Path(each["code"]).name for each in title} == {"layout.html", "page.html"}
    assert sum(each["self_ns"] for each in rows) <= record["wall_ns"]
    if level == "trace":
        calls = {(node[2], node[3], node[4]) for node in record["tree"]}
        assert any(file == "templates/row.html" for file, _, _ in calls)
        naps = [record["tree"][node[0]] for node in record["tree"] if "<lambda>" in node[3]]
        assert sorted((node[3], node[4]) for node in naps) == [("Context.call", 2), ("Context.call", 9)]


def sql_in_template(store: str, folder: str) -> Any:
    import sqlite3

    from flask import render_template_string

    captured.start(store, "monitor")
    connection = sqlite3.connect(":memory:")

    def view() -> str:
        text = "one\ntwo\n{{ connection.execute('SELECT 1').fetchone() }}\n"
        return render_template_string(text, connection=connection)

    return captured.last(captured.flask_app(view), times=2)


def test_a_statement_in_a_template_is_at_the_template_line(tmp_path: Path) -> None:
    record = run_isolated(sql_in_template, str(tmp_path / "s.db"), str(tmp_path))
    if record["statements"]:
        assert (record["statements"][0]["file"], record["statements"][0]["line"]) == ("<template>", 3)
    assert [row["template"] for row in record["templates"]] == ["<template>"]


def many_parts(store: str, folder: str) -> Any:
    from flask import render_template_string

    captured.start(store, "monitor")
    text = "\n".join(f"{{% macro m{n}() %}}{n}{{% endmacro %}}{{{{ m{n}() }}}}" for n in range(600))

    def view() -> str:
        return render_template_string(text)

    return captured.last(captured.flask_app(view))


def test_too_many_parts_are_counted_and_the_page_is_whole(tmp_path: Path) -> None:
    record = run_isolated(many_parts, str(tmp_path / "s.db"), str(tmp_path))
    assert record["status"] == 200
    assert len(record["templates"]) == 512
    assert record["dropped_notes"] == [0, 600 + 1 - 512, 0, 0, 0]


# ---- log messages and exceptions ----


class Custom(Exception):
    """Has an application's __str__, which nobody may call."""

    def __str__(self) -> str:
        raise RuntimeError("called")


def fail_deep(secret: str) -> None:
    raise ValueError(f"no account for {secret}@example.org, password=hunter2 (id 4711)")  # mark: raise


def logs(store: str, folder: str) -> Any:
    import logging

    logger = logging.getLogger("shop.orders")
    formatted: list[str] = []

    class Argument:
        def __str__(self) -> str:
            formatted.append("yes")
            return "argument"

    class Silent(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            pass

    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(Silent())

    def view() -> str:
        for number in range(50):
            logger.info("order %s for %s", number, Argument())  # mark: info
            logger.warning(f"user {number} paid {number * 1.5} to 'anna {number}'")  # mark: warning
        logger.debug("never")
        try:
            fail_deep("anna")
        except ValueError:
            logger.exception("gave up")
        return "done"

    captured.start(store, "monitor")
    return [captured.last(captured.flask_app(view)), formatted]


def test_log_messages_are_folded_and_counted_and_nothing_is_formatted(tmp_path: Path) -> None:
    record, formatted = run_isolated(logs, str(tmp_path / "s.db"), str(tmp_path))
    assert formatted == []
    found = {(log["level"], log["logger"], log["message"], log["count"]) for log in record["logs"]}
    assert found == {
        (20, "shop.orders", "order %s for %s", 50),
        (30, "shop.orders", "user <int> paid <int>.<int> to <str>", 50),
        (40, "shop.orders", "gave up", 1),
    }
    lines = {log["message"][:5]: log["line"] for log in record["logs"]}
    assert lines["order"] == at("mark: info")
    assert lines["user "] == at("mark: warning")
    [seen] = record["exceptions"]
    assert (seen["type"], seen["end"]) == ("ValueError", 2)
    assert record["flags"] & 16 == 0


def exceptions(store: str, folder: str) -> Any:
    from flask import abort

    captured.start(store, "monitor")
    app = captured.flask_app(lambda: fail_deep("anna"))

    @app.get("/handled")
    def handled() -> str:
        raise LookupError("not there")

    @app.errorhandler(LookupError)
    def answer(_error: Any) -> Any:
        return "sorry", 404

    @app.get("/custom")
    def custom() -> str:
        raise Custom(3, {"password": "hunter2"})

    @app.get("/key")
    def key() -> str:
        return str({}["hunter2"])

    @app.get("/gone")
    def gone() -> Any:
        abort(404)

    return {path: captured.last(app, path) for path in ["/", "/handled", "/custom", "/key", "/gone"]}


def test_exceptions_have_type_folded_text_and_frames(tmp_path: Path) -> None:
    records = run_isolated(exceptions, str(tmp_path / "s.db"), str(tmp_path))
    [seen] = records["/"]["exceptions"]
    assert (seen["type"], seen["end"], seen["count"]) == ("ValueError", 0, 1)
    assert seen["text"] == "no account for <email>, password=<redacted> (id <int>)"
    assert seen["group"] == records["/"]["exception_group"]
    last = seen["frames"][-1]
    assert (Path(last["file"]).name, last["name"], last["line"]) == (
        Path(HERE).name,
        "fail_deep",
        at("mark: raise"),
    )
    [handled] = records["/handled"]["exceptions"]
    assert (handled["type"], handled["text"], handled["end"]) == ("LookupError", "not there", 1)
    assert records["/handled"]["status"] == 404
    assert records["/handled"]["exception"] == ""
    [custom] = records["/custom"]["exceptions"]
    assert (custom["type"].rpartition(".")[2], custom["text"]) == ("Custom", "")
    assert records["/key"]["exceptions"][0]["text"] == "<str>"
    assert records["/gone"]["exceptions"] == []
    assert "hunter2" not in str(records)


# ---- queue time, headers, configuration ----


def queued(store: str, folder: str) -> Any:
    from hotplate import _hotplate

    captured.start(store, "monitor")
    app = captured.flask_app(lambda: "done")
    app.config["DEBUG_LEVEL"] = 3
    app.config["SECRET_KEY"] = "hunter2"
    found = []
    for text in ["t=%.3f", "%.3f", "t=%d000", "%d000000", "soon", "t=1.0", "", "99999999999999999999"]:
        started = time.time() - 0.5
        value = text % started if "%" in text else text
        queue_ns = record_of(app, HTTP_X_REQUEST_START=value)["queue_ns"]
        found.append([queue_ns, (time.time() - started) * 1e9])
    without = record_of(app, HTTP_USER_AGENT="curl/8", HTTP_COOKIE="sid=hunter2")["facts"]
    _hotplate.note_options(["User-Agent", "Cookie"], ["DEBUG_LEVEL", "SECRET_KEY", "MISSING"], [])
    asked = record_of(app, HTTP_USER_AGENT="curl/8", HTTP_COOKIE="sid=hunter2")["facts"]
    return [found, without, asked]


def test_queue_time_and_facts_that_were_asked_for(tmp_path: Path) -> None:
    found, without, asked = run_isolated(queued, str(tmp_path / "s.db"), str(tmp_path))
    for queue_ns, until_done_ns in found[:2]:
        assert 490e6 <= queue_ns <= until_done_ns + 1e6  # written to the millisecond
    for queue_ns, until_done_ns in found[2:4]:
        assert 490e6 <= queue_ns <= until_done_ns + 1e9  # to the second
    assert [queue_ns for queue_ns, _ in found[4:]] == [None] * 4
    assert without == []
    assert asked == [
        [0, "User-Agent", "curl/8"],
        [0, "Cookie", "<redacted>"],
        [1, "DEBUG_LEVEL", "3"],
        [1, "SECRET_KEY", "<redacted>"],
    ]


# ---- through the store to the reader ----


def stored(store: str, folder: str) -> Any:
    import gc
    import logging

    from flask import render_template_string
    from hotplate import _hotplate

    gc.disable()  # but for the one below
    captured.start(store, "trace")
    _hotplate.note_options(["User-Agent"], ["TESTING"], [])

    def view() -> str:
        logging.getLogger("shop").error("went %s", "wrong")
        graph = [[n] for n in range(100_000)]
        gc.collect()
        del graph
        try:
            raise LookupError("not there")
        except LookupError:
            logging.getLogger("shop").exception("caught")
        return render_template_string("{% block a %}{{ 6 * 7 }}{% endblock %}")

    started_s = time.time() - 0.25
    headers = wsgi.call(
        captured.flask_app(view), "/", HTTP_X_REQUEST_START=f"t={started_s:.3f}", HTTP_USER_AGENT="curl/8"
    )[1]
    assert _hotplate.flush(5000)
    return headers


def test_what_was_noted_is_shown(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    headers = run_isolated(stored, str(store), str(tmp_path))
    assert "queue;dur=2" in headers["Server-Timing"]
    shown = hotplate_json("show", headers["X-Hotplate-Id"], "--store", str(store))
    assert shown["queue_ms"] == pytest.approx(250, abs=100)
    assert shown["alloc_bytes"] > shown["alloc_blocks"] > 1000
    assert shown["rss_growth_bytes"] >= 0
    assert "kept_blocks" in shown
    longest = max(shown["gc"]["pauses"], key=lambda pause: pause["ms"])
    assert longest["generation"] == 2
    assert shown["nodes"][longest["node"]]["kind"] == ("gc" if longest["ms"] >= 1 else "call")
    assert {(row["name"], row["kind"]) for row in shown["templates"]} == {
        ("<template>", "template"),
        ("a", "block"),
    }
    assert [(log["level"], log["message"]) for log in shown["logs"]] == [
        ("ERROR", "went %s"),
        ("ERROR", "caught"),
    ]
    assert [(seen["type"], seen["end"]) for seen in shown["exceptions"]] == [("LookupError", "logged")]
    assert shown["headers"] == [{"name": "User-Agent", "value": "curl/8"}]
    assert shown["config"] == [{"name": "TESTING", "value": "False"}]
    assert shown["not_kept"] == {}
    text = hotplate("show", headers["X-Hotplate-Id"], "--store", str(store)).stdout
    for heading in [
        "Memory",
        "Garbage collections",
        "Templates",
        "Log messages",
        "Exceptions",
        "Arguments, headers and configuration",
    ]:
        assert f"\n{heading}" in text
    with opened(store) as connection:
        [(rss, peak, cpu, threads, fds)] = connection.execute(
            "SELECT rss_bytes, peak_rss_bytes, cpu_ns, threads, fds FROM gauge"
        ).fetchall()
    assert 1 << 20 < rss <= peak
    assert cpu > 0
    assert threads >= 2
    assert fds >= 3
    used = hotplate_json("workers", "--store", str(store))
    [worker] = used["workers"]
    assert used["restarts"] == 0
    last = worker["points"][-1]
    assert (last["rss_bytes"], last["peak_rss_bytes"]) == (rss, peak)
    assert (last["threads"], last["fds"]) == (threads, fds)
    text = hotplate("workers", "--store", str(store)).stdout
    assert text.startswith("1 process, 0 restarts\n")
    assert str(worker["pid"]) in text
    [route] = hotplate_json("routes", "--memory", "--store", str(store))["routes"]
    assert route["rss_growth_bytes_per_1000"] >= 0
    assert isinstance(route["kept_bytes_per_1000"], (int, float))
    assert "kept/1000" in hotplate("routes", "--memory", "--store", str(store)).stdout
    assert "kept_bytes_per_1000" not in hotplate_json("routes", "--store", str(store))["routes"][0]


# ---- faults ----


def faults(store: str, folder: str) -> Any:
    import gc
    import logging

    from flask import render_template_string
    from hotplate import _hotplate

    captured.start(store, "monitor")

    def view() -> str:
        logging.getLogger("x").error("went %s", "wrong")
        gc.collect()
        return render_template_string("{% block a %}{{ 6 * 7 }}{% endblock %}")

    app = captured.flask_app(view)
    good = wsgi.call(app, "/")
    answers = []
    for point in ["alloc", "callback"]:
        for n in range(1, 40):
            _hotplate.fail_at(point, n)
            answers.append(wsgi.call(app, "/")[2])
            _hotplate.fail_at(point, 0)
    return [good[2].decode(), sorted({answer.decode() for answer in answers})]


def test_no_fault_of_ours_reaches_the_application(tmp_path: Path) -> None:
    good, answers = run_isolated(faults, str(tmp_path / "s.db"), str(tmp_path))
    assert good == "42"
    assert answers == ["42"]
