"""attach, dump, live: a process that never heard of Hotplate, seen from outside. Every test starts its own target."""

from __future__ import annotations

import json
import os
import pstats
import pty
import shutil
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support_py import services
from support_py.cli import HOTPLATE, clean_environment, hotplate, hotplate_json
from support_py.quiet import Watch
from support_py.target import started

# SIGTERM makes it tell by its own clock what it spent where.
BUSY = """
import json, os, signal, time
def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
def a():
    spin(0.03)
    timed("b", b)
def b():
    spin(0.01)
def produce():
    while True:
        yield spin(0.005)
def timed(name, call):
    start = time.perf_counter()
    call()
    spent[name] += time.perf_counter() - start
def tell(*args):
    print(json.dumps(spent), flush=True)
    os._exit(0)
def main():
    items = produce()
    while True:
        timed("a", a)
        timed("produce", lambda: next(items))
spent = {"a": 0, "b": 0, "produce": 0}
signal.signal(signal.SIGTERM, tell)
print("ready", flush=True)
main()
"""

PLACES = """
import threading, time
def leaf():
    time.sleep(100)          # line 3
class View:
    def get(self):
        return [leaf()       # line 6
                for _ in range(1)]
def numbers(view):
    yield view.get()         # line 9
def outer():
    for _ in numbers(View()):  # line 11
        pass
threading.Thread(target=outer, daemon=True).start()
time.sleep(0.3)
print("ready", flush=True)
time.sleep(100)              # line 16
"""


