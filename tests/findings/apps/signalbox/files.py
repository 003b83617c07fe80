"""Files and archives, and what the machine says of itself."""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import tempfile
import time
import zipfile
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from flask import Blueprint, Response
from switches import planted

from .net import fetch, workers

spool_first = planted("disk_io@spool")
ask_shell = planted("subprocess@node")
wait_first = planted("sleep@settle")
keep_all = planted("memory_growth@replay")
upload_inline = planted("tail_latency@upload")

bp = Blueprint("files", __name__)
DATA = Path(os.environ["FINDINGS_DATA"])


class Spool:
    """Parts of a bundle, kept where a crash does not lose them."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def put(self, name: str, part: bytes) -> None:
        """Keep one, for sure."""
        with (self.folder / name).open("wb") as file:
            file.write(part)  # cause: disk_io@spool
            file.flush()  # cause: disk_io@spool
            os.fsync(file.fileno())  # cause: disk_io@spool

    def parts(self) -> list[tuple[str, bytes]]:
        """All."""
        return [
            (each.name, each.read_bytes()) for each in sorted(self.folder.iterdir())
        ]  # cause: disk_io@spool


def parts_of(number: int) -> list[tuple[str, bytes]]:
    """What belongs in a bundle."""
    return [(f"part-{n:03d}.cfg", f"route {number} to {n}\n".encode() * 90) for n in range(24)]


def packed(parts: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as archive:
        for name, part in parts:
            archive.writestr(name, part)
    return into.getvalue()


@bp.get("/bundle/<int:number>")
def bundle(number: int) -> Response:
    """The configuration of a gateway."""
    parts = parts_of(number)
    if spool_first:
        with tempfile.TemporaryDirectory(dir=DATA) as folder:  # cause: disk_io@spool
            spool = Spool(folder)
            for name, part in parts:
                spool.put(name, part)  # cause: disk_io@spool
            parts = spool.parts()  # cause: disk_io@spool
    return Response(packed(parts), mimetype="application/zip")


TEXT = b"".join(b"%d answered %d in %d us\n" % (n, n * 7919 % 599, n * 104729 % 9973) for n in range(9000))


@bp.get("/snapshot/<int:number>")
def snapshot(number: int) -> Response:
    """The log of an hour, packed, which is what was asked for: nothing is wrong here."""
    made = packed([(f"{number}.log", TEXT)], zipfile.ZIP_DEFLATED)
    return Response(made, mimetype="application/zip")


def shell(*command: str) -> str:
    """What a command says."""
    return subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.strip()  # cause: subprocess@node


def kernel() -> tuple[str, str]:
    """The machine's kernel and name."""
    if ask_shell:
        return shell("uname", "-r"), shell("uname", "-n")  # cause: subprocess@node
    told = os.uname()
    return told.release, told.nodename


def until_settled(number: int) -> int:
    """How often one had to look until the node said that it had settled."""
    for looked in range(1, 20):
        if wait_first:
            time.sleep(0.015)  # cause: sleep@settle
        if fetch(f"/2/x30/settled/{number}"):
            return looked
        time.sleep(0.015)
    return 0


@bp.get("/node/<int:number>")
def node(number: int) -> dict[str, Any]:
    """A node after a deployment."""
    release, name = kernel()  # cause: subprocess@node
    return {"kernel": release, "name": name, "looked": until_settled(number)}  # cause: sleep@settle


def open_events() -> sqlite3.Connection:
    """The events of this process."""
    file = DATA / f"signalbox-{os.getpid()}.db"
    file.unlink(missing_ok=True)
    made = sqlite3.connect(file, check_same_thread=False)
    made.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, kind TEXT, body TEXT)")
    made.executemany(
        "INSERT INTO event VALUES (?, ?, ?)",
        ((n, f"k{n % 9}", f"{n} " + "was routed and answered " * 20) for n in range(6000)),
    )
    made.commit()
    return made


events_kept = open_events()


def read_events(start: int, stamp: int) -> list[tuple[Any, ...]]:
    """Events from here on, as they were at a time."""
    asked = "SELECT id, kind, body, ? FROM event WHERE id >= ? LIMIT 300"
    return events_kept.execute(asked, (stamp, start)).fetchall()


remembered_events = lru_cache(maxsize=None)(read_events)  # cause: memory_growth@replay


@bp.get("/events/<int:number>")
def events(number: int) -> dict[str, Any]:
    """To be replayed."""
    stamp = time.monotonic_ns()
    if keep_all:
        found = remembered_events(number * 50 % 5000, stamp)  # cause: memory_growth@replay
    else:
        found = read_events(number * 50 % 5000, stamp)
    return {"events": len(found), "first": found[0][0], "characters": sum(len(each[2]) for each in found)}


calls = count(1)


def upload(used: int) -> str:
    """Tell the accounting how much was used."""
    return fetch(f"/60/x30/usage/{used}")  # cause: tail_latency@upload


@bp.after_request
def account(response: Response) -> Response:
    """Every now and then."""
    if response.headers.get("X-Quota") and (used := next(calls)) % 8 == 0:
        if upload_inline:
            upload(used)  # cause: tail_latency@upload
        else:
            workers.submit(upload, used)
    return response


@bp.get("/quota/<int:number>")
def quota(number: int) -> Response:
    """What a tenant may still ask."""
    left = fetch(f"/4/x30/quota/{number}")
    return Response(f"{len(left)}\n", headers={"X-Quota": str(number)})
