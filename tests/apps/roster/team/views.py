"""views -- a team's overview, and one member's presence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import abort, current_app
from flask.views import MethodView

from . import shifts
from .presence import LOOKUPS_AT_ONCE, ask, lookups

SHIFT_SOURCES = {"each": shifts.shifts_of_each, "together": shifts.shifts_together}


class TeamView(MethodView):
    """GET /team/<name>: everybody with shift and presence."""

    def get(self, name: str) -> dict[str, Any]:
        """The overview as JSON."""
        database = current_app.extensions["roster_db"]
        members = shifts.find_members(database, name)
        if not members:
            abort(404)
        codes = [code for code, _name in members]
        present = self.presence(codes)
        shift = SHIFT_SOURCES[current_app.config["SHIFTS"]](database, codes)
        return {
            "team": name,
            "members": [
                {"code": code, "name": full_name, "shift": shift[code], "present": present.get(code)}
                for code, full_name in members
            ],
        }

    def presence(self, codes: list[str]) -> dict[str, bool]:
        """Presence by member, as configured; empty when the page leaves it to the browser."""
        peer = current_app.config["PEER"]
        choice = current_app.config["PRESENCE"]
        if choice == "none":
            return {}
        if choice == "shared":
            return dict(zip(codes, lookups.map(ask, [peer] * len(codes), codes), strict=True))
        with ThreadPoolExecutor(max_workers=LOOKUPS_AT_ONCE) as executor:
            futures = {code: executor.submit(ask, peer, code) for code in codes}
            return {code: future.result() for code, future in futures.items()}


class PresenceView(MethodView):
    """GET /team/<name>/presence/<code>: one member, when somebody asks."""

    def get(self, name: str, code: str) -> dict[str, Any]:
        """The answer as JSON."""
        return {"team": name, "code": code, "present": ask(current_app.config["PEER"], code)}
