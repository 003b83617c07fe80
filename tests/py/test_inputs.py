"""What a request was asked with: view arguments and the keys of query, form and JSON, and whose values may be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support_py import captured
from support_py.cli import hotplate, hotplate_json
from support_py.isolated import run_isolated

ARGUMENT, QUERY, FORM, JSON = 2, 3, 4, 5


def application() -> Any:
    from flask import Flask, request, stream_with_context

    app = Flask("asked")
    app.logger.disabled = True

    @app.route("/items/<int:item>/<slug>", methods=["GET", "POST"])
    def items(item: int, slug: str) -> str:
        return f"{item} {slug}"

    @app.post("/form")
    def form() -> str:
        return ",".join(sorted(request.form)) + ",".join(sorted(request.files))

    @app.post("/json")
    def json() -> dict[str, Any]:
        return {"got": request.get_json(silent=True)}

    @app.get("/within")
    def within() -> str:
        with app.test_request_context("/items/7/other?inner=1"):
            app.preprocess_request()
            return str(request.view_args)

    @app.get("/fails/<int:item>")
    def fails(item: int) -> str:
        raise LookupError(str(item))

    @app.get("/stream/<int:item>")
    def stream(item: int) -> Any:
        return app.response_class(stream_with_context(str(request.args) for _ in range(2)))

    return app


def inputs() -> list[list[Any]]:
    return sorted(fact for fact in captured.last_record()["facts"] if fact[0] >= ARGUMENT)


# ---- shapes, and values that were allowed ----


def shapes(store: str) -> dict[str, Any]:
    import io

    from hotplate import _hotplate

    captured.start(store, "monitor")
    client = application().test_client()
    found = {}
    client.get("/items/42/blue%20hat?page=3&q=caf%C3%A9+au+lait&page=4&api_key=hunter2&flag&=x&%zz=1")
    found["view"] = inputs()
    client.post(
        "/form?a=1",
        data={
            "user": "ann",
            "tag": ["x", "yy"],
            "password": "hunter2",
            "note": "n" * 1234,
            "up": (io.BytesIO(b"z"), "z"),
        },
    )
    found["form"] = inputs()
    body = {"n": 1, "f": 1.5, "ok": True, "none": None, "list": [1, 2], "map": {"in": 1}, "token": "hunter2"}
    client.post("/json", json=body)
    found["json"] = inputs()
    client.post("/json", json=[1, 2, 3])
    found["list"] = inputs()
    client.post("/json", data="{not json", content_type="application/json")
    found["bad"] = inputs()
    _hotplate.note_options([], [], ["item", "page", "user", "n", "list", "token"])
    client.get("/items/42/blue?page=3&page=4&token=hunter2")
    found["allowed view"] = inputs()
    client.post("/json", json=body)
    found["allowed json"] = inputs()
    return found


def test_values_are_told_by_what_they_are_unless_their_key_is_allowed(tmp_path: Path) -> None:
    found = run_isolated(shapes, str(tmp_path / "s.db"))
    assert found["view"] == [
        [ARGUMENT, "item", "<int>"],
        [ARGUMENT, "slug", "<str 8>"],
        [QUERY, "%zz", "<str 1>"],
        [QUERY, "api_key", "<redacted>"],
        [QUERY, "flag", "<str 0>"],
        [QUERY, "page", "<str 1>"],
        [QUERY, "page", "<str 1>"],
        [QUERY, "q", "<str 12>"],
    ]
    assert found["form"] == [
        [QUERY, "a", "<str 1>"],
        [FORM, "note", "<str ~1200>"],
        [FORM, "password", "<redacted>"],
        [FORM, "tag", "<str 1>"],
        [FORM, "tag", "<str 2>"],
        [FORM, "up", "<FileStorage>"],
        [FORM, "user", "<str 3>"],
    ]
    assert found["json"] == [
        [JSON, "f", "<float>"],
        [JSON, "list", "<list 2>"],
        [JSON, "map", "<dict 1>"],
        [JSON, "n", "<int>"],
        [JSON, "none", "<None>"],
        [JSON, "ok", "<bool>"],
        [JSON, "token", "<redacted>"],
    ]
    assert found["list"] == [[JSON, "<body>", "<list 3>"]]
    assert found["bad"] == []
    assert found["allowed view"] == [
        [ARGUMENT, "item", "42"],
        [ARGUMENT, "slug", "<str 4>"],
        [QUERY, "page", "3"],
        [QUERY, "page", "4"],
        [QUERY, "token", "<redacted>"],
    ]
    assert [fact for fact in found["allowed json"] if fact[1] in ("n", "list", "token")] == [
        [JSON, "list", "<list>"],
        [JSON, "n", "1"],
        [JSON, "token", "<redacted>"],
    ]
    assert "hunter2" not in str(found)


# ---- what is not touched ----


def untouched(store: str) -> Any:
    import io

    captured.start(store, "trace")
    client = application().test_client()
    found = []
    for path in ["/items/1/x", "/form"]:
        body = io.BytesIO(b"user=ann")
        client.post(
            path,
            input_stream=body,
            content_length=8,
            content_type="application/x-www-form-urlencoded",
        )
        found.append([body.tell(), [fact[1] for fact in inputs() if fact[0] == FORM]])
    return found


def test_a_body_that_the_application_leaves_alone_is_left_alone(tmp_path: Path) -> None:
    found = run_isolated(untouched, str(tmp_path / "s.db"))
    assert found == [[0, []], [8, ["user"]]]


# ---- whose they are, and until when ----


def moments(store: str) -> dict[str, Any]:
    captured.start(store, "trace")
    app = application()
    client = app.test_client()
    found = {}
    client.get("/within?outer=1").close()
    found["within"] = inputs()
    client.get("/fails/5?why=1").close()
    found["fails"] = inputs()
    app.testing = True
    try:
        client.get("/fails/6?why=1")
    except LookupError:
        found["propagates"] = inputs()
    client.get("/stream/8?s=1").get_data()
    found["stream"] = inputs()
    with app.test_client() as kept:
        kept.get("/items/9/kept")
        found["kept"] = inputs()
    client.get("/missing?lost=1").close()
    found["missing"] = inputs()
    return found


def test_nested_failing_streaming_and_kept_contexts_have_their_own(tmp_path: Path) -> None:
    found = run_isolated(moments, str(tmp_path / "s.db"))
    assert found == {
        "within": [[QUERY, "outer", "<str 1>"]],
        "fails": [[ARGUMENT, "item", "<int>"], [QUERY, "why", "<str 1>"]],
        "propagates": [[ARGUMENT, "item", "<int>"], [QUERY, "why", "<str 1>"]],
        "stream": [[ARGUMENT, "item", "<int>"], [QUERY, "s", "<str 1>"]],
        "kept": [[ARGUMENT, "item", "<int>"], [ARGUMENT, "slug", "<str 4>"]],
        "missing": [[QUERY, "lost", "<str 1>"]],
    }


# ---- bounds ----


def bounds(store: str) -> Any:
    import logging

    from hotplate import _hotplate

    captured.start(store, "monitor")
    app = application()

    @app.get("/log/<word>")
    def log(word: str) -> str:
        logging.getLogger("shop").warning("the word is " + word)
        return word

    client = app.test_client()
    client.post("/json", json={f"k{i}": i for i in range(100)})
    many = captured.last_record()
    assert _hotplate.flush(5000)
    for i in range(40):
        client.get("/items/1/x?" + "&".join(f"{i}-{k}" for k in range(32)))
    client.get("/log/heard?fresh=1")
    return [many, captured.last_record(), client.get("/json").status_code]


def test_whoever_asks_cannot_use_up_the_room(tmp_path: Path) -> None:
    many, last, _ = run_isolated(bounds, str(tmp_path / "s.db"))
    assert len(many["facts"]) == 32
    assert [QUERY, "<other>", "<other>"] in last["facts"] or [QUERY, "<other>", "<str 1>"] in last["facts"]
    assert [log["message"] for log in last["logs"]] == ["the word is heard"]
    store = str(tmp_path / "s.db")
    first = hotplate_json("requests", "--route", "/json", "--store", store)["requests"][0]
    assert hotplate_json("show", first["id"], "--store", store)["not_kept"] == {"facts": 68}


# ---- levels, and what is kept ----


def levels(store: str, level: str, slow_ms: float) -> list[Any]:
    from support_py import wsgi

    wsgi.start_capture(store, level, slow_ms=slow_ms)
    from hotplate import _hotplate

    _hotplate.keep_last(True)
    client = application().test_client()
    client.get("/items/1/x?page=1")
    found = inputs()
    assert _hotplate.flush(5000)
    return found


def test_only_requests_that_keep_detail_have_them(tmp_path: Path) -> None:
    assert run_isolated(levels, str(tmp_path / "count.db"), "count", 0.0) == []
    assert run_isolated(levels, str(tmp_path / "slow.db"), "monitor", 60_000.0) == []
    store = str(tmp_path / "s.db")
    assert len(run_isolated(levels, store, "monitor", 0.0)) == 3
    request = hotplate_json("requests", "--store", store)["requests"][0]["id"]
    shown = hotplate_json("show", request, "--store", store)
    assert shown["view_args"] == [{"name": "item", "value": "<int>"}, {"name": "slug", "value": "<str 1>"}]
    assert shown["query"] == [{"name": "page", "value": "<str 1>"}]
    assert shown["form"] == shown["json"] == []
    text = hotplate("show", request, "--store", store).stdout
    assert "  view_args item: <int>\n" in text
    assert "  query page: <str 1>\n" in text
