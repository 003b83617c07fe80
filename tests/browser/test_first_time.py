"""The first time with Hotplate: a wheel, an environment without it, a folder with an application, and a browser.

The pictures of docs/guide/start.md are made here: HP_PICTURES=docs/pictures says where to.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import sysconfig
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support_py.browse import LIMIT_S, MARKS, UI
from support_py.cli import clean_environment

pytestmark = [*MARKS, pytest.mark.slow]

TOP = Path(__file__).resolve().parents[2]
COMMANDS_MOST = CLICKS_MOST = 3
PICTURE_BYTES_MOST = 150_000

SHOP = '''
"""shop -- lists orders, and looks up the customer of each of them alone, in a table without an index."""
import sqlite3

from flask import Flask

app = Flask(__name__)
base = sqlite3.connect(":memory:", check_same_thread=False)
base.execute("create table customer (number integer, name text)")
base.executemany("insert into customer values (?, ?)", [(n, f"customer {n}") for n in range(20000)])
orders = [(n, n * 250) for n in range(60)]


def name_of(customer):
    return base.execute("SELECT name FROM customer WHERE number = ?", (customer,)).fetchone()[0]


@app.get("/orders")
def list_orders():
    rows = []
    for number, customer in orders:
        rows.append(f"<li>order {number} of {name_of(customer)}")
    return f"<!doctype html><link rel=icon href=data:,><title>Orders</title><ul>{''.join(rows)}</ul>"
'''


def wheel() -> Path:
    """The newest wheel for this Python that the matrix has built."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    found = sorted(TOP.glob(f"build/wheels/*/hotplate-*-{tag}-*.whl"), key=lambda file: file.stat().st_mtime)
    assert found, "no wheel for this Python: tools/install_matrix builds it"
    return found[-1]


class Terminal:
    """Someone's terminal in a folder, with an environment that has Flask but not Hotplate; it keeps what was typed."""

    def __init__(self, home: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], check=True, timeout=60)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = home / "venv" / "lib" / version / "site-packages"
        # What was installed into it before: everything but Hotplate.
        for package in Path(sysconfig.get_path("purelib")).iterdir():
            if not package.name.startswith(("hotplate", "_hotplate", "__pycache__")):
                (packages / package.name).symlink_to(package)
        self.folder = home / "shop"
        self.folder.mkdir()
        path = f"{home / 'venv' / 'bin'}:{os.environ['PATH']}"
        self.env = clean_environment({"PATH": path, "VIRTUAL_ENV": str(home / "venv")})
        self.screen = home / "screen.txt"
        self.typed: list[str] = []

    def start(self, command: str) -> subprocess.Popen[bytes]:
        self.typed.append(command)
        with self.screen.open("ab") as screen:
            return subprocess.Popen(
                shlex.split(command),
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
            )

    def run(self, command: str) -> None:
        assert self.start(command).wait(60) == 0, self.screen.read_text()

    @contextmanager
    def running(self, command: str) -> Iterator[None]:
        process = self.start(command)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)

    def reads(self, wanted: str) -> str:
        """What the group of an expression stands for on the screen, as soon as it is there."""
        for _ in range(600):
            if found := re.search(wanted, self.screen.read_text()):
                return found[1]
            time.sleep(0.05)
        pytest.fail(f"never said {wanted}: {self.screen.read_text()}")


def look(page: str, dashboard: str, pictures: Path) -> dict[str, Any]:
    done = subprocess.run(
        ["node", UI / "tests" / "first.mjs"],
        input=json.dumps({"page": page, "dashboard": dashboard, "pictures": str(pictures)}),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_three_commands_and_three_clicks_lead_to_the_worst_finding(tmp_path: Path) -> None:
    pictures = TOP / os.environ["HP_PICTURES"] if "HP_PICTURES" in os.environ else tmp_path
    terminal = Terminal(tmp_path)
    (terminal.folder / "shop.py").write_text(textwrap.dedent(SHOP).lstrip())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    terminal.run(f"python -m pip install --no-index --no-deps {wheel()}")
    with terminal.running(f"hotplate run -- python -m flask --app shop run --port {port}"):
        page = terminal.reads(r"Running on (http://\S+)")
        seen = look(f"{page}/orders", terminal.reads(r"(http://\S+) shows it"), pictures)
    assert len(terminal.typed) <= COMMANDS_MOST
    assert len(seen["clicks"]) <= CLICKS_MOST
    assert seen["trouble"] == []
    assert "the same SELECT on customer 60 times" in seen["overview"]
    line = next(n for n, text in enumerate(SHOP.splitlines()) if "name_of(customer)}" in text)
    assert f"shop.py:{line}" in seen["finding"]
    assert "Do it together" in seen["finding"]
    for name in ("start-overview", "start-finding"):
        assert (pictures / f"{name}.png").stat().st_size <= PICTURE_BYTES_MOST
