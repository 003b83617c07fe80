"""history -- the highest load each group ever had, from the history service."""

from __future__ import annotations

import json
import threading
import uuid
from typing import cast
from urllib.parse import quote
from urllib.request import Request, urlopen

from .models import Group


def fetch_peak(service: str, project: str, code: str, page: str) -> int:
    """One group's peak in percent."""
    request = Request(f"{service}/peak/{quote(project)}/{quote(code)}", headers={"X-Page": page})
    with urlopen(request, timeout=30) as answer:
        return cast(int, json.load(answer)["peak"])


def fetch_all_peaks(service: str, project: str, groups: list[Group]) -> dict[str, int]:
    """Every group's peak, all asked for at once: a thread each."""
    page = uuid.uuid4().hex
    peaks: dict[str, int] = {}

    def fetch(code: str) -> None:
        peaks[code] = fetch_peak(service, project, code, page)

    threads = []
    for group in groups:
        thread = threading.Thread(target=fetch, args=(group.code,))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return peaks


def leave_peaks_to_browser(_service: str, _project: str, _groups: list[Group]) -> dict[str, int]:
    """No peak: it is history, so the page asks for one only when somebody wants to see it."""
    return {}
