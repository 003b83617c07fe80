"""models -- the two tables: groups of a project, and one row of settings per group of every project."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of the shop's models."""

    def as_dict(self) -> dict[str, Any]:
        """All columns by name."""
        return {column.key: getattr(self, column.key) for column in self.__table__.columns}


class Group(Base):
    """A group of machines that a project runs on."""

    __tablename__ = "groups"

    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(Text, index=True)
    code: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)


class Setting(Base):
    """How one group is watched. Its name is `project:code`; nobody gave it an index while it was small."""

    __tablename__ = "settings"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    refresh_s: Mapped[int]
    hosts: Mapped[str] = mapped_column(Text)
    workers: Mapped[int]
    queue_limit: Mapped[int]
    warn_at: Mapped[int]
    stop_at: Mapped[int]
    labels: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[str] = mapped_column(Text)
