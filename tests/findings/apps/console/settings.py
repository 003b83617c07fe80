"""settings -- the page, and the peaks of every group's processors."""

from __future__ import annotations

import os
from threading import Thread
from typing import Any

import requests
from flask import Blueprint
from switches import planted

from .utils import profile_settings

pages = Blueprint("settings", __name__)
HISTORY = f"http://{os.environ['UPSTREAM']}"
GROUPS = [f"g{n:03d}" for n in range(48)]
load_peaks = planted("thread_churn@settings")


def peak(project: str, group: str, peaks: dict[str, int]) -> None:
    """The most that a group's processors ever had to do."""
    peaks[group] = len(requests.get(f"{HISTORY}/5/peaks/{project}/{group}", timeout=5).text)


def peaks_of(project: str, groups: list[str]) -> dict[str, int]:
    """The peaks of all groups."""
    peaks: dict[str, int] = {}
    threads = []
    for group in groups:  # cause: thread_churn@settings
        one = Thread(target=peak, args=(project, group, peaks))  # cause: thread_churn@settings
        threads.append(one)
        one.start()  # cause: thread_churn@settings
    for one in threads:
        one.join()
    return peaks


@pages.get("/projects/<project>/settings")
def settings(project: str) -> dict[str, Any]:
    """Everything on one page; the peaks are of the past and hardly ever looked at."""
    peaks = peaks_of(project, GROUPS) if load_peaks else {}
    return {"settings": profile_settings(project, GROUPS), "peaks": peaks}
