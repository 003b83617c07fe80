"""utils -- profile settings, read through a wrapper that guards who sees which column."""

from __future__ import annotations

from typing import Any

import mariadb_tables
from sqlalchemy import String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from switches import planted

DATABASE = "console"
mariadb_tables.make(
    DATABASE,
    [
        "CREATE TABLE profile_settings (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL UNIQUE, tags VARCHAR(80),"
        " seconds INT, status INT, machines VARCHAR(200), threads INT)",
        "INSERT INTO profile_settings SELECT seq, concat('harbour:g', lpad(seq, 3, '0')), concat('t', seq MOD 7),"
        " 30, 1, repeat('m1,m2,', 8), seq MOD 5 FROM seq_0_to_999",
    ],
)
engine = create_engine(mariadb_tables.url(DATABASE), pool_size=4)
one_by_one = planted("n_plus_one@settings")
ask_the_guard = planted("attribute_lookup_hot@settings")
MACHINES = [f"m{n}" for n in range(40)]


class Base(DeclarativeBase):
    """Base of the mapped class."""


class ProfileSetting(Base):
    """How a group is profiled."""

    __tablename__ = "profile_settings"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    tags: Mapped[str] = mapped_column(String(80))
    seconds: Mapped[int]
    status: Mapped[int]
    machines: Mapped[str] = mapped_column(String(200))
    threads: Mapped[int]


class Guarded:
    """A row of which only allowed columns are seen."""

    allowed = ("name", "tags", "seconds", "status", "machines", "threads")

    def __init__(self, row: ProfileSetting) -> None:
        self._row = row

    def __getattr__(self, name: str) -> Any:
        for each in self.allowed:
            if each == name:
                return getattr(self._row, name)
        raise AttributeError(name)


def load_settings(project: str, groups: list[str]) -> list[ProfileSetting]:
    """The rows of all groups."""
    names = [f"{project}:{group}" for group in groups]
    with Session(engine) as session:
        if not one_by_one:
            return list(session.scalars(select(ProfileSetting).where(ProfileSetting.name.in_(names))))
        found = []
        for name in names:  # cause: n_plus_one@settings
            row = session.scalars(
                select(ProfileSetting).where(ProfileSetting.name == name)
            ).first()  # cause: n_plus_one@settings
            if row is not None:
                found.append(row)
        return found


def on_machines(setting: Any) -> int:
    """On how many machines a setting applies, at its pace."""
    if ask_the_guard:
        return sum(  # cause: attribute_lookup_hot@settings
            setting.seconds * setting.threads for name in MACHINES * 14 if name in setting.machines
        )
    pace, machines = setting.seconds * setting.threads, setting.machines
    return sum(pace for name in MACHINES * 14 if name in machines)


def profile_settings(project: str, groups: list[str]) -> dict[str, Any]:
    """Settings by group."""
    found = {}
    for row in load_settings(project, groups):
        setting = Guarded(row)
        found[setting.name.split(":")[1]] = {"tags": setting.tags, "load": on_machines(setting)}
    return found
