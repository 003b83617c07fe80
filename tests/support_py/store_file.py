"""store_file -- read a store's SQLite file in a test, without any code of the product.

An independent reader on purpose: what the C code wrote is checked against the schema (src/store/migrations) and the
layouts (docs/formats), not against its own reader.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALL, LANE, OVERFLOW = 0, 1, 2
MASK = (1 << 64) - 1


@dataclass
class Node:
    """One node of a stored tree; `parent` is its position, -1 for the root."""

    parent: int
    kind: int
    file: str
    name: str
    def_line: int
    line: int
    calls: int
    resumes: int
    exceptions: int
    self_ns: int


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
    finally:
        connection.close()


def requests(path: Path, route: str | None = None) -> list[dict[str, Any]]:
    """All request rows (or those of a rule), oldest first, with pid, rule and the id as users see it."""
    query = (
        "SELECT request.*, process.pid, route.method, route.rule"
        " FROM request JOIN process ON process.id = request.process"
        " LEFT JOIN route ON route.id = request.route ORDER BY request.id"
    )
    with opened(path) as connection:
        rows = [dict(row) for row in connection.execute(query)]
    for row in rows:
        row["hex"] = f"{row['request_id'] & MASK:016x}"
    return [row for row in rows if route is None or row["rule"] == route]


def processes(path: Path) -> list[dict[str, Any]]:
    """Who recorded."""
    with opened(path) as connection:
        return [dict(row) for row in connection.execute("SELECT * FROM process ORDER BY id")]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _shape(data: bytes) -> list[tuple[int, int, int, int]]:
    """(parent position, kind, symbol, line) a node; layout: docs/formats/record.md."""
    assert data[0] == 1, f"shape of version {data[0]}"
    sym, at = _varint(data, 1)
    nodes = [(-1, LANE, sym, 0)]
    while at < len(data):
        head = data[at]
        at += 1
        pops, kind = head & 7, CALL
        if pops == 7:
            more, at = _varint(data, at)
            pops += more
        if head & 8:
            kind = data[at]
            at += 1
        sym, at = _varint(data, at)
        high, at = _varint(data, at)
        parent = len(nodes) - 1
        for _ in range(pops):
            parent = nodes[parent][0]
        nodes.append((parent, kind, sym, high << 4 | head >> 4))
    return nodes


def _values(data: bytes, count: int) -> list[tuple[int, int, int, int]]:
    """(calls, resumes, exceptions, self ns) a node."""
    at = 0
    found = []
    for _ in range(count):
        calls, at = _varint(data, at)
        extra = [0] * 6
        if calls & 1:
            has, at = _varint(data, at)
            for bit in range(6):
                if has >> bit & 1:
                    extra[bit], at = _varint(data, at)
        self_ns, at = _varint(data, at)
        found.append((calls >> 1, extra[0], extra[1], self_ns))
    assert at == len(data), f"{len(data) - at} bytes behind the values"
    return found


def unpacked(blob: bytes) -> bytes:
    """A blob as it was before the store packed it."""
    return zlib.decompress(blob) if blob[:1] == b"\x78" else blob


class Trees:
    """The stored trees of one file; symbols and shapes are read once."""

    def __init__(self, path: Path) -> None:
        with opened(path) as connection:
            strings = dict(connection.execute("SELECT id, text FROM string").fetchall())
            self._symbols = {
                row["id"]: (strings.get(row["file"], ""), row["name"], row["line"])
                for row in connection.execute("SELECT * FROM symbol")
            }
            self._shapes = {
                row["id"]: row["bytes"] for row in connection.execute("SELECT id, bytes FROM shape")
            }
            self._rows = {
                f"{row['request_id'] & MASK:016x}": (row["shape"], row["tree"])
                for row in connection.execute(
                    "SELECT request_id, shape, tree FROM request JOIN detail ON detail.id = request.id"
                )
            }
        self._decoded: dict[int, list[tuple[int, int, int, int]]] = {}

    def ids(self) -> set[str]:
        """Requests that have a tree."""
        return {id_ for id_, (shape, _) in self._rows.items() if shape is not None}

    def nodes(self, request_id: str) -> list[Node]:
        """The tree of a request, parents before children."""
        shape, tree = self._rows[request_id]
        assert shape is not None, f"no tree of {request_id}"
        if shape not in self._decoded:
            self._decoded[shape] = _shape(unpacked(self._shapes[shape]))
        structure = self._decoded[shape]
        values = _values(unpacked(tree), len(structure))
        return [
            Node(parent, kind, *self._symbols.get(sym, ("", "", 0)), line, *numbers)
            for (parent, kind, sym, line), numbers in zip(structure, values, strict=True)
        ]

    def counts(self, request_id: str, module: str) -> Counter[str]:
        """Calls and resumes by function, over the functions of files that end in `module`; as cProfile's ncalls."""
        found: Counter[str] = Counter()
        for node in self.nodes(request_id):
            if node.kind == CALL and node.file.endswith(module):
                found[f"{node.name.rpartition('.')[2]}:{node.def_line}"] += node.calls + node.resumes
        return found

    def main_lane_ns(self, request_id: str) -> int:
        """Sum of self times over the request's own lane, which is its wall time."""
        nodes = self.nodes(request_id)
        main = []
        for number, node in enumerate(nodes):
            main.append(number == 0 or (node.kind != LANE and main[node.parent]))
        return sum(node.self_ns for node, mine in zip(nodes, main, strict=True) if mine)
