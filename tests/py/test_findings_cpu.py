"""Causes that the call tree, CPU, notes and rows tell: found at their lines; near misses are silent."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support_py.cli import HOTPLATE, clean_environment, hotplate_json

APP = """
import functools, gc, json, os, pickle, random, re, sqlite3, sys
from flask import Flask, jsonify, render_template, render_template_string
from jinja2 import Environment, FileSystemLoader

app = Flask(__name__)
DB = os.environ["SHOP_DB"]
NOTES = [os.path.join("notes", f"{n}.txt") for n in range(200)]
ENV = Environment(loader=FileSystemLoader("templates"))
ITEMS = [{"id": i, "name": f"item {i}", "tags": ["a", "b", str(i)]} for i in range(1500)]

@app.get("/regex")
def regex():
    return {"n": sum(matches(i) for i in range(250))}

def matches(i):
    pattern = r"^(a|b)+-(%d)[a-z]*(x|y)?$" % random.randrange(10**9)
    return bool(re.match(pattern, f"a-{i}"))  # regex

@app.get("/regex/kept")
def regex_kept():
    pattern = re.compile(r"^(a|b)+-(\\d+)[a-z]*(x|y)?$")
    return {"n": sum(bool(pattern.match(f"a-{i}")) for i in range(250))}

@app.get("/import")
def imports():
    return {"n": mean([1, 2, 3])}

def mean(values):
    sys.modules.pop("statistics", None)
    sys.modules.pop("fractions", None)
    import statistics  # import
    return statistics.mean(values)

@app.get("/copies")
def copies():
    return {"n": len(copy_of(copy_of(copy_of(ITEMS))))}

def copy_of(items):
    return json.loads(json.dumps(items))  # copies

@app.get("/pickled")
def pickled():
    return {"n": sum(len(duplicate(ITEMS)) for _ in range(3))}

def duplicate(items):
    return pickle.loads(pickle.dumps(items))  # pickled

@app.get("/product")
def product():
    return jsonify(ITEMS)

@app.get("/lookups")
def lookups():
    return {"n": total()}

class Lazy:
    def __init__(self, row):
        self.__dict__["row"] = row

    def __getattr__(self, name):
        for key, value in self.__dict__["row"].items():
            if key.lower() == name.lower():
                return value
        raise AttributeError(name)

LAZY = [Lazy(item) for item in ITEMS[:100]]

def total():
    n = 0
    for item in LAZY:
        for _ in range(120):
            n += len(item.tags)  # lookups
    return n

@app.get("/garbage")
def garbage():
    return {"n": build()}

def build():
    return len([{"i": [i], "x": (i, [])} for i in range(15000)])  # garbage

@app.get("/collect")
def collect():
    gc.collect()  # collect
    return "done"

@app.get("/includes")
def includes():
    return render_template("list.html", items=ITEMS[:400])

@app.get("/report")
def report():
    return render_template("report.html", items=ITEMS)

@app.get("/compiled")
def compiled():
    source = "{% for i in items %}{{ i.name|upper }}{% else %}none{% endfor %}" * 20
    return render_template_string(source, items=[])  # compiled

@app.get("/rows")
def rows():
    with sqlite3.connect(DB) as connection:
        found = connection.execute("SELECT id, name, price FROM item").fetchall()  # rows
        return {"n": sum(1 for row in found if row[2] > 50)}

@app.get("/notes")
def notes():
    return {"n": sum(words(name) for name in NOTES)}

def words(name):
    with open(name) as file:  # notes
        return len(file.read().split())

@app.get("/parts")
def parts():
    return {"n": len(names())}

def names():
    return [ENV.get_template("one.html").name for _ in range(2000)]  # parts

def signed(view):
    @functools.wraps(view)
    def wrapper():
        return view()
    return wrapper

@app.get("/signed")
@signed
def behind():
    return str(sum(i * i for i in range(60000)))
"""

DRIVE = """
import sys
from shop import app

client = app.test_client()
for _ in range(16):
    for route in sys.argv[1:]:
        with client.get(route) as response:
            assert response.status_code == 200, route
            response.get_data()
