"""The dashboard over HTTP: figures against SQL over the store, doors, and within an application."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support_py.cli import HOTPLATE, clean_environment, hotplate
from support_py.dashboard import MKSTORE
from support_py.quiet import Watch
from support_py.services import free_port, wait_port

TOP = Path(__file__).resolve().parents[2]


class Answer:
    """Status, headers and body of one response."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> Any:
        return json.loads(self.body)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


PLAIN = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect())


def fetch(url: str, data: bytes | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, headers=named)
    try:
        with PLAIN.open(request, timeout=10) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


def raw(port: int, text: bytes) -> bytes:
    """Everything that comes back for these bytes, up to where the connection is cut off."""
    parts = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                parts.append(part)
    return b"".join(parts)


class Served:
    def __init__(self, *args: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [HOTPLATE, "serve", "--port", "0", *args],
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=clean_environment(env),
        )
        assert self.process.stderr is not None
        self.line = self.process.stderr.readline()
        assert "http://" in self.line, self.line
        self.url = self.line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1].strip("/"))

    def get(self, target: str, **headers: str) -> Answer:
        return fetch(self.url + target, **headers)

    def json(self, target: str) -> Any:
        answer = self.get("api/v1/" + target)
        assert answer.status == 200, answer.body
        return answer.json()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(10)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "s.db"
    subprocess.run([MKSTORE, str(path), "400"], check=True)
    return path


@pytest.fixture(scope="module")
def served(store: Path) -> Iterator[Served]:
    running = Served("--store", str(store))
    yield running
    assert running.end() == 0


