"""The Flask extension: ``Hotplate(app)``, safe in production.

from hotplate.flask import Hotplate

Hotplate(app)                     # level "monitor"
hotplate = Hotplate(); hotplate.init_app(app)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from . import _capture, _places, _plans
from ._dashboard import Dashboard, Toolbar, dashboard_path
from ._settings import (
    BUDGET,
    LEVELS,
    MODES,
    MOST_RATE,
    Settings,
    find_store,
    from_environment,
    share_of,
    size_of,
)

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["Hotplate"]


def _flight_ms(recorder: bool | float) -> float:
    if recorder is False:
        return -1.0
    return 0.0 if recorder is True else float(recorder)


class Hotplate:
    """Records the requests of this process's Flask applications.

    level: "count", "monitor" (default), "sample" or "trace". budget: share of the application's CPU time that
    recording may cost on each route, as 0.03 or "3%"; over it the route's level is lowered by itself. 3 % by
    default, no limit where a level is given. flight_recorder (CPython 3.12 and later): keep the call tree of the
    application's own code for requests that fail or are slower than 99 % of their route's, or than so many
    milliseconds; False: never. store: path of the store, default as for the
    command line.
    route, ignore: regular expressions over "METHOD /path"; what they leave out is counted. sample: record one
    request in so many.
    slow_ms: keep detail only above it. app_code: globs of files that count as application code. server_timing:
    None (default)
    sends the header in debug and to loopback, True always, False never. Settings of `hotplate run` win over these.

    rate: samples a second at level "sample", 100 by default, at most 1000. mode: what samples weigh, "wall" (default),
    "cpu" or "gil" (time that a thread was on a CPU, or held the GIL).

    dashboard: path of the dashboard, /hotplate; False: none. It only reads. auth: called without arguments
    within a request context (flask.session, current_user …), lets whoever asks see the dashboard where it
    returns something true. Without it the dashboard answers this machine, and whoever shows HOTPLATE_TOKEN; its
    own requests are never recorded.

    toolbar: in pages of the application, for those whom the dashboard answers: None (default) while app.debug; True
    always; False never; a callable, asked like auth, for whom it returns something true.

    headers, config: request headers and app.config keys to keep the values of; none by default. inputs: arguments of
    views and keys of queries, forms and JSON bodies to keep the values of; of others what they are ("<str 12>").

    Raises ValueError for a wrong argument, when the application is built; never later: after that a failure of
    ours is counted (`hotplate.counts()`) and shown, and requests go on unchanged.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        level: str | None = None,
        budget: float | str | None = None,
        flight_recorder: bool | float = True,
        store: str | None = None,
        route: Sequence[str] = (),
        ignore: Sequence[str] = (),
        sample: int = 1,
        rate: int = 0,
        mode: str = "wall",
        slow_ms: float = 0.0,
        app_code: Sequence[str] = (),
        max_store: int | str = 0,
        max_age_s: float = 0.0,
        server_timing: bool | None = None,
        headers: Sequence[str] = (),
        config: Sequence[str] = (),
        inputs: Sequence[str] = (),
        dashboard: bool | str = True,
        auth: Callable[[], object] | None = None,
        toolbar: Toolbar = None,
    ) -> None:
        if budget is None:
            budget = BUDGET if level is None else 0.0
        level = level or "monitor"
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
        if sample < 1:
            raise ValueError("sample must be 1 or more")
        if not 0 <= rate <= MOST_RATE:
            raise ValueError(f"rate must be at most {MOST_RATE} samples a second, not {rate}")
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
        self._settings = Settings(
            store=store or "",
            level=level,
            flight_ms=_flight_ms(flight_recorder),
            budget=share_of(budget) if isinstance(budget, str) else budget,
            route=(route,) if isinstance(route, str) else tuple(route),
            ignore=(ignore,) if isinstance(ignore, str) else tuple(ignore),
            sample=sample,
            rate=rate,
            mode=mode,
            slow_ms=slow_ms,
            app_code=(app_code,) if isinstance(app_code, str) else tuple(app_code),
            max_store=size_of(max_store) if isinstance(max_store, str) else max_store,
            max_age_s=max_age_s,
            server_timing=server_timing,
            headers=(headers,) if isinstance(headers, str) else tuple(headers),
            config=(config,) if isinstance(config, str) else tuple(config),
            inputs=(inputs,) if isinstance(inputs, str) else tuple(inputs),
        )
        self._mount = dashboard_path(dashboard)
        if toolbar and not self._mount:
            raise ValueError("the toolbar reads the dashboard: it needs dashboard=")
        self._auth = auth
        self._toolbar = toolbar
        self._settings.scope()  # a bad pattern is the caller's to see now
        self.settings: Settings | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Start recording. May be called for several applications; the first one's settings hold."""
        settings = from_environment(self._settings)
        if not settings.store and app.config.get("HOTPLATE_STORE"):
            settings = Settings(**{**vars(settings), "store": str(app.config["HOTPLATE_STORE"])})
        self.settings = _capture.start(settings)
        if app.debug:
            _plans.start(settings.store or find_store())
        _places.add_app(app.import_name)
        app.extensions["hotplate"] = self
        if self._mount:
            store = self.settings.store or _capture.store_path()
            Dashboard(app, store, self._mount, self._auth, self._toolbar)
