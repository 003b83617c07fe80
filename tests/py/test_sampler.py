"""The sampler inside the process: shares it tells, whose samples are whose, and that nobody notices it."""

from __future__ import annotations

import inspect
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support_py import captured, wsgi
from support_py.cli import HOTPLATE, clean_environment, hotplate, hotplate_json
from support_py.isolated import run_isolated
from support_py.quiet import Watch
from support_py.services import APPS, TESTS, free_port, wait_port

pytestmark = [pytest.mark.matrix, pytest.mark.interpreter]

SAMPLED = 128
LANE = 1
KIND, NAME, CALLS, SELF, TOTAL = 1, 3, 5, 7, 8


def spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def python_loop(seconds: float) -> None:
    spin(seconds)


def c_with_gil(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        sorted(range(20_000))


def c_without_gil(data: bytes, seconds: float) -> None:
    import hashlib

    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        hashlib.sha256(data).digest()


def sleeping(seconds: float) -> None:
    time.sleep(seconds)


def start(store: str | None, level: str = "sample", **settings: Any) -> dict[str, Any]:
    from hotplate import _hotplate

    status = wsgi.start_capture(store, level, app_code=("*test_sampler.py",), **settings)
    _hotplate.keep_last(True)
    return status


def self_of(record: dict[str, Any]) -> dict[str, float]:
    """Nanoseconds by function name."""
    found: dict[str, float] = {}
    for node in record.get("tree", []):
        found[node[NAME]] = found.get(node[NAME], 0) + node[SELF]
    return found


# ---- shares ----


def known_work(store: str, seconds: float, rate: int, mode: str, least: int = 0) -> Any:
    """Requests of four kinds of work; what each kind took by its own clock, and the sampler's account."""
    from hotplate import _hotplate

    start(store, rate=rate, mode=mode)
    data = b"x" * 2_000_000
    took = {"spin": 0.0, "c_with_gil": 0.0, "c_without_gil": 0.0, "sleeping": 0.0}

    def timed(name: str, function: Any, *args: Any) -> None:
        before = time.perf_counter()
        function(*args)
        took[name] += time.perf_counter() - before

    def view() -> str:
        timed("spin", python_loop, 0.041)
        timed("c_with_gil", c_with_gil, 0.016)
        timed("c_without_gil", c_without_gil, data, 0.016)
        timed("sleeping", sleeping, 0.027)
        return ""

    app = captured.flask_app(view)
    until = time.monotonic() + seconds
    latest = until + 3 * seconds  # a busy machine lets no sampler reach its rate
    while time.monotonic() < until or (_hotplate.sampler()["samples"] < least and time.monotonic() < latest):
        wsgi.call(app, "/")
    _hotplate.stop(5000)
    return {"took": took, "sampler": _hotplate.sampler(), "record": _hotplate.last_request()}


@pytest.mark.slow
@pytest.mark.one_python
def test_shares_are_those_of_the_work_within_3_points(tmp_path: Path) -> None:
    store = str(tmp_path / "a.db")
    with Watch() as watch:
        found = run_isolated(known_work, store, 11, 1000, "wall", 10_500)
    sampler, took = found["sampler"], found["took"]
    whole = sum(took.values())
    top = hotplate_json("top", "route:GET /", "--store", store)
    seen = {each["function"]: each["self_share"] for each in top["functions"]}
    share = sampler["cpu_ns"] / sampler["ns"]
    hz = sampler["sweeps"] / sampler["ns"] * 1e9
    print(f"\n{hz:.0f} Hz, {100 * share:.2f} % of a core, torn {sampler['torn']}, late {sampler['late']}")
    assert top["sampled"] is True
    assert "total_calls" not in top
    assert sampler["torn"] <= 0.01 * sampler["samples"], sampler
    record = found["record"]
    assert record["flags"] & SAMPLED
    assert all(node[CALLS] == 0 for node in record["tree"])
    with watch.judging():
        assert top["samples"] >= 10_000
        for name, seconds in took.items():
            print(f"{name}: {seen[name]:.3f} for {seconds / whole:.3f}")
            assert abs(seen[name] - seconds / whole) <= 0.03, (name, seen[name], seconds / whole)
        assert share <= 0.10, "4 % is the budget, on a machine that is not shared"


@pytest.mark.slow
@pytest.mark.one_python
def test_100_hz_costs_next_to_nothing(tmp_path: Path) -> None:
    with Watch() as watch:
        sampler = run_isolated(known_work, str(tmp_path / "a.db"), 3, 0, "wall")["sampler"]
    print(f"\n{100 * sampler['cpu_ns'] / sampler['ns']:.3f} % of a core")
    assert sampler["rate_hz"] == 100
    assert sampler["sweeps"] / sampler["ns"] * 1e9 <= 110, sampler
    with watch.judging():
        assert sampler["sweeps"] / sampler["ns"] * 1e9 >= 40, sampler
        assert sampler["cpu_ns"] / sampler["ns"] <= 0.02, sampler


def eight_threads(store: str, rate: int) -> Any:
    """The sampler's account of eight threads that are at requests all the time."""
    from hotplate import _hotplate

    start(store, rate=rate)
    app = captured.flask_app(lambda: spin(0.002) or sleeping(0.002) or "")
    until = time.monotonic() + 3

    def ask() -> None:
        while time.monotonic() < until:
            wsgi.call(app, "/")

    workers = [threading.Thread(target=ask) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    _hotplate.stop(5000)
    return _hotplate.sampler()


# Of a core, by the sampler's own clock: a multiple of the budget, which bench/own_sampler.py goes by.
@pytest.mark.slow
@pytest.mark.one_python
@pytest.mark.parametrize(("rate", "most"), [(100, 0.02), (1000, 0.10)])
def test_eight_threads_cost_little_and_tear_nothing(rate: int, most: float, tmp_path: Path) -> None:
    with Watch() as watch:
        sampler = run_isolated(eight_threads, str(tmp_path / "a.db"), rate)
    print(f"\n{100 * sampler['cpu_ns'] / sampler['ns']:.2f} % of a core, {sampler}")
    assert sampler["torn"] <= 0.01 * (sampler["samples"] + sampler["torn"]), sampler
    assert sampler["samples"] >= 3 * sampler["sweeps"], sampler  # of several threads each time
    with watch.judging():
        assert sampler["cpu_ns"] / sampler["ns"] <= most, sampler


@pytest.mark.slow
def test_cpu_mode_leaves_waiting_out_and_gil_mode_work_without_it(tmp_path: Path) -> None:
    by_mode = {}
    with Watch() as watch:
        for mode in ("cpu", "gil"):
            store = str(tmp_path / f"{mode}.db")
            run_isolated(known_work, store, 3, 1000, mode)
            top = hotplate_json("top", "route:GET /", "--store", store)
            by_mode[mode] = {each["function"]: each["self_share"] for each in top["functions"]}
    with watch.judging():
        assert by_mode["cpu"].get("sleeping", 0) < 0.04, by_mode["cpu"]
        assert by_mode["cpu"]["c_without_gil"] > 0.12, by_mode["cpu"]
        assert by_mode["gil"].get("sleeping", 0) < 0.06, by_mode["gil"]
        assert by_mode["gil"].get("c_without_gil", 0) < 0.12, by_mode["gil"]
        assert by_mode["gil"]["spin"] > 0.45, by_mode["gil"]


def burn(seconds: float) -> None:
    """Use this much processor time, however long that takes on a busy machine."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def computing(store: str) -> None:
    from hotplate import _hotplate

    start(store, rate=1000)

    def view() -> str:
        burn(0.05)
        sleeping(0.01)
        return ""

    app = captured.flask_app(view)
    for _ in range(40):
        wsgi.call(app, "/")
    _hotplate.stop(5000)


@pytest.mark.slow
def test_a_report_speaks_of_samples_and_never_of_calls(tmp_path: Path) -> None:
    store = str(tmp_path / "a.db")
    run_isolated(computing, store)
    report = hotplate_json("report", "--store", store)
    hot = [each for each in report["findings"] if each["kind"] == "hot_function"]
    assert any(each["title"].startswith("burn ") for each in hot), report["findings"]
    for each in hot:
        assert "calls" not in each["evidence"], each
        assert each["evidence"]["samples"] > 500, each
        assert each["evidence"]["plus_minus_ms"] > 0, each
        assert each["predicted_low_ms"] < each["predicted_saving_ms"] < each["predicted_high_ms"], each
    assert {each["kind"] for each in report["findings"]} <= {"hot_function", "sleep"}, report["findings"]
    for command in ("top", "tree"):
        shown = hotplate(command, "route:GET /", "--store", store)
        assert shown.returncode == 0, shown.stderr
        assert "samples" in shown.stdout, shown.stdout
        assert "±" in shown.stdout, shown.stdout


def slow_at_two_lines() -> None:
    time.sleep(0.03)
    time.sleep(0.01)


def at_two_lines(store: str) -> Any:
    from hotplate import _hotplate

    start(store, rate=1000)

    def view() -> str:
        slow_at_two_lines()
        burn(0.05)
        return ""

    app = captured.flask_app(view)
    for _ in range(25):
        wsgi.call(app, "/")
    _status, headers, _body = wsgi.call(app, "/")
    _hotplate.stop(5000)
    return headers["X-Hotplate-Id"]


def line_of(function: Any, text: str) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if text in line)


def test_samples_know_the_line_within_the_innermost_function(tmp_path: Path) -> None:
    store = str(tmp_path / "a.db")
    request = run_isolated(at_two_lines, store)
    long, short = (line_of(slow_at_two_lines, text) for text in ("0.03", "0.01"))
    for source in ("route:GET /", f"req:{request}"):
        functions = hotplate_json("top", source, "--store", store)["functions"]
        found = next(each for each in functions if each["function"] == "slow_at_two_lines")
        share = {each["line"]: each["self_s"] / found["self_s"] for each in found["lines"]}
        assert set(share) == {long, short}, found
        assert abs(share[long] - 0.75) <= (0.06 if source.startswith("route") else 0.2), found
        assert sum(each["self_s"] for each in found["lines"]) <= found["self_s"] * 1.001, found
        nodes = hotplate_json("tree", source, "--store", store)["nodes"]
        node = next(each for each in nodes if each["function"] == "slow_at_two_lines")
        assert [each["line"] for each in node["lines"]] == [long, short], node
    for command in ("top", "tree"):
        assert f"at {long} (7" in hotplate(command, "route:GET /", "--store", store).stdout, command
    assert f"at {long} (" in hotplate("show", request, "--store", store).stdout
    report = hotplate_json("report", "--store", store)
    hot = next(each for each in report["findings"] if each["kind"] == "hot_function")
    assert (hot["function"], hot["line"]) == ("burn", line_of(burn, "while ")), hot


# ---- whose samples ----


def threads_at_once(store: str) -> Any:
    """Four requests at once, each with a function of its own; a thread that one of them starts; one of nobody's."""
    from flask import Flask
    from hotplate import _hotplate

    start(store, rate=1000)
    app = Flask("four")
    names = [f"work_{i}" for i in range(4)]
    for name in names:
        scope: dict[str, Any] = {"sleeping": sleeping, "spin": spin}
        exec(f"def {name}():\n for _ in range(20):\n  spin(.003)\n  sleeping(.003)\n return ''\n", scope)  # noqa: S102 functions of names of their own
        app.add_url_rule(f"/{name}", name, scope[name])

    def starter() -> str:
        worker = threading.Thread(target=sleeping, args=(0.1,))
        worker.start()
        worker.join()
        return ""

    app.add_url_rule("/starter", "starter", starter)
    stop = threading.Event()
    outside = threading.Thread(target=lambda: stop.wait(60))
    outside.start()
    trees = {}
    for path in ["starter"]:
        wsgi.call(app, f"/{path}")
        trees[path] = _hotplate.last_request()
    workers = [
        threading.Thread(target=lambda path=f"/{name}": [wsgi.call(app, path) for _ in range(5)])
        for name in names
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stop.set()
    outside.join()
    _hotplate.stop(5000)
    return {"starter": trees["starter"], "sampler": _hotplate.sampler()}


def test_samples_belong_to_the_request_of_their_thread(tmp_path: Path) -> None:
    store = str(tmp_path / "a.db")
    found = run_isolated(threads_at_once, store)
    assert found["sampler"]["outside"] > 100, found["sampler"]
    routes = hotplate_json("routes", "--store", store)["routes"]
    took = {each["route"]: each["total_ms"] / 1e3 for each in routes}
    for i in range(4):
        top = hotplate_json("top", f"route:GET /work_{i}", "--store", store)
        names = {each["function"] for each in top["functions"]}
        assert f"work_{i}" in names, names
        assert not {f"work_{k}" for k in range(4) if k != i} & names, names
        whole = sum(each["self_s"] for each in top["functions"]) / took[f"GET /work_{i}"]
        assert 0.85 <= whole <= 1.15, whole
    others = hotplate_json("top", "process:", "--store", store)
    assert others["samples"] == found["sampler"]["outside"], others["samples"]
    assert "wait" in {each["function"].rpartition(".")[2] for each in others["functions"]}, others
    report = hotplate_json("report", "--store", store)["sampler"]
    assert report["rate_hz"] == 1000, report
    assert report["samples"] == found["sampler"]["samples"], report
    assert report["torn"] <= 0.01, report
    tree = found["starter"]["tree"]
    lanes = [i for i, node in enumerate(tree) if node[KIND] == LANE and i != 0]
    assert len(lanes) == 1, tree
    assert 60e6 <= tree[lanes[0]][TOTAL] <= 160e6, tree[lanes[0]]


def greenlets_at_once(store: str) -> Any:
    import gevent.monkey

    gevent.monkey.patch_all()
    import gevent
    from flask import Flask
    from hotplate import _hotplate

    start(store, rate=1000)
    app = Flask("green")
    for i in range(6):
        scope: dict[str, Any] = {"sleeping": sleeping, "spin": spin}
        exec(f"def green_{i}():\n for _ in range(10):\n  spin(.004)\n  sleeping(.004)\n return ''\n", scope)  # noqa: S102 functions of names of their own
        app.add_url_rule(f"/{i}", f"green_{i}", scope[f"green_{i}"])
    for _ in range(3):
        gevent.joinall([gevent.spawn(wsgi.call, app, f"/{i}") for i in range(6)])
    _hotplate.stop(5000)
    return _hotplate.sampler()


def test_samples_of_greenlets_belong_to_their_requests(tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    store = str(tmp_path / "a.db")
    run_isolated(greenlets_at_once, store)
    right = wrong = 0.0
    for i in range(6):
        top = hotplate_json("top", f"route:GET /{i}", "--store", store)
        for each in top["functions"]:
            if each["function"] == f"green_{i}":
                right += each["total_s"]
            elif each["function"].startswith("green_"):
                wrong += each["total_s"]
    # Each computes 120 ms in all; while others run a greenlet is on no thread, so there is no sample of it.
    assert right >= 0.4, right
    assert wrong <= 0.01 * right, (wrong, right)


@pytest.mark.parametrize("kind", ["gthread", "gevent"])
def test_under_gunicorn_each_route_has_its_own_functions(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("gunicorn")
    if kind == "gevent":
        pytest.importorskip("gevent")
    (tmp_path / "served.py").write_text(
        "import time\nfrom flask import Flask\napp = Flask(__name__)\n\n\n"
        + "".join(
            f"def only_{name}():\n    until = time.perf_counter() + 0.02\n"
            f"    while time.perf_counter() < until:\n        pass\n    time.sleep(0.01)\n\n\n"
            f"@app.get('/{name}')\ndef view_{name}():\n    only_{name}()\n    return ''\n\n\n"
            for name in ("a", "b")
        )
    )
    port = free_port()
    store = str(tmp_path / "a.db")
    server = subprocess.Popen(
        [HOTPLATE, "run", "--level", "sample", "--rate", "500", "--store", store, "--", sys.executable, "-m"]
        + ["gunicorn", "-b", f"127.0.0.1:{port}", "-w", "2", "-k", kind, "served:app"]
        + (["--threads", "4"] if kind == "gthread" else []),
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        wait_port(port)
        from support_py.client import load

        load(port, ["/a", "/b"], 120, concurrency=6)
    finally:
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=20)
    assert b"Traceback" not in said, said
    assert b"fault" not in said, said
    for name, other in (("a", "b"), ("b", "a")):
        top = hotplate_json("top", f"route:GET /{name}", "--store", store)
        names = {each["function"]: each for each in top["functions"]}
        assert top["requests"] >= 50, top["requests"]
        assert names[f"only_{name}"]["self_s"] > 0.3, names
        assert f"only_{other}" not in names, names


# ---- when tracing cannot be had ----


def without_tool_id(store: str) -> Any:
    from hotplate import _hotplate

    sys.monitoring.use_tool_id(3, "somebody")
    sys.monitoring.use_tool_id(4, "else")
    status = start(store, level="trace", rate=1000)
    record = captured.last(captured.flask_app(lambda: burn(0.05) or ""))
    _hotplate.stop(2000)
    return {"status": status, "record": record}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")
def test_without_a_tool_id_a_trace_becomes_samples_and_says_why(tmp_path: Path) -> None:
    found = run_isolated(without_tool_id, str(tmp_path / "a.db"))
    record = found["record"]
    assert found["status"]["trace_reason"] == 2
    assert found["status"]["sampling"] is True
    assert record["level"] == 2, record
    assert record["level_reason"] == 2, record
    assert self_of(record).get("burn", 0) > 20e6, self_of(record)


class Starter:
    """Starts when its call has long been specialised: the interpreter then runs a frame of its own below."""

    def __init__(self, store: str | None) -> None:
        self.status = start(store) if store is not None else {}


def started_in_init(store: str) -> Any:
    made = [Starter(store if i == 99 else None) for i in range(100)]
    return made[-1].status


def test_it_starts_below_an_inlined_init(tmp_path: Path) -> None:
    assert run_isolated(started_in_init, str(tmp_path / "a.db"))["sampling"] is True


# ---- safety ----


def stress(store: str, seconds: float, faulthandler: str, rate: int) -> Any:
    """Threads that come and go, code that is freed, deep recursion and forks, all while being sampled."""
    import os

    if faulthandler == "before":
        import faulthandler as handler

        handler.enable()
    from hotplate import _hotplate

    start(store, rate=rate)
    if faulthandler == "after":
        import faulthandler as handler

        handler.enable()
    until = time.monotonic() + seconds
    sys.setrecursionlimit(3000)

    def deep(n: int) -> int:
        return 0 if n == 0 else 1 + deep(n - 1)

    def freed() -> None:
        while time.monotonic() < until:
            scope: dict[str, Any] = {}
            exec("def f(n):\n return sum(i * i for i in range(n))\n" + "\n" * (id(scope) % 50), scope)  # noqa: S102 it is to be freed
            scope["f"](50)

    def brief() -> None:
        while time.monotonic() < until:
            some = [threading.Thread(target=deep, args=(20,)) for _ in range(4)]
            for each in some:
                each.start()
            for each in some:
                each.join()

    def requests() -> None:
        while time.monotonic() < until:
            wsgi.call(app, "/")

    def view() -> str:
        deep(700)
        inner = threading.Thread(target=deep, args=(200,))
        inner.start()
        inner.join()
        return ""

    app = captured.flask_app(view)
    wsgi.call(app, "/")  # what the first one imports would be locked in a child for ever
    threads = [threading.Thread(target=each) for each in (freed, freed, brief, requests, requests)]
    for each in threads:
        each.start()
    ended = []
    while time.monotonic() < until:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                wsgi.call(app, "/")
                spin(0.01)
                status = 0
            finally:
                os._exit(status)
        ended.append(os.waitpid(child, 0)[1])
        time.sleep(0.02)
    for each in threads:
        each.join()
    _hotplate.stop(5000)
    return {"sampler": _hotplate.sampler(), "children": ended, "counts": _hotplate.counts()}


@pytest.mark.parametrize("faulthandler", ["none", "before", "after"])
def test_stress_with_dying_threads_freed_code_deep_recursion_and_forks(
    tmp_path: Path, faulthandler: str
) -> None:
    found = run_isolated(stress, str(tmp_path / "a.db"), 4, faulthandler, 5000)
    sampler = found["sampler"]
    print(f"\n{sampler}")
    assert found["children"], found["children"]
    assert set(found["children"]) == {0}, found["children"]
    assert sampler["samples"] > 1000, sampler
    assert sampler["torn"] <= 0.02 * (sampler["samples"] + sampler["torn"]), sampler
    assert found["counts"]["errors"] == 0, found["counts"]


def crash(store: str, faulthandler: str, how: str) -> None:
    import ctypes
    import os

    if faulthandler == "before":
        import faulthandler as handler

        handler.enable()
    start(store, rate=1000)
    captured.last(captured.flask_app(lambda: spin(0.03) or ""))
    if faulthandler == "after":
        import faulthandler as handler

        handler.enable()
    if how == "kill":
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(1)
    ctypes.string_at(8)


@pytest.mark.parametrize("how", ["fault", "kill"])
@pytest.mark.parametrize("faulthandler", ["none", "before", "after"])
def test_a_crash_of_the_application_is_reported_as_without_us(
    tmp_path: Path, faulthandler: str, how: str
) -> None:
    paths = [str(TESTS), str(APPS), str(TESTS / "py")]
    crashing = (str(tmp_path / "a.db"), faulthandler, how)
    code = f"import sys; sys.path[:0] = {paths}; import test_sampler; test_sampler.crash(*{crashing})"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, env=clean_environment(), capture_output=True, timeout=30
    )
    assert done.returncode == -signal.SIGSEGV, (done.returncode, done.stderr)
    assert (b"Fatal Python error: Segmentation fault" in done.stderr) == (faulthandler != "none"), done.stderr


def spun_ns(app: Any) -> float:
    """What samples say of `spin` in requests, until they say enough; a starved sampler needs more of them."""
    found = 0.0
    for _ in range(20):
        found += self_of(captured.last(app)).get("spin", 0)
        if found > 25e6:
            break
    return found


def forked(store: str) -> Any:
    import json
    import os

    from hotplate import _hotplate

    start(store, rate=1000)
    app = captured.flask_app(lambda: spin(0.05) or "")
    captured.last(app)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, json.dumps([spun_ns(app), _hotplate.sampler()]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = json.loads(os.read(read, 1 << 16))
    ours = spun_ns(app)
    _hotplate.stop(2000)
    return {"theirs": theirs, "ours": ours}


def test_a_child_samples_by_itself_and_the_parent_goes_on(tmp_path: Path) -> None:
    found = run_isolated(forked, str(tmp_path / "a.db"))
    theirs, sampler = found["theirs"]
    assert theirs > 25e6, found
    assert sampler["running"] is True
    assert found["ours"] > 25e6, found


def test_the_interpreter_ends_while_requests_are_sampled(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text(
        "import threading, time\nfrom flask import Flask\nfrom hotplate.flask import Hotplate\n"
        "app = Flask(__name__)\nHotplate(app, level='sample', rate=1000, store='a.db')\n"
        "@app.get('/')\ndef view():\n    time.sleep(5)\n    return ''\n"
        "def go():\n    app.test_client().get('/')\n"
        "for _ in range(6):\n    threading.Thread(target=go, daemon=True).start()\n"
        "time.sleep(0.3)\n"
    )
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "ends.py"],
            check=False,
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            timeout=30,
        )
        assert done.returncode == 0, (done.returncode, done.stderr)
        assert done.stderr == b"", done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [({"rate": 5000}, "rate"), ({"rate": -1}, "rate"), ({"mode": "io"}, "mode")],
)
def test_a_wrong_setting_is_refused_when_the_application_is_built(arguments: Any, word: str) -> None:
    from hotplate.flask import Hotplate

    with pytest.raises(ValueError, match=word):
        Hotplate(level="sample", **arguments)


@pytest.mark.parametrize("options", [("--rate", "5000"), ("--rate", "x"), ("--mode", "io")])
def test_run_refuses_a_wrong_rate_or_mode(options: tuple[str, str]) -> None:
    done = hotplate("run", *options, "--", "true")
    assert done.returncode == 2
    assert options[0] in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def main() -> int:
    """The long stress of `make soak`: test_sampler.py SECONDS RATE."""
    import tempfile

    seconds, rate = float(sys.argv[1]), int(sys.argv[2])
    for faulthandler in ("none", "before", "after"):
        with tempfile.TemporaryDirectory() as folder:
            found = run_isolated(stress, f"{folder}/a.db", seconds, faulthandler, rate)
        sampler = found["sampler"]
        fine = set(found["children"]) == {0} and found["counts"]["errors"] == 0
        fine = fine and sampler["torn"] <= 0.01 * (sampler["samples"] + sampler["torn"])
        print(f"faulthandler {faulthandler}: {'ok' if fine else 'FAILED'} {sampler}", flush=True)
        if not fine:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
