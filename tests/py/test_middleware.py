"""ProfilerMiddleware of ours in place of Werkzeug's: same table and files, but concurrent, the response untouched."""

from __future__ import annotations

import io
import marshal
import os
import pstats
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support_py import wsgi
from support_py.isolated import run_isolated

ROW = re.compile(r"^\s*(\d+)(?:/(\d+))?((?:\s+\d+\.\d{3}){4}) (\S.*)$")
TOTAL = re.compile(r"^\s*(\d+) function calls(?: \((\d+) primitive calls\))? in \d+\.\d{3} seconds$", re.M)

# What Werkzeug's middleware itself calls inside its profile, per request; ours runs nothing there.
SCAFFOLDING = Counter(
    {
        "profiler.py(runapp)": 1,
        "profiler.py(catching_start_response)": 1,
        "{method 'disable' of '_lsprof.Profiler' objects}": 1,
        "{method 'extend' of 'list' objects}": 1,
        "{built-in method builtins.hasattr}": 1,
        "typing.py(cast)": 1,
    }
)

# Many code objects with one file, line and name (namedtuple's): cProfile keeps the last one's figures, we add them up.
SHARED_NAME = "<string>:1(<lambda>)"


# ---- what runs in a process of its own ----


def application(name: str) -> Any:
    """shapes or bench_orm, quiet."""
    module = __import__(name)
    module.app.logger.disabled = True
    return module.app


def tables(name: str, path: str, restrictions: list[Any]) -> dict[str, Any]:
    """What both middlewares print for the same warm request."""
    from hotplate.middleware import ProfilerMiddleware as Ours
    from werkzeug.middleware.profiler import ProfilerMiddleware as Theirs

    app = application(name)
    found = {}
    for who, middleware in (("warm", Theirs), ("theirs", Theirs), ("warm2", Ours), ("ours", Ours)):
        stream = io.StringIO()
        wrapped = middleware(app, stream=stream, restrictions=restrictions)
        status, headers, body = wsgi.call(wrapped, path)
        found[who] = {"table": stream.getvalue(), "status": status, "headers": headers, "size": len(body)}
    return found


def files(folder: str, name: str, path: str, times: int) -> list[str]:
    """Names of the .prof files that our middleware makes for the same request."""
    from hotplate.middleware import ProfilerMiddleware

    app = application(name)
    os.makedirs(folder, exist_ok=True)
    wrapped = ProfilerMiddleware(
        app,
        stream=None,
        profile_dir=folder,
        filename_format=lambda environ: f"{len(environ['PATH_INFO'])}.prof",
    )
    for _ in range(times):
        wsgi.call(wrapped, path)
    return sorted(os.listdir(folder))


def formats(folder: str) -> dict[str, Any]:
    """File names by Werkzeug's default format and by a callable that uses werkzeug.profiler; and stdout."""
    from hotplate.middleware import ProfilerMiddleware

    app = application("shapes")
    wsgi.call(ProfilerMiddleware(app, stream=None, profile_dir=folder), "/plain")
    wsgi.call(ProfilerMiddleware(app, stream=None, profile_dir=folder), "/")
    seen: list[dict[str, float]] = []

    def name(environ: dict[str, Any]) -> str:
        seen.append(environ["werkzeug.profiler"])
        return "called.prof"

    wsgi.call(ProfilerMiddleware(app, stream=None, profile_dir=folder, filename_format=name), "/plain")
    plain = ProfilerMiddleware(app, stream=None, profile_dir=folder, filename_format="{path}-{method}.prof")
    wsgi.call(plain, "/plain")
    return {"names": sorted(os.listdir(folder)), "seen": seen}


