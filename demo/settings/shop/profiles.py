"""profiles -- what the settings page shows of each group's settings."""

from __future__ import annotations

from typing import Any

from .database import session
from .models import Group, Setting

Profiles = dict[str, dict[str, Any]]


def load_each(project: str, groups: list[Group]) -> Profiles:
    """Profiles by group code, looked up group by group."""
    profiles: Profiles = {}
    for group in groups:
        setting = session.query(Setting).filter(Setting.name == f"{project}:{group.code}").first()
        if setting is None:
            continue
        profiles[group.code] = {
            "state": setting.as_dict()["state"],
            "refresh_s": setting.as_dict()["refresh_s"],
            "hosts": setting.as_dict()["hosts"].split(","),
            "workers": setting.as_dict()["workers"],
            "limits": [setting.as_dict()[key] for key in ("queue_limit", "warn_at", "stop_at")],
            "labels": setting.as_dict()["labels"].split(","),
            "owner": setting.as_dict()["owner"],
            "changed_at": setting.as_dict()["changed_at"],
        }
    return profiles


def load_together(project: str, groups: list[Group]) -> Profiles:
    """Profiles by group code, from one query."""
    names = [f"{project}:{group.code}" for group in groups]
    profiles: Profiles = {}
    for setting in session.query(Setting).filter(Setting.name.in_(names)):
        fields = setting.as_dict()
        profiles[fields["name"].partition(":")[2]] = {
            "state": fields["state"],
            "refresh_s": fields["refresh_s"],
            "hosts": fields["hosts"].split(","),
            "workers": fields["workers"],
            "limits": [fields[key] for key in ("queue_limit", "warn_at", "stop_at")],
            "labels": fields["labels"].split(","),
            "owner": fields["owner"],
            "changed_at": fields["changed_at"],
        }
    return profiles
