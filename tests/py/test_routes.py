"""Two applications in one process that have the same rule: each is a route of its own, told apart by its endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support_py.cli import hotplate, hotplate_json
from support_py.isolated import run_isolated

pytestmark = pytest.mark.one_python


def two_applications(store: str) -> None:
    from flask import Flask
    from hotplate import _capture, _hotplate
    from hotplate._settings import Settings
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from werkzeug.test import Client

    def page() -> str:
        return "page"

    shop, office = Flask("shop"), Flask("office")
    shop.add_url_rule("/", "shelf", page)
    shop.add_url_rule("/till", "till", page)
    office.add_url_rule("/", "desk", page)
    _capture.start(Settings(store=store, level="monitor"))
    client = Client(DispatcherMiddleware(shop, {"/office": office}))
    for path in ("/", "/office/", "/office/", "/till"):
        assert client.get(path).status_code == 200
    _hotplate.stop(5000)


def test_routes_of_the_same_name_are_told_apart_by_their_endpoint(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    run_isolated(two_applications, store)

    def requests(route: str) -> list[Any]:
        return list(hotplate_json("requests", "--route", route, "--store", store)["requests"])

    for command in ("routes", "report"):
        ends = [line.split("  ")[-2:] for line in hotplate(command, "--store", store).stdout.splitlines()]
        assert ["GET /", "shelf"] in ends
        assert ["GET /", "desk"] in ends
        assert any(words[-1].endswith("GET /till") for words in ends), ends
    assert len(requests("GET /")) == 3
    assert len(requests("GET / desk")) == len(requests("desk")) == 2
    assert requests("GET / till") == []
