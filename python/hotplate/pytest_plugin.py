"""pytest plugin: ``pytest --hotplate`` records what the tests send to Flask applications, at level "trace"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("hotplate")
    group.addoption(
        "--hotplate", action="store_true", help="record requests to Flask applications with Hotplate"
    )
    group.addoption("--hotplate-store", metavar="FILE", default="", help="store to record into")


def pytest_configure(config: pytest.Config) -> None:
    """Start before any test module is imported."""
    if not config.getoption("--hotplate", default=False):
        return
    from . import _capture
    from ._settings import Settings, from_environment

    settings = Settings(level="trace", kind=2, store=str(config.getoption("--hotplate-store")))
    _capture.start(from_environment(settings))
