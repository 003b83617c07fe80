"""All that was taken in a night."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import threading
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response
from switches import planted

from .storage import dark_for, storage

thread_each_log = planted("thread_churn@checksums")
run_gzip = planted("subprocess@gzip")

bp = Blueprint("nights", __name__)


@bp.get("/<int:number>/calibrated.csv")
def calibrated(number: int) -> Response:
    """Mean values of the frames with the dark frame taken off."""
    text = io.StringIO()
    writer = csv.writer(text)
    for step in range(10):
        frame = storage.frame(number + step)[:2000]
        dark = dark_for(60)[:2000]  # cause: disk_io@darks
        writer.writerow([step, sum(frame) - sum(dark)])
    return Response(text.getvalue(), mimetype="text/csv")


class Checksums:
    """Checksums of all parts of a night, by name."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = parts
        self.found: dict[int, int] = {}

    def one(self, place: int) -> None:
        """Of a part."""
        self.found[place] = zlib.crc32(self.parts[place])

    def all(self) -> dict[int, int]:
        """Of all."""
        if thread_each_log:
            threads = [
                threading.Thread(target=self.one, args=(place,))  # cause: thread_churn@checksums
                for place in range(len(self.parts))
            ]
            for thread in threads:  # cause: thread_churn@checksums
                thread.start()  # cause: thread_churn@checksums
            for thread in threads:
                thread.join()  # cause: thread_churn@checksums
        else:
            for place in range(len(self.parts)):
                self.one(place)
        return self.found


def packed(log: bytes) -> bytes:
    """A log as the archive takes it."""
    if run_gzip:
        return subprocess.run(
            ["gzip", "-nc"], input=log, capture_output=True, check=True
        ).stdout  # cause: subprocess@gzip
    return gzip.compress(log, 6, mtime=0)


@bp.get("/<int:number>/bundle.zip")
def bundle(number: int) -> Response:
    """What goes to the archive."""
    logs = storage.logs()
    lines = [line for log in logs for line in log.splitlines(keepends=True)][:150]
    sums = Checksums(lines).all()  # cause: thread_churn@checksums
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("checksums.txt", "\n".join(f"{place} {sums[place]:08x}" for place in sorted(sums)))
        for place in range(8):
            part = b"".join(logs[place * 3 : place * 3 + 3])
            archive.writestr(f"{number}-{place}.log.gz", packed(part))  # cause: subprocess@gzip
    return Response(into.getvalue(), mimetype="application/zip")


def blocks(number: int) -> Iterator[str]:
    """Photometry in blocks of lines."""
    for start in range(0, 1200, 200):
        rows: list[Any] = [
            (number, place, place * 37 % 101, place // 7) for place in range(start, start + 200)
        ]
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        yield text.getvalue()


@bp.get("/<int:number>/stream.csv")
def stream(number: int) -> Response:
    """As long as it takes."""
    return Response(blocks(number), mimetype="text/csv")