def other_python() -> str | None:
    """The system's interpreter if it is another one that can be read: Debian's is static, the matrix's are not."""
    found = shutil.which("python3", path="/usr/bin")
    if found is None or os.path.realpath(found) == os.path.realpath(sys.executable):
        return None
    version = subprocess.run(
        [found, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, check=False
    )
    return found if 11 <= int(version.stdout or b"0") <= 15 else None


# The reader is the same executable in all environments, so the system's interpreter is read from one of them only.
PYTHONS = [
    sys.executable,
    *(pytest.param(each, marks=pytest.mark.one_python) for each in filter(None, [other_python()])),
]


@contextmanager
def running(tmp_path: Path, source: str, python: str = sys.executable) -> Iterator[int]:
    """A target that has said `ready`: its pid."""
    with started(tmp_path / "target.py", source, python=[python]) as process:
        yield process.pid


def wait_until_asleep(pid: int) -> None:
    """Until the main thread has slept at five looks in a row."""
    row = 0
    while row < 5:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        row = row + 1 if state == "S" else 0
        time.sleep(0.05)


def shares(profile: dict[str, Any], value: str = "total_ms") -> dict[str, float]:
    """Each function's share of all time, recursion apart."""
    whole = profile["nodes"][0]["total_ms"]
    sums: Counter[str] = Counter()
    for node in profile["nodes"]:
        sums[node["function"]] += node[value]
    return {name: ms / whole for name, ms in sums.items()}


def error_line(*args: str) -> str:
    """What a command that fails says: one line, status 1, nothing on stdout."""
    done = hotplate(*args)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    return done.stderr


@pytest.mark.matrix
@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
def test_shares_are_those_of_the_clock_in_the_target(python: str, tmp_path: Path) -> None:
    with Watch() as watch, started(tmp_path / "target.py", BUSY, python=[python]) as process:
        profile = hotplate_json("attach", str(process.pid), "--for", "6s", "--rate", "200")
        process.terminate()
        assert process.stdout is not None
        spent = json.loads(process.stdout.readline())
    seen = shares(profile)
    count = profile["samples"]
    assert count >= 600
    assert seen["main"] == pytest.approx(1, abs=0.01)
    spins = [node for node in profile["nodes"] if node["function"] == "spin"]
    assert {line["line"] for node in spins for line in node.get("lines", [])} <= {4, 5, 6}, "the loop's lines"
    for node in spins:
        assert sum(line["self_ms"] for line in node.get("lines", [])) == pytest.approx(
            node["self_ms"], rel=1e-3
        )
    assert profile["torn"] <= 0.01 * count
    assert profile["wall_ms"] == pytest.approx(6000, rel=0.1)
    with watch.judging():
        assert profile["gil_ms"] >= 0.9 * profile["wall_ms"]
        for name, seconds in spent.items():
            truth = seconds / (spent["a"] + spent["produce"])
            margin = 0.03 + 2 * (truth * (1 - truth) / count) ** 0.5
            assert abs(seen[name] - truth) <= margin, (name, truth, seen[name])


@pytest.mark.matrix
@pytest.mark.parametrize("python", PYTHONS)
def test_dump_shows_every_thread_with_the_lines_it_is_at(python: str, tmp_path: Path) -> None:
    with running(tmp_path, PLACES, python) as pid:
        wait_until_asleep(pid)  # it may still be in print
        dump = hotplate_json("dump", str(pid))
        text = hotplate("dump", str(pid)).stdout
    threads = {thread["thread"]: thread for thread in dump["threads"]}
    main = threads.pop(pid)
    assert [(f["function"], f["line"]) for f in main["frames"]] == [("<module>", 16)]
    (other,) = threads.values()
    frames = [(f["function"], f["file"], f["line"]) for f in other["frames"] if f["application"]]
    # Before 3.12 a comprehension is a function of its own.
    frames = [frame for frame in frames if "<listcomp>" not in frame[0]]
    expected = [("leaf", 3), ("View.get", 6), ("numbers", 9), ("outer", 11)]
    assert frames == [(name, "target.py", line) for name, line in expected]
    assert [f["function"] for f in other["frames"]][-1] == "Thread._bootstrap"
    assert not any(thread["torn"] or thread["gil"] for thread in dump["threads"])
    assert f"Process {pid}:" in text
    assert "leaf (target.py:3)" in text


@pytest.mark.slow
def test_children_are_included_also_those_that_start_later(tmp_path: Path) -> None:
    source = BUSY.replace('print("ready", flush=True)\nmain()', "")
    source += textwrap.dedent("""
        import os
        def early():
            spin(100)
        def late():
            spin(100)
        if os.fork() == 0:
            early()
        print("ready", flush=True)
        time.sleep(1.5)
        if os.fork() == 0:
            late()
        time.sleep(100)
    """)
    with running(tmp_path, source) as pid:
        profile = hotplate_json("attach", str(pid), "--for", "5s")
        alone = hotplate_json("attach", str(pid), "--for", "500ms", "--no-children")
        dump = hotplate_json("dump", str(pid))
    assert profile["processes"] == 3
    seen = shares(profile)
    assert seen["early"] > seen["late"] > 0.05
    assert alone["processes"] == 1
    assert "early" not in shares(alone)
    assert len({thread["pid"] for thread in dump["threads"]}) == 3


@pytest.mark.slow
def test_gunicorn_and_its_workers(tmp_path: Path) -> None:
    env = {**clean_environment(), "PYTHONPATH": str(services.APPS)}
    with services.run_server("gunicorn-gthread", "tally:app", workers=2, env=env, cwd=tmp_path) as server:
        dump = hotplate_json("dump", str(server.process.pid))
        profile = hotplate_json("attach", str(server.process.pid), "--for", "1s", "--threads")
        services.stop_group(server.process)
    assert profile["processes"] == len({thread["pid"] for thread in dump["threads"]}) == 3
    functions = {frame["function"] for thread in dump["threads"] for frame in thread["frames"]}
    assert "Arbiter.run" in functions
    assert sum(node["function"].startswith("thread ") for node in profile["nodes"]) >= 3


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "rate"), [("svg", "100"), ("prof", "100"), ("collapsed", "300")])
def test_every_file_format_tells_the_same(suffix: str, rate: str, tmp_path: Path) -> None:
    out = tmp_path / f"out.{suffix}"
    with running(tmp_path, BUSY) as pid:
        done = hotplate("attach", str(pid), "--for", "2s", "--rate", rate, "-o", str(out))
    assert done.returncode == 0, done.stderr
    assert "samples" in done.stderr
    assert done.stdout == ""
    if suffix == "svg":
        assert out.read_text().startswith(("<svg", "<?xml"))
        assert "spin" in out.read_text()
    elif suffix == "prof":
        stats = pstats.Stats(str(out)).stats  # type: ignore[attr-defined]
        spin = next(row for key, row in stats.items() if key[2] == "spin")
        assert spin[3] == pytest.approx(2, rel=0.15)
        assert spin[0] > 100
    else:
        lines = [line.rsplit(" ", 1) for line in out.read_text().splitlines()]
        assert sum(int(us) for _, us in lines) == pytest.approx(2e6, rel=0.15)
        assert any("timed (target.py:14);b (target.py:9);spin (target.py:2)" in stack for stack, _ in lines)


