"""profiles -- what the settings page shows of each group's settings."""

from __future__ import annotations

from typing import Any

from .database import session
from .models import Group, Setting

Profile = dict[str, Any]


def profile_of(setting: Setting) -> Profile:
    """What the page shows of one setting."""
    return {
        "state": setting.as_dict()["state"],
        "refresh_s": setting.as_dict()["refresh_s"],
        "hosts": setting.as_dict()["hosts"].split(","),
        "workers": setting.as_dict()["workers"],
        "limits": [setting.as_dict()[key] for key in ("queue_limit", "warn_at", "stop_at")],
        "labels": setting.as_dict()["labels"].split(","),
        "owner": setting.as_dict()["owner"],
        "changed_at": setting.as_dict()["changed_at"],
    }


def load_each(project: str, groups: list[Group]) -> dict[str, Profile]:
    """Profiles by group code, looked up group by group."""
    settings: dict[str, Setting | None] = {}
    for group in groups:
        setting = session.query(Setting).filter(Setting.name == f"{project}:{group.code}").first()
        settings[group.code] = setting
    return {code: profile_of(setting) for code, setting in settings.items() if setting is not None}


def load_together(project: str, groups: list[Group]) -> dict[str, Profile]:
    """Profiles by group code, from one query."""
    names = [f"{project}:{group.code}" for group in groups]
    settings = session.query(Setting).filter(Setting.name.in_(names))
    return {setting.name.partition(":")[2]: profile_of(setting) for setting in settings}