def profile_concurrently(folder: str, threads: int) -> dict[str, Any]:
    """The same request in threads that all are inside at the same time."""
    from hotplate.middleware import ProfilerMiddleware

    app = application("shapes")
    stream = io.StringIO()
    wrapped = ProfilerMiddleware(
        app, stream=stream, profile_dir=folder, filename_format="p.prof", restrictions=["shapes"]
    )
    ready = threading.Barrier(threads)
    errors: list[str] = []

    def visit() -> None:
        ready.wait()
        try:
            for _ in range(3):
                assert wsgi.call(wrapped, "/exceptions")[0] == "200 OK"
        except BaseException as error:
            errors.append(repr(error))

    running = [threading.Thread(target=visit) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return {"errors": errors, "tables": stream.getvalue().count("PATH: '/exceptions'")}


def stream_through() -> dict[str, Any]:
    """How far a streaming application has come when its first chunk is there; what servers look at in a body."""
    from hotplate.middleware import ProfilerMiddleware

    made: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            for n in range(3):
                made.append(f"chunk {n}")
                yield b"x" * n

        def close(self) -> None:
            made.append("closed")

    def streaming(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("X-Own", "1")])
        return Body()

    listed = [b"one ", b"two"]

    def listing(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "7")])
        return listed

    out = io.StringIO()
    answers: list[Any] = []

    def start_response(*args: Any) -> Any:
        answers.append([args[0], args[1]])
        return lambda _data: None

    body = iter(
        ProfilerMiddleware(streaming, stream=out)(
            {"PATH_INFO": "/s", "REQUEST_METHOD": "GET"}, start_response
        )
    )
    first = next(body)
    after_first = list(made)
    printed = out.getvalue()
    rest = list(body)
    close = getattr(body, "close", None)
    if close is not None:
        close()
    same = ProfilerMiddleware(listing, stream=out)(
        {"PATH_INFO": "/l", "REQUEST_METHOD": "GET"}, start_response
    )
    return {
        "first": first.decode(),
        "after_first": after_first,
        "printed_early": printed,
        "rest": [chunk.decode() for chunk in rest],
        "made": made,
        "same_list": same is listed,
        "answers": answers,
        "printed": out.getvalue().count("PATH:"),
    }


def raising() -> dict[str, Any]:
    """An application that raises: the exception comes through, the profile is there."""
    from hotplate.middleware import ProfilerMiddleware

    def broken(_environ: Any, _start_response: Any) -> Any:
        raise LookupError("the application's own")

    out = io.StringIO()
    try:
        ProfilerMiddleware(broken, stream=out)({"PATH_INFO": "/b", "REQUEST_METHOD": "GET"}, lambda *_: None)
    except LookupError as error:
        return {"error": str(error), "table": out.getvalue()}
    return {"error": None, "table": ""}


# ---- the tests ----


def rows(table: str) -> dict[str, tuple[int, int]]:
    """{place: (calls, primitive calls)} of a printed table; files without folders, the profiler's without line."""
    found: dict[str, tuple[int, int]] = {}
    for line in table.splitlines():
        match = ROW.match(line)
        if match:
            place = re.sub(r"^.*/(?=[^/]+:\d+\()", "", match[4])
            place = re.sub(
                r"^(profiler|typing)\.py:\d+(?=\((runapp|catching_start_response|cast)\))", r"\1.py", place
            )
            calls, primitive = int(match[1]), int(match[2] or match[1])
            old = found.get(place, (0, 0))
            found[place] = (old[0] + calls, old[1] + primitive)
    return found


@pytest.mark.parametrize(
    ("name", "path"), [("shapes", "/plain"), ("shapes", "/exceptions"), ("bench_orm", "/orm")]
)
def test_prints_the_table_that_werkzeug_prints(name: str, path: str) -> None:
    if name == "bench_orm":
        pytest.importorskip("sqlalchemy")
    found = run_isolated(tables, name, path, [])
    theirs, ours = found["theirs"], found["ours"]
    expected = rows(theirs["table"])
    for place, calls in SCAFFOLDING.items():
        known = expected[place]
        left = (known[0] - calls, known[1] - calls)
        if left == (0, 0):
            del expected[place]
        else:
            expected[place] = left
    got = rows(ours["table"])
    more = 0
    if SHARED_NAME in expected:
        assert got[SHARED_NAME] >= expected[SHARED_NAME]
        more = got[SHARED_NAME][0] - expected[SHARED_NAME][0]
        expected[SHARED_NAME] = got[SHARED_NAME]
    assert set(got) == set(expected), (sorted(set(got) - set(expected)), sorted(set(expected) - set(got)))
    assert {place: (calls, expected[place]) for place, calls in got.items() if calls != expected[place]} == {}
    totals = [TOTAL.search(text["table"]) for text in (theirs, ours)]
    assert totals[0] is not None
    assert totals[1] is not None
    assert int(totals[0][1]) - int(totals[1][1]) == sum(SCAFFOLDING.values()) - more

    # The text around the rows is the same, line by line.
    def frame(table: str) -> list[str]:
        return [TOTAL.sub("TOTAL", line) for line in table.splitlines() if not ROW.match(line)]

    assert frame(ours["table"]) == frame(theirs["table"])
    assert (ours["status"], ours["headers"], ours["size"]) == (
        theirs["status"],
        theirs["headers"],
        theirs["size"],
    )


def test_restrictions_are_those_of_pstats() -> None:
    found = run_isolated(tables, "shapes", "/plain", [r"shapes\.py", 3])
    for who in ("theirs", "ours"):
        text = found[who]["table"]
        assert text.count("List reduced from") == 2
        assert len(rows(text)) == 3
        assert all(place.startswith("shapes.py") for place in rows(text))