def rows(store: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        return connection.execute(query, values).fetchall()


# --- figures ---


def test_overview_has_the_figures_of_the_store(served: Served, store: Path) -> None:
    data = served.json("overview?revision=rev-a")
    expected = rows(
        store,
        "SELECT route.method || ' ' || route.rule, count(*), sum(wall_ns - own_ns) / 1e6,"
        " sum(status >= 500 OR flags & 16 != 0) FROM request JOIN route ON route.id = request.route"
        " JOIN string ON string.id = request.revision WHERE string.text = 'rev-a' GROUP BY 1",
    )
    found = {row["route"]: (row["requests"], row["total_ms"], row["errors"]) for row in data["routes"]}
    assert found.keys() == {name for name, *_ in expected}
    for name, requests, total_ms, errors in expected:
        assert found[name] == (requests, pytest.approx(total_ms, rel=1e-4), errors)
    whole = sum(row["total_ms"] for row in data["routes"])
    assert [row["share"] for row in data["routes"]] == pytest.approx(
        [row["total_ms"] / whole for row in data["routes"]], rel=1e-4
    )
    assert sum(point["requests"] for point in data["series"]) == 200
    assert sum(hour["requests"] for hour in data["hours"]) == 200
    assert data["sentence"].startswith("GET /settings ")
    assert data["completeness"]["recorded"] == 200
    assert all(len(row["trend"]) == len(data["trend_at"]) for row in data["routes"])


def test_overview_and_report_say_the_same(served: Served, store: Path) -> None:
    report = json.loads(hotplate("report", "--json", "--all", "--store", str(store)).stdout)
    data = served.json("overview?revision=*")
    assert [row["id"] for row in data["findings"]] == [row["id"] for row in report["findings"]]
    for ours, theirs in zip(data["findings"], report["findings"], strict=True):
        assert {key: ours[key] for key in theirs if key != "state"} == {
            key: theirs[key] for key in theirs if key != "state"
        }
    assert [row["sentence"] for row in data["routes"] if "sentence" in row] == [
        row["sentence"] for row in report["routes"] if "sentence" in row
    ]


def test_route_detail_counts_each_request_once(served: Served, store: Path) -> None:
    data = served.json("route?route=/settings&revision=*")
    durations = sorted(
        ns / 1e6
        for (ns,) in rows(
            store,
            "SELECT wall_ns - own_ns FROM request JOIN route ON route.id = request.route WHERE rule = '/settings'",
        )
    )
    assert sum(bucket["requests"] for bucket in data["histogram"]) == len(durations)
    for bucket in data["histogram"]:
        inside = [ms for ms in durations if bucket["low_ms"] <= ms * 1.000001 and ms < bucket["high_ms"]]
        assert abs(len(inside) - bucket["requests"]) <= 1
    assert sum(cell[2] for cell in data["heat"]["cells"]) == len(durations)
    assert data["deciles"][0]["duration_ms"] == pytest.approx(durations[0], rel=1e-4)
    assert data["deciles"][-1]["duration_ms"] == pytest.approx(durations[-1], rel=1e-4)
    assert data["route"]["box_ms"][2] == pytest.approx(durations[(len(durations) - 1) // 2], rel=1e-4)
    assert [row["revision"] for row in data["revisions"]] == ["rev-a", "rev-b"]
    assert sum(row["requests"] for row in data["status"]) == len(durations)


def test_the_revision_before_is_compared(served: Served) -> None:
    (settings,) = [row for row in served.json("routes")["routes"] if row["rule"] == "/settings"]
    assert settings["before_ms"] > 200
    assert settings["change_ms"] == pytest.approx(settings["p50_ms"] - settings["before_ms"], rel=1e-3)


def test_a_brush_chooses_requests_and_their_trees(served: Served, store: Path) -> None:
    (slow,) = rows(store, "SELECT count(*) FROM request WHERE wall_ns - own_ns >= 100000000")[0]
    assert served.json("requests?revision=*&min_ms=100")["total"] == slow
    tree = served.json("tree?revision=*&min_ms=100")
    assert (tree["matching"], tree["requests"]) == (slow, slow)
    whole = served.json("tree?revision=*")
    assert whole["requests"] == 400
    assert {node["function"] for node in tree["nodes"]} < {node["function"] for node in whole["nodes"]}


def test_requests_are_sorted_filtered_and_paged(served: Served, store: Path) -> None:
    ids = [
        f"{row[0] & (2**64 - 1):016x}"
        for row in rows(store, "SELECT request_id FROM request ORDER BY start_ns DESC, id DESC")
    ]
    found: list[str] = []
    for offset in range(0, 400, 150):
        page = served.json(f"requests?revision=*&limit=150&offset={offset}")
        assert page["total"] == 400
        found += [row["id"] for row in page["requests"]]
    assert found == ids
    failed = served.json("requests?revision=*&status=errors&limit=500")
    (expected,) = rows(store, "SELECT count(*) FROM request WHERE status >= 500 OR flags & 16 != 0")[0]
    assert failed["total"] == len(failed["requests"]) == expected
    slowest = [row["duration_ms"] for row in served.json("requests?revision=*&sort=slowest")["requests"]]
    assert slowest == sorted(slowest, reverse=True)
    assert served.json("requests?revision=*&text=orders&method=POST")["total"] == 100
    assert served.json("requests?revision=*&text=orders&method=GET")["total"] == 0


def test_a_request_is_what_show_says(served: Served, store: Path) -> None:
    some = served.json("requests?revision=rev-a&route=/settings&sort=slowest&limit=1")["requests"][0]["id"]
    shown = json.loads(hotplate("show", some, "--json", "--store", str(store)).stdout)
    lanes = json.loads(hotplate("show", some, "--json", "--timeline", "--store", str(store)).stdout)
    data = served.json(f"request?id={some}")
    for key, value in shown.items():
        if key == "executions":
            assert [{k: row[k] for k in value[0]} for row in data[key]] == value
        else:
            assert data[key] == value, key
    assert data["timeline"]["lanes"] == lanes["lanes"]
    assert data["timeline"]["critical"] == lanes["critical"]
    assert data["sources"]["shop/history.py:8"].strip() == "thread.start()"
    assert data["rank"] > 0.98


def test_sql_and_compare_say_what_the_commands_say(served: Served, store: Path) -> None:
    listed = json.loads(hotplate("sql", "--all", "--json", "--store", str(store)).stdout)["statements"]
    found = served.json("sql?revision=*")["statements"]
    assert [{key: row[key] for key in listed[0]} for row in found] == listed
    compared = json.loads(hotplate("compare", "before", "after", "--json", "--store", str(store)).stdout)
    data = served.json("compare?a=before&b=after")
    assert data["routes"] == compared["routes"]
    assert [row["id"] for row in data["findings"]] == [row["id"] for row in compared["findings"]]
    sides = served.json("diff?a=before&b=after")
    assert sides["before"]["requests"] == sides["after"]["requests"] == 200


def test_ranges_are_half_open(served: Served, store: Path) -> None:
    (at,) = rows(store, "SELECT start_ns / 1000000 FROM request ORDER BY start_ns LIMIT 1 OFFSET 10")[0]
    (after,) = rows(store, "SELECT count(*) FROM request WHERE start_ns >= ?", at * 1_000_000)[0]
    assert served.json(f"requests?revision=*&from={at}")["total"] == after
    assert served.json(f"requests?revision=*&to={at}")["total"] == 400 - after
    assert served.json("requests?label=before")["total"] == 200


# --- doors ---


def test_bound_to_all_without_a_token_nobody_else_gets_in(store: Path) -> None:
    running = Served("--store", str(store), "--bind", "0.0.0.0")
    try:
        address = own_address()
        if address is None:
            pytest.skip("this machine has no address but loopback")
        answer = fetch(f"http://{address}:{running.port}/api/v1/meta")
        assert answer.status == 403
        assert "--token" in answer.json()["error"]
        assert fetch(f"http://{address}:{running.port}/").status == 403
        assert running.get("api/v1/meta").status == 200
    finally:
        assert running.end() == 0


def own_address() -> str | None:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith(("127.", "0.")) else address


def test_a_token_opens_by_cookie_and_guessing_is_slowed(store: Path) -> None:
    running = Served("--store", str(store), env={"HOTPLATE_TOKEN": "open sesame"})
    try:
        assert running.get("api/v1/meta").status == 401
        page = running.get("")
        assert page.status == 401
        assert b'action="login"' in page.body
        good = fetch(running.url + "login", data=b"token=open+sesame")
        assert (good.status, good.headers["Location"]) == (303, "./")
        cookie = good.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert running.get("api/v1/meta", Cookie=cookie.split(";")[0]).status == 200
        statuses = [fetch(running.url + "login", data=b"token=no").status for _ in range(8)]
        assert statuses[:5] == [403] * 5
        assert set(statuses[5:]) == {429}
        assert fetch(running.url + "login", data=b"token=open+sesame").status == 429
        assert running.get("api/v1/meta", Cookie=cookie.split(";")[0]).status == 200  # whoever is in stays in
    finally:
        running.end()


def test_changes_need_token_and_origin(served: Served) -> None:
    token = served.json("meta")["token"]
    body = json.dumps({"id": "00000000000000aa", "muted": True, "reason": "<script>"}).encode()
    url = served.url + "api/v1/finding"
    good = {"X_Hotplate_Token": token, "Content_Type": "application/json"}
    assert fetch(url, data=body, Content_Type="application/json").status == 403
    assert fetch(url, data=body, **good, Origin="http://evil.example").status == 403
    assert fetch(url, data=body, **good, Sec_Fetch_Site="cross-site").status == 403
    assert fetch(url, data=body, X_Hotplate_Token=token, Content_Type="text/plain").status == 403
    assert fetch(url, data=body, **good, Origin=served.url.rstrip("/")).status == 200
    muted = served.get("api/v1/findings")
    assert muted.json()["muted"][0]["reason"] == "<script>"
    assert muted.headers["Content-Type"] == "application/json"
    assert served.get("api/v1/finding?id=00000000000000aa&muted=true").status == 404  # never by GET


def test_a_profile_is_opened_and_nobody_elses_body_is_taken(served: Served) -> None:
    stacks = b"".join(b"main;step_%d;%s 2\n" % (i, b"x" * 200) for i in range(20_000))  # 4.4 MB
    good = {
        "Content-Type": "application/octet-stream",
        "X-Hotplate-Token": served.json("meta")["token"],
    }
    url = served.url + "api/v1/profile?name=stacks.txt"
    answer = fetch(url, data=stacks, **good)
    assert answer.status == 200
    assert b"step_19999" in answer.body
    assert b"stacks.txt" in answer.body
    bad = fetch(url, data=b"\x01" * 1000, **good)
    assert (bad.status, "error" in bad.json()) == (400, True)
    head = "POST /api/v1/profile HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n"
    token = "".join(f"{name}: {value}\r\n" for name, value in good.items())
    for length, more in ((4_400_000, ""), (33 << 20, token), (10**12, token)):
        said = raw(served.port, (head.format(length) + more + "\r\n").encode())
        assert b" 413 " in said[:20], (length, said)


def test_read_only_changes_nothing(store: Path) -> None:
    running = Served("--store", str(store), "--read-only")
    try:
        meta = running.json("meta")
        assert (meta["role"], "token" in meta) == ("read", False)
        answer = fetch(running.url + "api/v1/finding", data=b"{}", Content_Type="application/json")
        assert answer.status == 403
    finally:
        running.end()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4747", "127.0.0.1.evil.example", ""])
def test_another_host_is_refused(served: Served, host: str) -> None:
    assert (
        b" 200 "
        not in raw(
            served.port, f"GET /api/v1/meta HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )[:16]
    )


def test_malformed_and_oversized_requests_are_refused(served: Served) -> None:
    head = b"Host: 127.0.0.1\r\nConnection: close\r\n"
    wrong = [
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /api/v1/meta HTTP/1.1\r\n" + head + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + head + b"\r\n",
        b"POST /api/v1/finding HTTP/1.1\r\n" + head + b"Content-Length: 99999999\r\n\r\nx",
        b"POST /api/v1/finding HTTP/1.1\r\n" + head + b"Content-Length: -1\r\n\r\nx",
        b"POST /api/v1/finding HTTP/1.1\r\n"
        + head
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"8000\r\n"
        + b"a" * 0x8000
        + b"\r\n8000\r\n"
        + b"a" * 0x8000
        + b"\r\n0\r\n\r\n",
        b"GET /../../../../etc/passwd HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /api/v1/source?file=../../../../etc/passwd HTTP/1.1\r\n" + head + b"\r\n",
    ]
    for text in wrong:
        answer = raw(served.port, text)
        assert not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")), (text[:60], answer[:200])
        assert b"root:" not in answer
    assert served.get("api/v1/meta").status == 200


def test_what_is_asked_never_becomes_a_header(served: Served) -> None:
    answer = raw(
        served.port,
        b"GET /x%0d%0aSet-Cookie:%20a=b?y=%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: localhost\r\n"
        b"Origin: x%0d%0aSet-Cookie: y\r\nConnection: close\r\n\r\n",
    )
    assert b"set-cookie" not in answer.split(b"\r\n\r\n")[0].lower()


def test_old_protocols_are_proxies(served: Served) -> None:
    assert b" 403 " in raw(served.port, b"GET /api/v1/meta HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")[:16]


def test_it_goes_on_with_a_hundred_idle_connections(served: Served) -> None:
    idle = []
    try:
        for _ in range(28):
            idle.append(socket.create_connection(("127.0.0.1", served.port), timeout=5))
        assert served.get("api/v1/meta").status == 200
    finally:
        for connection in idle:
            connection.close()


def test_without_a_store_it_says_what_to_type(tmp_path: Path) -> None:
    running = Served("--store", str(tmp_path / "none.db"))
    try:
        assert running.json("overview")["routes"] == []
        assert running.json("meta")["last_row"] == 0
        assert not (tmp_path / "none.db").exists()
    finally:
        assert running.end(signal.SIGINT) == 0


def test_wrong_usage_is_one_line(tmp_path: Path) -> None:
    for args in (["--port", "x"], ["--port", "70000"], ["--bind", "nowhere", "--port", "0"]):
        done = hotplate("serve", *args, "--store", str(tmp_path / "s.db"))
        assert done.returncode in (1, 2)
        assert done.stderr.count("\n") == 1


def test_a_taken_port_is_said_and_the_default_moves_on(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = hotplate("serve", "--port", str(taken.getsockname()[1]), "--store", store)
        assert done.returncode == 1
        assert "in use" in done.stderr


# --- beside hotplate run ---


def link_of(line: str) -> str:
    return next(word for word in line.split() if word.startswith("http://"))


def is_open(url: str) -> bool:
    try:
        return fetch(url + "api/v1/meta").status == 200
    except OSError:
        return False


def ends_soon(url: str) -> bool:
    until = time.monotonic() + 20
    while is_open(url) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_open(url)


def start_run(tmp_path: Path, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [HOTPLATE, "run", *args, "--", sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(7)"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )


def test_run_serves_while_the_command_runs(tmp_path: Path) -> None:
    process = start_run(tmp_path)
    assert process.stderr is not None
    url = link_of(process.stderr.readline())
    assert is_open(url)
    process.communicate("", timeout=20)
    assert process.returncode == 7
    assert ends_soon(url)


def test_run_leaves_no_server_when_killed(tmp_path: Path) -> None:
    process = start_run(tmp_path)
    assert process.stderr is not None
    url = link_of(process.stderr.readline())
    assert is_open(url)
    process.kill()
    process.communicate(timeout=20)  # the server holds none of its pipes
    assert ends_soon(url)


def test_run_without_serve_listens_nowhere(tmp_path: Path) -> None:
    process = start_run(tmp_path, "--no-serve")
    assert process.stderr is not None
    assert "http://" not in process.stderr.readline()
    process.communicate("", timeout=20)


# --- within an application ---

APP = """
    import os, sys
    from flask import Flask, request, session
    from hotplate.flask import Hotplate

    app = Flask("shop")
    app.secret_key = "x"

    @app.route("/")
    def index():
        return "hello"

    def may():
        return request.headers.get("X-Who") == "me"

    Hotplate(app, level="trace", inputs=["phone", "city"], store=os.environ["STORE"],
             **({"auth": may} if "AUTH" in os.environ else {}))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(textwrap.dedent(APP))
    return tmp_path


ASK = """
    import json, sys, hotplate
    from shop import app
    client = app.test_client()
    for _ in range(3):
        assert client.get("/").status_code == 200
    import hotplate.flask
    from hotplate import _capture
    _capture.flush()
    answers = {}
    for path, headers, base in json.loads(sys.argv[1]):
        answer = client.get(path, headers=headers, environ_overrides=base)
        answers[path + json.dumps(headers) + json.dumps(base)] = [answer.status_code, answer.get_data(as_text=True)]
    _capture.flush()
    print(json.dumps([list(answers.values()), _capture.counts()]))
"""


def ask_shop(shop: Path, asked: list[tuple[str, dict[str, str], dict[str, str]]], **env: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ASK), json.dumps(asked)],
        cwd=shop,
        env=clean_environment({"STORE": str(shop / "s.db"), **env}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_application_answers_at_hotplate_and_records_none_of_it(shop: Path) -> None:
    answers, counts = ask_shop(
        shop,
        [
            ("/hotplate/api/v1/requests", {}, {}),
            ("/hotplate/", {}, {}),
            ("/hotplate", {}, {}),
            ("/hotplate/api/v1/meta", {"Host": "evil.example"}, {}),
            ("/hotplate/api/v1/meta", {}, {"REMOTE_ADDR": "192.0.2.7"}),
            ("/hotplate/api/v1/meta", {"X-Forwarded-For": "192.0.2.7"}, {}),
            ("/hotplateau", {}, {}),
        ],
    )
    assert [status for status, _ in answers] == [200, 200, 308, 403, 403, 403, 404]
    assert json.loads(answers[0][1])["total"] == 3
    assert "HOTPLATE_TOKEN" in answers[4][1]
    assert (counts["started"], counts["sampled_out"]) == (4, 0)  # three and /hotplateau


def test_the_authoriser_has_the_word(shop: Path) -> None:
    answers, _ = ask_shop(
        shop,
        [
            ("/hotplate/api/v1/meta", {}, {}),
            ("/hotplate/api/v1/meta", {"X-Who": "me"}, {"REMOTE_ADDR": "192.0.2.7"}),
            ("/hotplate/api/v1/meta", {"X-Who": "me", "Host": "shop.example"}, {}),
        ],
        AUTH="1",
    )
    assert [status for status, _ in answers] == [403, 200, 200]
    assert json.loads(answers[1][1])["role"] == "read"


def test_below_a_script_name_links_are_relative(shop: Path) -> None:
    answers, _ = ask_shop(
        shop,
        [
            ("/hotplate/", {}, {"SCRIPT_NAME": "/a/b"}),
            ("/hotplate/api/v1/meta", {}, {"SCRIPT_NAME": "/a/b"}),
        ],
    )
    assert [status for status, _ in answers] == [200, 200]
    assert 'src="/' not in answers[0][1]
    assert 'href="/' not in answers[0][1]


@pytest.mark.slow
def test_any_worker_of_gunicorn_shows_everything(shop: Path) -> None:
    pytest.importorskip("gunicorn")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}", "shop:app"],
        cwd=shop,
        env=clean_environment({"STORE": str(shop / "s.db")}),
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                if fetch(url).status == 200:
                    break
            except OSError:
                time.sleep(0.1)
        for _ in range(39):
            assert fetch(url).status == 200
        time.sleep(1.5)  # the writers' interval
        totals = {fetch(url + "hotplate/api/v1/requests?limit=1").json()["total"] for _ in range(12)}
        assert totals == {40}
    finally:
        server.terminate()
        server.wait(20)


class Workers:
    """Three gunicorn workers of the shop beside `hotplate serve` of their store."""

    def __init__(self, shop: Path, *options: str) -> None:
        port = free_port()
        self.store = shop / "s.db"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-w", "3", "-b", f"127.0.0.1:{port}", *options, "shop:app"],
            cwd=shop,
            env=clean_environment({"STORE": str(self.store)}),
            stderr=subprocess.DEVNULL,
        )
        self.served = Served("--store", str(self.store))
        self.url = f"http://127.0.0.1:{port}/"
        wait_port(port)

    def visit(self, requests: int, path: str = "") -> None:
        for _ in range(requests):
            assert fetch(self.url + path).status == 200

    def all_seen(self) -> None:
        """Until each has written: a worker looks at settings once it had a request."""
        until, seen = time.monotonic() + 20, 0
        while seen < 3 and time.monotonic() < until:
            self.visit(10)
            time.sleep(1)
            ((seen,),) = rows(self.store, "SELECT count(DISTINCT process) FROM request")
        assert seen == 3

    def stored(self, after_ns: int, requests: int) -> None:
        """Until so many that began since are in the store."""
        until, seen = time.monotonic() + 20, 0
        while seen < requests and time.monotonic() < until:
            time.sleep(0.1)
            ((seen,),) = rows(self.store, "SELECT count(*) FROM request WHERE start_ns >= ?", after_ns)
        assert seen == requests

    def tell(self, key: str, value: str) -> int:
        token = self.served.json("meta")["token"]
        body = json.dumps({"key": key, "value": value}).encode()
        headers = {"Content-Type": "application/json", "X-Hotplate-Token": token}
        return fetch(self.served.url + "api/v1/settings", data=body, **headers).status

    def end(self) -> None:
        self.served.end()
        self.process.terminate()
        self.process.wait(20)


def becomes(look: Callable[[], set[str]], wanted: set[str]) -> None:
    """What is set reaches each worker within a second or two, on a machine that has one for it."""
    until = time.monotonic() + 20
    while (seen := look()) != wanted and time.monotonic() < until:
        pass
    assert seen == wanted


@pytest.fixture
def workers(shop: Path) -> Iterator[Workers]:
    pytest.importorskip("gunicorn")
    made = Workers(shop)
    yield made
    made.end()


def test_all_workers_obey_the_levels_that_are_set(workers: Workers) -> None:
    def levels(after: int) -> set[str]:
        found = rows(workers.store, "SELECT level FROM request WHERE start_ns > ?", after)
        return {("count", "monitor", "sample", "trace")[level] for (level,) in found}

    def levels_now() -> set[str]:
        at = time.time_ns()
        workers.visit(30)
        workers.stored(at, 30)
        return levels(at)

    workers.all_seen()
    assert levels(0) == {"trace"}
    assert workers.tell("levels", "count GET /nowhere\nmonitor GET /") == 200
    becomes(levels_now, {"monitor"})
    assert workers.tell("levels", "") == 200
    becomes(levels_now, {"trace"})


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--preload",)])
def test_a_worker_obeys_from_its_first_request_on(shop: Path, options: tuple[str, ...]) -> None:
    pytest.importorskip("gunicorn")
    ask_shop(shop, [])
    with Watch() as watch:
        workers = Workers(shop, *options)
        try:
            assert workers.tell("levels", "monitor GET /") == 200
            assert workers.tell("redact", "phone") == 200
            at = time.time_ns()
            workers.visit(20, "?phone=5550123")
            workers.stored(at, 20)
            levels = {
                level for (level,) in rows(workers.store, "SELECT level FROM request WHERE start_ns > ?", at)
            }
            listed = workers.served.json(f"requests?revision=*&from={at // 1_000_000}&limit=500")["requests"]
            shown = [workers.served.json(f"request?id={row['id']}") for row in listed]
        finally:
            workers.end()
    assert len(shown) == 20
    with watch.judging():  # a process's first request waits 5 ms at most for the settings
        assert levels == {1}
        assert {fact["value"] for one in shown for fact in one["query"]} == {"<redacted>"}


def test_all_workers_keep_no_value_of_a_name_that_is_redacted(workers: Workers) -> None:
    def kept() -> set[str]:
        at = time.time_ns()
        workers.visit(30, "?phone=5550123&city=Ulm")
        workers.stored(at, 30)
        listed = workers.served.json(f"requests?revision=*&from={at // 1_000_000}&limit=500")["requests"]
        assert len(listed) == 30
        shown = [workers.served.json(f"request?id={row['id']}") for row in listed]
        return {f"{fact['name']}={fact['value']}" for one in shown for fact in one["query"]}

    workers.all_seen()
    assert kept() == {"phone=5550123", "city=Ulm"}
    assert workers.tell("redact", "a*b") == 400
    assert workers.tell("redact", "Phone, iban") == 200
    becomes(kept, {"phone=<redacted>", "city=Ulm"})


def test_a_fork_during_an_answer_leaves_a_child_that_works(shop: Path) -> None:
    code = """
        import os, sys, threading
        from shop import app
        from hotplate import _capture
        client = app.test_client()
        client.get("/")
        _capture.flush()
        stop = threading.Event()
        def ask():
            mine = app.test_client()
            while not stop.is_set():
                assert mine.get("/hotplate/api/v1/overview?last=%d" % (1000 + id(mine) % 97)).status_code == 200
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                good = app.test_client().get("/hotplate/api/v1/meta").status_code == 200
                os._exit(0 if good else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        cwd=shop,
        env=clean_environment({"STORE": str(shop / "s.db")}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_path_of_ones_own_or_none(shop: Path) -> None:
    code = """
        from flask import Flask
        from hotplate.flask import Hotplate
        here, none = Flask("a"), Flask("b")
        Hotplate(here, dashboard="/internal/slow/", store="s.db")
        Hotplate(none, dashboard=False)
        assert here.test_client().get("/internal/slow/api/v1/meta").status_code == 200
        assert here.test_client().get("/hotplate/").status_code == 404
        assert none.test_client().get("/hotplate/").status_code == 404
        try:
            Hotplate(Flask("c"), dashboard="")
        except ValueError:
            pass
        else:
            raise AssertionError("an empty path")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=shop,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# --- bounds ---

# Queries that look at every row, and why that is bounded or wanted.
WHOLE = {
    "block_range": "a row a thousand requests",
    "blocks": "a row a thousand requests, newest first, ends at the first hit",
    "detail_slice": "ends after so many rows",
    "findings": "a row a finding there ever was",
    "get_label": "a row a label",
    "labels": "a row a label",
    "losses": "a row a process and minute",
    "oldest_block": "ends at the first row",
    "unseen": "a row a process",
}


def test_no_question_scans_a_table_that_grows_with_requests(store: Path) -> None:
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        for file in sorted((TOP / "src/store/queries/sqlite").glob("*.sql")):
            text = re.sub(r"(?m)^--.*\n", "", file.read_text())
            if file.stem in WHOLE or not text.startswith("SELECT"):
                continue
            plan = connection.execute("EXPLAIN QUERY PLAN " + re.sub(r"\?\d+", "1", text)).fetchall()
            scans = [row[3] for row in plan if row[3].startswith("SCAN") and "CONSTANT" not in row[3]]
            assert not scans, (file.stem, scans)


def cpu_ms(pid: int) -> float:
    """Processor time of all threads of a process so far."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e6


@pytest.mark.slow
def test_a_hundred_thousand_requests_are_answered_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    subprocess.run([MKSTORE, str(path), "100000"], check=True)
    running = Served("--store", str(path))
    bounds_ms = {
        "overview?revision=*": 300,
        "route?route=/settings&revision=*": 500,
        "requests?text=x&revision=*": 200,
    }
    try:
        assert running.json("meta")["last_row"] == 100_000  # the rows are in memory from here on
        for question, bound_ms in bounds_ms.items():
            begun = cpu_ms(running.process.pid)
            running.json(question)
            assert cpu_ms(running.process.pid) - begun < bound_ms, question
        portion = running.json("sql?revision=*&min_ms=2")["statements_portion"]  # a brush reads few details
        assert portion["read"] <= 2048 < portion["of"] <= 75_000
    finally:
        running.end()
