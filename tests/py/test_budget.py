"""A route whose capture costs more than the budget is captured less deeply, and comes with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from support_py import wsgi
from support_py.isolated import run_isolated


def lowered(store: str) -> Any:
    """Levels of a call-heavy and of a waiting route, before and after two seconds of requests."""
    import time

    from flask import Flask
    from hotplate import _hotplate

    wsgi.start_capture(store, "trace", budget=0.03)
    _hotplate.keep_last(True)
    app = Flask("budget_under_test")

    def leaf() -> int:
        return 1

    @app.get("/calls")
    def calls() -> str:
        return str(sum(leaf() for _ in range(3000)))

    @app.get("/steady")
    def steady() -> str:
        return str(sum(range(3_000_000)))

    def last(path: str) -> Any:
        wsgi.call(app, path)
        record = _hotplate.last_request()
        exact = any(node[5] for node in record.get("tree", []))  # samples count no calls
        return [record["level"], record["level_asked"], record["level_reason"], exact]

    first = last("/calls"), last("/steady")
    until = time.monotonic() + 2.5
    levels = set()
    while time.monotonic() < until:
        levels.add(last("/calls")[0])
        wsgi.call(app, "/steady")
    return [*first, last("/calls"), last("/steady"), sorted(levels)]


def test_dear_route_is_lowered_and_says_why(tmp_path: Any) -> None:
    first_calls, first_steady, calls, steady, levels = run_isolated(lowered, str(tmp_path / "s.db"))
    assert first_calls[0] == first_steady[0] == 3
    assert first_calls[3]
    assert first_steady[3]
    assert calls[0] < 3
    assert 2 in {*levels, calls[0]}  # samples are the step below an exact tree
    assert calls[1:3] == [3, 1]
    assert not calls[3]
    assert steady[0] == 3


def in_force(arguments: dict[str, Any]) -> Any:
    from flask import Flask
    from hotplate.flask import Hotplate

    extension = Hotplate(Flask("in_force"), **arguments)
    assert extension.settings is not None
    return [extension.settings.level, extension.settings.budget]


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ({}, {}, ["monitor", 0.03]),
        ({"level": "trace"}, {}, ["trace", 0.0]),
        ({"level": "trace", "budget": "5%"}, {}, ["trace", 0.05]),
        ({}, {"HOTPLATE_LEVEL": "trace"}, ["trace", 0.0]),
        ({}, {"HOTPLATE_LEVEL": "trace", "HOTPLATE_BUDGET": "0.1"}, ["trace", 0.1]),
    ],
)
def test_budget_holds_unless_a_level_is_asked_for(
    arguments: dict[str, Any], environment: dict[str, str], expected: list[Any], tmp_path: Any
) -> None:
    assert run_isolated(in_force, arguments, env=environment, cwd=tmp_path) == expected


def test_wrong_budget_is_told_when_the_application_is_built() -> None:
    from hotplate.flask import Hotplate

    with pytest.raises(ValueError, match="not a share"):
        Hotplate(budget="much")