def test_profile_has_the_types_and_counts_of_the_stdlibs(tmp_path: Path) -> None:
    import cProfile

    import shapes

    run_isolated(files, str(tmp_path), "shapes", "/recursion", 1)
    file = next(iter(tmp_path.iterdir()))
    data = marshal.loads(file.read_bytes())
    wsgi.call(shapes.app, "/recursion")
    profile = cProfile.Profile()
    profile.runcall(wsgi.call, shapes.app, "/recursion")
    stdlib: Any = pstats.Stats(profile)
    expected = {key: value for key, value in stdlib.stats.items() if key[0].endswith("shapes.py")}
    assert {key for key in data if key[0].endswith("shapes.py")} == set(expected)
    for key, (primitive, calls, own, total, callers) in expected.items():
        mine = data[key]
        assert [type(part) for part in mine] == [int, int, float, float, dict]
        assert (mine[0], mine[1]) == (primitive, calls), key
        assert mine[2] >= 0
        assert mine[3] >= mine[2] * 0.999
        inside = {caller: counts[:2] for caller, counts in callers.items() if caller[0].endswith("shapes.py")}
        got = {caller: counts[:2] for caller, counts in mine[4].items() if caller[0].endswith("shapes.py")}
        assert got == inside, key
        assert own >= 0
        assert total >= own
    opened: Any = pstats.Stats(str(file))
    assert opened.total_calls > 800


def test_snakeviz_and_gprof2dot_read_the_profile(tmp_path: Path) -> None:
    run_isolated(files, str(tmp_path), "shapes", "/plain", 1)
    file = next(iter(tmp_path.iterdir()))
    snakeviz = pytest.importorskip("snakeviz.stats")
    shown = snakeviz.table_rows(pstats.Stats(str(file)))
    assert any("shapes.py" in row[5] and "(twice)" in row[5] for row in shown)
    drawn = snakeviz.json_stats(pstats.Stats(str(file)))
    assert any("shapes.py" in key and "children" in value for key, value in drawn.items())
    pytest.importorskip("gprof2dot")
    dot = subprocess.run(
        [sys.executable, "-m", "gprof2dot", "-n0", "-e0", "-f", "pstats", str(file)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert dot.startswith("digraph")
    assert "twice" in dot
    assert "plain" in dot


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    names = run_isolated(files, str(tmp_path / "p"), "shapes", "/plain", 3)
    assert names == ["6.2.prof", "6.3.prof", "6.prof"]
    for name in names:
        assert pstats.Stats(str(tmp_path / "p" / name)).get_stats_profile().total_tt >= 0


def test_file_names_are_werkzeugs(tmp_path: Path) -> None:
    found = run_isolated(formats, str(tmp_path))
    names = found["names"]
    assert "called.prof" in names
    assert "plain-GET.prof" in names
    assert len([name for name in names if re.fullmatch(r"GET\.plain\.\d+ms\.\d{10}\.prof", name)]) == 1
    assert len([name for name in names if re.fullmatch(r"GET\.root\.\d+ms\.\d{10}\.prof", name)]) == 1
    assert len(names) == 4
    (seen,) = found["seen"]
    assert set(seen) == {"elapsed", "time"}
    assert 0 < seen["elapsed"] < 60_000
    assert seen["time"] > 1_700_000_000


def test_sixteen_requests_at_once_give_sixteen_profiles(tmp_path: Path) -> None:
    found = run_isolated(profile_concurrently, str(tmp_path), 16)
    assert found["errors"] == []
    assert found["tables"] == 48
    profiles = sorted(tmp_path.iterdir())
    assert len(profiles) == 48
    counted = []
    for file in profiles:
        stats: Any = pstats.Stats(str(file))
        counted.append({key: v[:2] for key, v in stats.stats.items() if key[0].endswith("shapes.py")})
    assert len(counted[0]) >= 5
    assert all(one == counted[0] for one in counted)


def test_response_is_neither_buffered_nor_changed() -> None:
    found = run_isolated(stream_through)
    assert found["first"] == ""
    assert found["after_first"] == ["chunk 0"]
    assert found["printed_early"] == ""
    assert found["rest"] == ["x", "xx"]
    assert found["made"] == ["chunk 0", "chunk 1", "chunk 2", "closed"]
    assert found["same_list"]
    assert found["answers"] == [["200 OK", [["X-Own", "1"]]], ["200 OK", [["Content-Length", "7"]]]]
    assert found["printed"] == 2


def test_exception_comes_through_and_its_request_is_profiled() -> None:
    found = run_isolated(raising)
    assert found["error"] == "the application's own"
    assert "(broken)" in found["table"]