"""

sees_encoders = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="3.11 has no events of single code objects"
)
ROUTES = """/regex /regex/kept /import /copies /pickled /product /lookups /garbage /collect /includes /report /compiled
    /rows /notes /parts /signed"""


def report(folder: Path, routes: str) -> dict[str, list[dict[str, Any]]]:
    """Findings by route, of sixteen rounds of requests."""
    (folder / "shop.py").write_text(APP.lstrip())
    (folder / "drive.py").write_text(DRIVE)
    templates = folder / "templates"
    templates.mkdir()
    (templates / "list.html").write_text(
        "<ul>\n{% for item in items %}\n{% include 'one.html' %}\n{% endfor %}\n</ul>\n"
    )
    (templates / "one.html").write_text("<li>{{ item.name }}</li>\n")
    (templates / "report.html").write_text(
        "{% for item in items %}\n<tr><td>{{ item.id }}</td><td>{{ item.name }}</td></tr>\n{% endfor %}\n"
    )
    (folder / "notes").mkdir()
    for n in range(200):
        (folder / "notes" / f"{n}.txt").write_text(f"note {n}\n")
    with sqlite3.connect(folder / "shop.db") as connection:
        connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price INTEGER)")
        connection.executemany(
            "INSERT INTO item (name, price) VALUES (?, ?)", [(f"n{i}", i % 100) for i in range(5000)]
        )
    done = subprocess.run(
        [HOTPLATE, "run", "--", sys.executable, "drive.py", *routes.split()],
        check=False,
        cwd=folder,
        env=clean_environment({"SHOP_DB": str(folder / "shop.db")}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    by_route: dict[str, list[dict[str, Any]]] = {}
    for finding in hotplate_json("report", cwd=folder)["findings"]:
        by_route.setdefault(finding["route"], []).append(finding)
    return by_route


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    return report(tmp_path_factory.mktemp("shop"), ROUTES)


def line_of(mark: str) -> int:
    (number,) = [n for n, line in enumerate(APP.lstrip().splitlines(), 1) if line.endswith(f"# {mark}")]
    return number


@pytest.mark.parametrize(
    ("route", "kind", "mark"),
    [
        ("/regex", "regex_compile", "regex"),
        ("/import", "import_in_request", "import"),
        ("/copies", "serialization_hot", "copies"),
        pytest.param("/pickled", "serialization_hot", "pickled", marks=sees_encoders),
        ("/lookups", "attribute_lookup_hot", "lookups"),
        ("/collect", "gc_pressure", "collect"),
        ("/compiled", "template_hot", "compiled"),
        ("/rows", "unbounded_result", "rows"),
        pytest.param("/notes", "disk_io", "notes", marks=sees_encoders),
        ("/parts", "template_hot", "parts"),
    ],
)
def test_cause_is_the_only_finding_at_its_line(
    found: dict[str, list[dict[str, Any]]], route: str, kind: str, mark: str
) -> None:
    findings = found.get(f"GET {route}", [])
    assert [f["kind"] for f in findings] == [kind], findings
    assert findings[0]["file"] == "shop.py"
    if mark != "collect":  # a collection is told at the function that sets it off
        assert findings[0]["line"] == line_of(mark), findings


def test_collections_that_garbage_sets_off_are_told(
    found: dict[str, list[dict[str, Any]]],
) -> None:
    findings = found["GET /garbage"]
    assert "gc_pressure" in {f["kind"] for f in findings}, findings
    assert {f["kind"] for f in findings} <= {"gc_pressure", "hot_function"}  # making them costs as well


def test_part_included_for_each_item_is_told_at_the_line_of_the_template(
    found: dict[str, list[dict[str, Any]]],
) -> None:
    (finding,) = found["GET /includes"]
    assert finding["kind"] == "template_hot"
    assert (finding["file"], finding["line"]) == ("templates/list.html", 3)


@pytest.mark.parametrize("route", ["/regex/kept", "/product", "/report", "/signed"])
def test_near_misses_are_silent(found: dict[str, list[dict[str, Any]]], route: str) -> None:
    assert found.get(f"GET {route}", []) == []
