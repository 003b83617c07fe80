"""test_open -- `hotplate open`: the page that it writes, the browser that it starts, the one delivery over loopback."""

from __future__ import annotations

import base64
import cProfile
import gzip
import http.client
import json
import os
import pstats
import re
import stat
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.one_python


def run(*args: object, **env: str) -> subprocess.CompletedProcess[str]:
    """The command, without any display unless one is given."""
    clean = {k: v for k, v in os.environ.items() if k not in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        ["hotplate", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=30,
        env=clean | env,
        check=False,
    )


def payload(page: str) -> bytes:
    found = re.search(r'<script id="payload"[^>]*>([A-Za-z0-9+/=]+)</script>', page)
    assert found
    return gzip.decompress(base64.b64decode(found[1]))


class Reader:
    """docs/formats/page.md, read independently of the page."""

    def __init__(self, data: bytes) -> None:
        assert data[:5] == b"HPPG\x01"
        self.data, self.at = data, 5
        self.meta = json.loads(self.take(self.u()))
        lengths = [self.u() for _ in range(self.u())]
        strings = [self.take(n).decode() for n in lengths]
        n = self.u()
        columns = [[self.u() for _ in range(n)] for _ in range(5)]
        self.names = [strings[i] for i in columns[0]]
        self.files = [strings[i] for i in columns[1]]
        self.lines = columns[3]

    def take(self, n: int) -> bytes:
        self.at += n
        return self.data[self.at - n : self.at]

    def u(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def s(self) -> int:
        value = self.u()
        return value >> 1 if value % 2 == 0 else -(value + 1) // 2


@pytest.fixture(scope="module")
def prof(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def leaf(n: int) -> int:
        return sum(range(n))

    def recurse(n: int) -> int:
        return leaf(100) + (recurse(n - 1) if n else 0)

    def work() -> None:
        for _ in range(20):
            recurse(5)
            leaf(1000)

    profile = cProfile.Profile()
    profile.runcall(work)
    path = tmp_path_factory.mktemp("prof") / "x <y>.prof"
    profile.dump_stats(path)
    return path


def test_the_page_holds_the_figures_of_the_file(prof: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.html"
    done = run("open", prof, "-o", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}\n", "")
    page = file.read_text()
    assert "<title>x &lt;y>.prof</title>" in page
    reader = Reader(payload(page))
    assert reader.meta["shape"] == "pairs"
    assert reader.meta["title"] == "x <y>.prof"
    stats = pstats.Stats(str(prof)).stats  # type: ignore[attr-defined]
    n = len(reader.names)
    assert reader.u() == n == len(stats)
    calls, primitive, own, total = ([reader.s() for _ in range(n)] for _ in range(4))
    for i, key in enumerate(zip(reader.files, reader.lines, reader.names, strict=True)):
        cc, nc, tt, ct, _ = stats[key]
        assert (calls[i], primitive[i] + calls[i]) == (nc, cc)
        assert own[i] == pytest.approx(tt * 1e9, abs=1)
        assert total[i] + own[i] == pytest.approx(ct * 1e9, abs=2)


def test_the_page_asks_nobody_for_anything(prof: Path) -> None:
    page = run("open", prof, "-o", "-").stdout
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_without_a_name_it_is_a_private_file_of_its_own(prof: Path, tmp_path: Path) -> None:
    first = run("open", prof, TMPDIR=str(tmp_path)).stdout.strip()
    second = run("open", prof, TMPDIR=str(tmp_path)).stdout.strip()
    assert first != second
    for name in (first, second):
        assert Path(name).parent == tmp_path
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600


def test_a_browser_is_started_where_there_is_one(prof: Path, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/seen\n')
    browser.chmod(0o755)
    file = tmp_path / "x.html"
    assert run("open", prof, "-o", file, BROWSER=str(browser)).returncode == 0
    for _ in range(100):
        if (tmp_path / "seen").exists() and (tmp_path / "seen").read_text():
            break
        time.sleep(0.05)
    assert (tmp_path / "seen").read_text() == f"{file}\n"
    (tmp_path / "seen").unlink()
    assert run("open", prof, "-o", file, "--no-browser", BROWSER=str(browser)).returncode == 0
    time.sleep(0.2)
    assert not (tmp_path / "seen").exists()


def test_no_browser_to_be_found_is_said_and_no_failure(prof: Path, tmp_path: Path) -> None:
    executable = subprocess.run(
        ["which", "hotplate"], capture_output=True, text=True, check=True
    ).stdout.strip()
    done = subprocess.run(
        [executable, "open", prof, "-o", tmp_path / "x.html"],
        env={"DISPLAY": ":99", "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout == f"{tmp_path}/x.html\n"
    assert done.stderr.startswith("hotplate: no browser could be started")


class Served:
    """`hotplate open --serve` and the address that it printed."""

    def __init__(self, prof: Path) -> None:
        self.process = subprocess.Popen(
            ["hotplate", "open", prof, "--serve"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.url = urlsplit(self.process.stdout.readline().strip())

    def ask(self, path: str, method: str = "GET", host: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.url.port or 0, timeout=10)
        try:
            connection.request(method, path, headers={"Host": host} if host else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def served(prof: Path) -> Served:
    served = Served(prof)
    timer = threading.Timer(20, served.process.kill)
    timer.start()
    yield served
    timer.cancel()
    served.process.kill()
    served.process.wait()


def test_serve_delivers_once_on_loopback(served: Served, prof: Path) -> None:
    assert served.url.hostname == "127.0.0.1"
    status, body = served.ask(served.url.path)
    assert status == 200
    assert body.decode() == run("open", prof, "-o", "-").stdout
    assert served.process.wait(timeout=10) == 0


def test_serve_refuses_what_is_not_meant_for_it(served: Served) -> None:
    assert served.ask("/")[0] == 404
    assert served.ask(served.url.path + "0")[0] == 404
    assert served.ask(served.url.path, host="evil.example:80")[0] == 403
    assert served.ask(served.url.path, host="127.0.0.1.evil.example")[0] == 403
    assert served.ask(served.url.path, "POST")[0] == 404
    assert served.ask(served.url.path, "HEAD") == (200, b"")
    assert served.process.poll() is None
    assert served.ask(served.url.path, host="localhost:8080")[0] == 200
    assert served.process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    "args",
    [["--port", "99999", "--serve"], ["--port", "1"], ["-o", ""], ["--serve", "-o", "-"], ["a", "b"]],
)
def test_usage_errors_are_one_line(args: list[str]) -> None:
    done = run("open", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_no_profile_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"\x00\x01")
    done = run("open", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1


def test_convert_writes_the_page_too(prof: Path, tmp_path: Path) -> None:
    assert run("convert", prof, "-o", tmp_path / "x.html").returncode == 0
    assert Reader(payload((tmp_path / "x.html").read_text())).meta["shape"] == "pairs"
