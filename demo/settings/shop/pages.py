"""pages -- what the shop's visitors see."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, render_template

from . import history, profiles
from .database import session
from .models import Group
from .seed import NEWEST_PROJECT

blueprint = Blueprint("pages", __name__)

PEAK_SOURCES = {"threads": history.fetch_all_peaks, "none": history.leave_peaks_to_browser}
PROFILE_SOURCES = {"loop": profiles.load_each, "batch": profiles.load_together}


@blueprint.get("/")
def index() -> str:
    """Where to go."""
    return render_template("index.html", project=NEWEST_PROJECT)


@blueprint.get("/health")
def health() -> dict[str, str]:
    """For whoever waits for the application."""
    return {"status": "ok"}


@blueprint.get("/settings/<project>")
def settings(project: str) -> str:
    """The settings page: every group of the project with its profile and its peak."""
    groups = find_groups(project)
    peaks_of = PEAK_SOURCES[current_app.config["HISTORY"]]
    profiles_of = PROFILE_SOURCES[current_app.config["QUERIES"]]
    return render_template(
        "settings.html",
        project=project,
        groups=groups,
        peaks=peaks_of(current_app.config["PEAKS"], project, groups),
        profiles=profiles_of(project, groups),
    )


@blueprint.get("/settings/<project>/history/<code>")
def group_history(project: str, code: str) -> dict[str, Any]:
    """One group's peak, for the button on the page."""
    peak = history.fetch_peak(current_app.config["PEAKS"], project, code, f"{project}:{code}")
    return {"group": code, "peak": peak}


def find_groups(project: str) -> list[Group]:
    """The project's groups in the order they were made; 404 without any."""
    groups = session.query(Group).filter(Group.project == project).order_by(Group.id).all()
    if not groups:
        abort(404)
    return groups
