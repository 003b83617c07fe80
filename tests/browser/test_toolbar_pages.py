"""The toolbar in Chromium, in pages of an application under strict policies: what it shows and leaves alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pages
import pytest
from support_py import store_file
from support_py.browse import MARKS, browse
from support_py.cli import clean_environment
from support_py.services import APPS

MONITOR, TRACE = 1, 3

pytestmark = MARKS

SERVE = """
import sys
from pages import app
from hotplate.flask import Hotplate
from werkzeug.serving import make_server

app.debug = True
Hotplate(app, store=sys.argv[1], server_timing=None if sys.argv[2] == "timing" else False)
server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.port, flush=True)
server.serve_forever()
"""


class Site:
    def __init__(self, base: str, store: Path) -> None:
        self.base, self.store = base, store

    def walk(self, *steps: dict[str, Any], trouble: bool = False) -> list[dict[str, Any]]:
        seen = browse("toolbar.mjs", self.base, *steps, trouble=trouble)
        for step, page in zip(steps, seen, strict=True):
            assert page["inside"], step
        return seen


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[Site]:
    """The pages, served by a process of their own."""
    store = folder / "s.db"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(store), *words],
        env=clean_environment({"PYTHONPATH": str(APPS)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    try:
        yield Site(f"http://127.0.0.1:{int(process.stdout.readline())}", store)
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("toolbar"), "timing") as pages_served:
        yield pages_served


@pytest.fixture
def quiet_site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path, "no timing") as pages_served:
        yield pages_served


@pytest.mark.parametrize("path", ["/strict/page", "/nonce/page"])
def test_under_a_strict_policy_it_shows_the_page_and_follows_what_it_asks_for(site: Site, path: str) -> None:
    # The redirect is where it led to, under the name that was asked for.
    asked = ["POST /echo 200", "GET /items?by=fetch 200 1", "GET /redirect 200", "GET /slow 200 0"]
    waits = [["wait", words] for words in ("+", "took", *asked)]
    [seen] = site.walk({"path": path, "until": "done", "do": [["wait", "SQL"], ["click", "SQL"], *waits]})
    for words in (*asked, f"GET {path} 200"):
        assert words in seen["panel"]
    assert seen["panel"].index("GET /slow") < seen["panel"].index("POST /echo")  # newest first
    if path == "/strict/page":
        assert "41 SQL" in seen["badge"]
        assert "1 problem" in seen["badge"]  # 40 times the same statement
        assert "the same select on item 40 times" in seen["panel"]
    opened = [href.rsplit("=", 1)[1] for name, href in seen["links"] if name == "open"]
    rules = {row["hex"]: row["rule"] for row in store_file.requests(site.store)}
    assert {rules[id_] for id_ in opened} >= {path, "/echo", "/items", "/fragment", "/slow"}


def test_its_links_lead_to_the_request_in_the_dashboard(site: Site) -> None:
    [seen] = site.walk({"path": "/page", "do": [["click", "SQL"], ["wait", "took"]]})
    *_, link = [href for name, href in seen["links"] if name == "open"]  # the page is the oldest
    assert link.startswith(f"{site.base}/hotplate/#/request?id=")
    [page] = site.walk({"path": link.removeprefix(site.base), "until": "GET /page"})
    assert "GET /page" in page["page"]
    assert page["badge"] == ""  # no toolbar on the dashboard


def test_server_timing_reaches_the_browsers_own_panel(site: Site) -> None:
    [seen] = site.walk({"path": "/strict/page", "until": "done"})
    by_path = {path: {name: (ms, text) for name, ms, text in parts} for path, parts in seen["timing"]}
    for path in ("/strict/page", "/items", "/slow", "/strict/asks.js"):
        assert by_path[path]["total"][0] > 0, path
        assert len(by_path[path]["request"][1]) == 16
    assert by_path["/strict/page"]["db"][1] == "41 queries"
    assert by_path["/slow"]["total"][0] >= 50
    assert by_path["/hotplate/toolbar.js"] == {}


def test_the_page_view_is_a_waterfall_that_can_be_shared(site: Site) -> None:
    steps = [["click", "SQL"], ["click", "Page view", "tab"], ["wait", "Server"], ["wait", "first byte"]]
    [seen] = site.walk({"path": "/strict/page", "until": "done", "do": steps})
    for word in ("GET /strict/page", "GET /strict/asks.js", "POST /echo", "GET /slow", "load", "DOM ready"):
        assert word in seen["panel"], word
    [link] = [href for name, href in seen["links"] if name == "share"]
    [page] = site.walk({"path": link.removeprefix(site.base), "until": "first byte"})
    assert "/strict/page: Server " in page["page"]
    assert " of " in page["page"]
    for word in ("GET /strict/page", "GET /strict/asks.js", "POST /echo", "GET /slow"):
        assert word in page["page"], word
    assert "hotplate/toolbar.js" not in page["page"]


def test_the_redirects_that_led_to_a_page_are_shown_with_it(site: Site) -> None:
    steps = [["press", "order"], ["wait", "SQL"], ["click", "SQL"], ["wait", "POST /orders"]]
    [seen] = site.walk({"path": "/form", "do": steps})
    panel = seen["panel"]
    assert "POST /orders 302 1" in panel
    assert "GET /go 302 0" in panel
    assert "GET /page 200" in panel


def test_without_server_timing_the_dashboard_says_what_requests_took(quiet_site: Site) -> None:
    steps = [["wait", "SQL"], ["click", "SQL"], ["wait", "/items?by=fetch 200 1"], ["wait", "/slow 200 0"]]
    [seen] = quiet_site.walk({"path": "/strict/page", "until": "done", "do": steps})
    assert "41 SQL" in seen["badge"]
    assert not any(parts for _, parts in seen["timing"])


def test_the_page_is_loaded_again_traced_and_then_no_more(site: Site) -> None:
    again = [["click", "load again, traced"], ["wait", "SQL"], ["click", "SQL"], ["wait", "took"]]
    steps = [
        ["click", "SQL"],
        ["wait", "took"],
        *again,
        ["reload"],
        ["wait", "SQL"],
        ["click", "SQL"],
        ["wait", "took"],
    ]
    site.walk({"path": "/nonce/page", "until": "done", "do": steps})
    rows = [row for row in store_file.requests(site.store) if row["rule"] == "/nonce/page"]
    assert [row["level"] for row in rows[-3:]] == [MONITOR, TRACE, MONITOR]


def test_the_badge_is_dragged_hidden_and_remembered(site: Site) -> None:
    [dragged] = site.walk({"path": "/page", "do": [["drag", 40, 40], ["reload"], ["wait", "SQL"]]})
    assert "top-left" in dragged["corner"]
    assert dragged["panel"] == ""  # a drag is no click
    [hidden] = site.walk({"path": "/page", "do": [["wait", "SQL"], ["key", "Alt+h"], ["reload"]]})
    assert hidden["badge"] == ""
    [back] = site.walk(
        {"path": "/page", "do": [["wait", "SQL"], ["key", "Alt+h"], ["key", "Alt+h"], ["click", "SQL"]]}
    )
    assert "GET /page 200" in back["panel"]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_the_panel_fits_the_window_and_keeps_nobody_out(site: Site, width: int, dark: bool) -> None:
    steps = [["click", "SQL"], ["wait", "took"], ["axe"]]
    both = [*steps, ["click", "Page view", "tab"], ["wait", "Server"], ["axe"]]
    page = {"path": "/strict/page", "until": "done", "width": width, "dark": dark}
    for seen in site.walk({**page, "do": steps}, {**page, "do": both}):
        assert seen["panel"]


def test_a_stream_and_a_fragment_have_none(site: Site) -> None:
    stream, fragment = site.walk({"path": "/stream"}, {"path": "/slow"})
    assert stream["page"] == "Pages nothing"
    assert (stream["badge"], fragment["badge"]) == ("", "")
    assert pages.STRICT.startswith("default-src 'none'")
