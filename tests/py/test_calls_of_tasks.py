"""Outgoing calls of async views: each is one, at its line and in its task, whatever part of it the event loop does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support_py import captured, peers
from support_py.cli import hotplate_json
from support_py.isolated import run_isolated

pytestmark = pytest.mark.slow

HERE = __file__
TASK = "task"
HANDSHAKE_S = 0.06  # more than an answer takes, so that it is the cause
DELAYS_MS = (20, 30, 40)
SLACK_MS = 1.0  # between two clocks
LEAST = 0.75  # of a handshake, since a loop on a busy machine runs for a part of it


def session_of(client: str) -> Any:
    """Both clients by the same words: a session is entered, and gets a text."""
    if client == "httpx":
        import httpx

        return httpx.AsyncClient(verify=False)
    import aiohttp

    return aiohttp.ClientSession()


async def get(client: str, session: Any, url: str) -> str:
    if client == "httpx":
        return str((await session.get(url)).text)  # httpx
    async with session.get(url, ssl=False) as response:  # aiohttp
        return str(await response.text())


def views(client: str, url: str, took: list[float]) -> dict[str, Callable[[], Any]]:
    """What asks for all of the delays; `took` is how long each took by the fixture's clock."""
    import asyncio

    async def timed(session: Any, ms: int) -> None:
        start = time.perf_counter()
        assert await get(client, session, f"{url}/{ms}") == "0123456789"
        took.append((time.perf_counter() - start) * 1e3)

    async def kept() -> str:
        async with session_of(client) as session:
            for ms in DELAYS_MS:
                await timed(session, ms)
        return ""

    async def new() -> str:
        for ms in DELAYS_MS:
            async with session_of(client) as session:
                await timed(session, ms)
        return ""

    async def gathered() -> str:
        async with session_of(client) as session:
            await asyncio.gather(*(timed(session, ms) for ms in DELAYS_MS))
        return ""

    return {"kept": kept, "new": new, "gathered": gathered}


def calls(client: str, how: str, pem: str, store: str, requests: int) -> Any:
    from hotplate import _hotplate
    from support_py import wsgi

    port = peers.kept_http_server(0, Path(pem) if pem else None, HANDSHAKE_S if pem else 0)
    took: list[float] = []
    captured.start(store)
    url = f"http{'s' if pem else ''}://localhost:{port}"
    app = captured.flask_app(views(client, url, took)[how])
    for _ in range(requests):
        took.clear()
        headers = wsgi.call(app, "/")[1]
    _hotplate.stop(5000)
    return headers["X-Hotplate-Id"], took


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("how", ["kept", "new", "gathered"])
@pytest.mark.parametrize("client", ["httpx", "aiohttp"])
def test_each_is_one_call_with_its_parts(client: str, how: str, scheme: str, tmp_path: Path) -> None:
    pytest.importorskip(client)
    pem = str(peers.certificate(tmp_path)) if scheme == "https" else ""
    store = str(tmp_path / "a.db")
    request, took = run_isolated(calls, client, how, pem, store, 2)
    shown = hotplate_json("show", request, "--store", store)
    found = [each for each in shown["calls"] if each.get("protocol") == "http"]
    assert len(found) == len(DELAYS_MS), shown["calls"]
    lanes = {lane["lane"]: lane["kind"] for lane in shown["lanes"]}
    for call in found:
        assert (Path(call["file"]).name, call["line"]) == (Path(HERE).name, captured.line_of(HERE, client))
        assert lanes[call["lane"]] == TASK
        assert call["bytes_in"] >= 40
        parts = [call[f"{part}_ms"] for part in ("dns", "connect", "tls", "send", "first_byte", "receive")]
        assert sum(parts) <= call["total_ms"] + SLACK_MS
    # Which of those that were gathered is which does not matter: each is at least as long as its answer takes.
    totals, firsts = (sorted(call[key] for call in found) for key in ("total_ms", "first_byte_ms"))
    for total_ms, first_ms, ms, clock_ms in zip(totals, firsts, DELAYS_MS, sorted(took), strict=True):
        assert ms - SLACK_MS <= total_ms <= clock_ms + SLACK_MS
        # A task may give way only a while after it has sent, and of several each keeps the others from it.
        assert (1 if how == "gathered" else ms / 2) <= first_ms
    opened = [call for call in found if call["connect_ms"] > 0]
    assert len(opened) == (1 if how == "kept" else len(DELAYS_MS))
    for call in opened:
        assert (call["tls_ms"] >= HANDSHAKE_S * 1e3 * LEAST) == (scheme == "https"), call
    looked_up = [call for call in found if call.get("name") == "localhost"]
    assert len(looked_up) in ({1} if how == "kept" else {1, 3} if how == "gathered" else {3})
    assert len({call["lane"] for call in found}) == (3 if how == "gathered" else 1)


CHURN = {"connection_churn", "tls_churn", "dns_repeat"}


# All of these make a session for each request, so whatever opening the connections costs may be told, too.
@pytest.mark.parametrize("client", ["httpx", "aiohttp"])
@pytest.mark.parametrize(
    ("how", "scheme", "expected"),
    [("kept", "http", "sequential_io"), ("new", "https", "tls_churn"), ("gathered", "http", "")],
)
def test_rules_see_them(client: str, how: str, scheme: str, expected: str, tmp_path: Path) -> None:
    pytest.importorskip(client)
    pem = str(peers.certificate(tmp_path)) if scheme == "https" else ""
    store = str(tmp_path / "a.db")
    run_isolated(calls, client, how, pem, store, 6)
    findings = hotplate_json("report", "--store", store)["findings"]
    kinds = {each["kind"] for each in findings}
    assert expected == "" or expected in kinds, findings
    assert not (kinds - CHURN - {expected}) & {"sequential_io", "blocking_in_async"}, findings
