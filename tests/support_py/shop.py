"""shop -- the demo's application (demo/settings) under `hotplate run`, beside a history service of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support_py import services
from support_py.cli import RUN, clean_environment

PAGE = "/settings/harbour"
ROUTE = "GET /settings/<project>"


@contextmanager
def running(
    settings: Path, store: Path, data: Path, *, history: str, queries: str, delay_s: float = 0.125
) -> Iterator[services.Server]:
    """The shop of the folder `settings` with these variants (shop/__init__.py says which), recording into `store`."""
    port = services.free_port()
    service = subprocess.Popen(
        [sys.executable, "history_service.py", "--port", str(port), "--delay", str(delay_s)],
        cwd=settings,
        start_new_session=True,
    )
    env = {
        **clean_environment(),
        "HOTPLATE_STORE": str(store),
        "SHOP_DATA": str(data),
        "SHOP_PEAKS": f"http://127.0.0.1:{port}",
        "SHOP_HISTORY": history,
        "SHOP_QUERIES": queries,
    }
    try:
        services.wait_port(port)
        with services.run_server("flask", "shop", prefix=RUN, env=env, cwd=settings) as server:
            yield server
    finally:
        services.stop_group(service)