@pytest.mark.slow
def test_the_target_is_neither_stopped_nor_written_nor_signalled(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace here")
    log = tmp_path / "strace.log"
    with running(tmp_path, BUSY) as pid:
        command = [strace, "-f", "-o", str(log), HOTPLATE, "attach", str(pid), "--for", "1s"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        traced = Path(f"/proc/{pid}/status").read_text()
    assert done.returncode == 0, done.stderr
    calls = {line.split(maxsplit=1)[1].split("(")[0] for line in log.read_text().splitlines()}
    assert "process_vm_readv" in calls
    assert not calls & {
        "ptrace",
        "process_vm_writev",
        "kill",
        "tgkill",
        "tkill",
        "rt_sigqueueinfo",
        "pidfd_send_signal",
    }
    assert "TracerPid:\t0" in traced


@pytest.mark.slow
def test_attaching_costs_little(tmp_path: Path) -> None:
    sleepers = "import threading\nfor _ in range(30):\n    threading.Thread(target=time.sleep, args=(100,)).start()\n"
    source = BUSY.replace('print("ready"', sleepers + 'print("ready"')
    with Watch() as watch, running(tmp_path, source) as pid:
        profile = hotplate_json("attach", str(pid), "--for", "5s")
    assert profile["threads"] == 31
    assert profile["reused"] >= 0.9 * profile["samples"]
    with watch.judging():
        assert profile["own_cpu_ms"] / 1000 / profile["seconds_s"] <= 0.03


@pytest.mark.slow
@pytest.mark.matrix
def test_a_target_that_changes_all_the_time_is_read_without_harm(tmp_path: Path) -> None:
    source = """
    import sys, threading, time
    sys.setrecursionlimit(5000)
    def deep(n):
        return deep(n - 1) if n else time.sleep(0.0001)
    def code():
        while True:
            scope = {}
            exec(compile("def made(n):\\n" + " " * 4 + "return sum(range(n))", "<made>", "exec"), scope)
            scope["made"](50)
    def born():
        while True:
            thread = threading.Thread(target=deep, args=(5,))
            thread.start()
            thread.join()
    for work in (code, born, lambda: [deep(900) for _ in iter(int, 1)]):
        threading.Thread(target=work, daemon=True).start()
    print("ready", flush=True)
    time.sleep(100)
    """
    with running(tmp_path, textwrap.dedent(source)) as pid:
        profile = hotplate_json("attach", str(pid), "--for", "5s", "--rate", "1000")
    assert profile["samples"] >= 1000
    assert profile["torn"] <= 0.02 * profile["samples"]
    known = {"deep", "code", "born", "made", "<module>", "<lambda>", "<lambda>.<locals>.<listcomp>"}
    strange = {
        node["function"]
        for node in profile["nodes"][1:]
        if node["application"] and node["function"] not in known and node["file"] != "<made>"
    }
    assert strange == set()


def test_a_process_that_is_not_there() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for command in (["attach"], ["dump"], ["live"], ["attach", "--inject"]):
        assert error_line(*command, str(gone.pid)) == f"hotplate: no process {gone.pid}\n"


def test_a_process_that_ends_meanwhile_is_reported_with_what_was_seen(tmp_path: Path) -> None:
    with running(tmp_path, 'import time\nprint("ready", flush=True)\ntime.sleep(1)\n') as pid:
        profile = hotplate("attach", str(pid), "--for", "20s", "--json")
    assert profile.returncode == 0
    assert profile.stderr == f"hotplate: process {pid} has ended\n"
    assert json.loads(profile.stdout)["ended"] is True
    assert json.loads(profile.stdout)["samples"] > 10


def test_what_is_no_cpython_that_can_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    sleep = shutil.which("sleep")
    assert sleep is not None
    old = tmp_path / "python2.7"
    shutil.copy(sleep, old)
    for program, expected in (
        (sleep, "runs no CPython"),
        (str(old), "CPython 2.7: Hotplate reads 3.11 to 3.15"),
    ):
        process = subprocess.Popen([program, "100"])
        time.sleep(0.1)
        line = error_line("dump", str(process.pid))
        process.kill()
        process.wait()
        assert expected in line


def test_a_python_too_old_to_be_asked_is_said_in_one_line(tmp_path: Path) -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("this one can be asked")
    with running(tmp_path, PLACES) as pid:
        line = error_line("attach", str(pid), "--inject", "--store", str(tmp_path / "a.db"))
    minor = sys.version_info[1]
    assert f"process {pid} runs CPython 3.{minor}: only 3.14 and newer can be asked to start Hotplate" in line
    assert list(Path("/tmp").glob("hotplate-" + "[0-9a-f]" * 16)) == []
    assert not (tmp_path / "a.db").exists()


@pytest.mark.parametrize("options", [[], ["--inject"]])
def test_another_users_process_names_the_right_that_is_missing(options: list[str], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    copy = Path(
        f"/tmp/hotplate-test-{os.getpid()}"
    )  # the environment may lie in a folder that others cannot enter
    shutil.copy(HOTPLATE, copy)
    copy.chmod(0o755)
    try:
        with running(tmp_path, PLACES) as pid:
            done = subprocess.run(
                [copy, "attach", str(pid), *options],
                user=65534,
                group=65534,
                extra_groups=[],
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
                timeout=20,
            )
    finally:
        copy.unlink()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"may not read process {pid} of root" in done.stderr
    assert "CAP_SYS_PTRACE" in done.stderr
    assert "hotplate run" in done.stderr


@pytest.mark.parametrize(
    "args",
    [["attach"], ["attach", "x"], ["dump", "0"], ["attach", "1", "--rate", "0"], ["attach", "1", "--rate", "1001"],
     ["attach", "1", "--for", "-1s"], ["attach", "1", "--mode", "io"], ["attach", "1", "-o", "x.unknown"],
     ["attach", "1", "--to", "svg"], ["attach", "1", "--json", "-o", "x.svg"], ["live", "1", "--json"],
     ["attach", "1", "--level", "trace"], ["attach", "1", "--store", "a.db"],
     ["attach", "1", "--inject", "--level", "x"], ["attach", "1", "--inject", "--rate", "10"],
     ["attach", "1", "--inject", "--threads"]],
)  # fmt: skip
def test_wrong_usage_is_status_2_and_one_line(args: list[str]) -> None:
    done = hotplate(*args)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


@pytest.mark.slow
def test_live_prints_plain_lines_without_a_terminal(tmp_path: Path) -> None:
    with running(tmp_path, BUSY) as pid:
        done = hotplate("live", str(pid), "--for", "2500ms")
    assert done.returncode == 0
    assert done.stdout.count("samples in") == 2
    assert "spin (target.py:2)" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.slow
def test_live_ends_by_its_key_and_gives_the_terminal_back(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    with running(tmp_path, BUSY) as pid:
        live = subprocess.Popen([HOTPLATE, "live", str(pid)], stdin=slave, stdout=slave, stderr=slave)
        shown = b""
        while b"spin" not in shown:
            shown += os.read(master, 65536)
        os.write(master, b"tq")
        assert live.wait(timeout=10) == 0
        os.set_blocking(master, False)
        shown += os.read(master, 65536)
    os.close(slave)
    os.close(master)
    assert shown.startswith(b"\x1b[?1049h")
    assert shown.rstrip().endswith(b"\x1b[?25h\x1b[?1049l")


AGREEMENT_S = os.environ.get("HP_AGREEMENT_S", "10")  # tools/run_bench attach takes 30


@pytest.mark.slow
def test_py_spy_sees_the_same(tmp_path: Path) -> None:
    py_spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if py_spy is None:
        pytest.skip("no py-spy here")
    raw = tmp_path / "py-spy.txt"
    with Watch() as watch, running(tmp_path, BUSY) as pid:
        ours = subprocess.Popen(
            [HOTPLATE, "attach", str(pid), "--for", f"{AGREEMENT_S}s", "--json"], stdout=subprocess.PIPE
        )
        command = [py_spy, "record", "-p", str(pid), "-d", AGREEMENT_S, "--idle", "-f", "raw", "-o", str(raw)]
        subprocess.run(command, capture_output=True, check=True, timeout=60)
        profile = json.loads(ours.communicate(timeout=60)[0])
    theirs: Counter[str] = Counter()
    samples = 0
    for line in raw.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        samples += int(count)
        for name in {frame.split(" ")[0] for frame in stack.split(";")}:
            theirs[name] += int(count)
    seen = shares(profile)
    for name in ("a", "b", "produce"):
        share = theirs[name] / samples
        print(f"{name}: {seen[name]:.3f} of {profile['samples']}, py-spy {share:.3f} of {samples}")
        error = 2 * (share * (1 - share) * (1 / samples + 1 / profile["samples"])) ** 0.5
        with watch.judging():
            assert abs(seen[name] - share) <= 0.03 + error, (name, share, seen[name])
