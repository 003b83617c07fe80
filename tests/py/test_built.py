"""What an ORM makes of rows is told apart from what the database takes for them, where there is a call tree."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from support_py import captured
from support_py.cli import hotplate, hotplate_json
from support_py.isolated import run_isolated

HERE = __file__
ROWS = 4000

pytestmark = pytest.mark.sqlalchemy


def loading(store: str, level: str) -> Any:
    """Entities, and the same rows without an ORM; the request's id, and what loading took in milliseconds."""
    import sqlite3

    from hotplate import _hotplate
    from sqlalchemy import Column, Integer, String, create_engine
    from sqlalchemy.orm import Session, declarative_base
    from support_py import wsgi

    base: Any = declarative_base()

    class Item(base):
        __tablename__ = "items"
        id = Column(Integer, primary_key=True)
        name = Column(String(40))

    path = f"{store}.items"
    engine = create_engine(f"sqlite:///{path}")
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(name=f"item {n}") for n in range(ROWS)])
        session.commit()
    took = 0.0

    def entities() -> int:
        with Session(engine) as session:
            return len(session.query(Item).all())  # entities

    def plain() -> int:
        connection = sqlite3.connect(path)
        found = len(connection.execute("select * from items").fetchall())
        connection.close()
        return found

    def view() -> str:
        nonlocal took
        start = time.perf_counter()
        count = entities()
        took = (time.perf_counter() - start) * 1e3
        return str(count + plain())

    captured.start(store, level)
    app = captured.flask_app(view)
    wsgi.call(app, "/")
    headers = wsgi.call(app, "/")[1]
    _hotplate.stop(5000)
    return headers["X-Hotplate-Id"], took


def test_building_objects_stands_beside_the_database(tmp_path: Path) -> None:
    store = str(tmp_path / "a.db")
    request, took_ms = run_isolated(loading, store, "trace")
    shown = hotplate_json("show", request, "--store", store)
    (built,) = shown["built"]  # the driver alone makes nothing
    assert (Path(built["file"]).name, built["line"]) == (Path(HERE).name, captured.line_of(HERE, "entities"))
    assert (built["function"].rpartition(".")[2], built["rows"], built["statements"]) == ("entities", ROWS, 1)
    (statement,) = [each for each in shown["executions"] if each["line"] == built["line"]]
    assert built["database_ms"] == pytest.approx(statement["execute_ms"] + statement["fetch_ms"], abs=0.01)
    assert built["database_ms"] < built["building_ms"] < took_ms - built["database_ms"]
    text = hotplate("show", request, "--store", store).stdout
    assert "Objects built from rows" in text
    assert "test_built.py:" in text.split("Objects built from rows")[1].split("\n\n")[0]


def test_without_a_call_tree_it_is_not_known(tmp_path: Path) -> None:
    store = str(tmp_path / "a.db")
    request, _took_ms = run_isolated(loading, store, "monitor")
    assert hotplate_json("show", request, "--store", store)["built"] is None
    assert "Objects built" not in hotplate("show", request, "--store", store).stdout
