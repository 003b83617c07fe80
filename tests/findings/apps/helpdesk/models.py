"""models -- organisations, their people, folders and tickets, and who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import postgresql_tables
from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    column_property,
    mapped_column,
    object_session,
    relationship,
    sessionmaker,
)
from switches import planted

no_assignee_key = planted("missing_index@assigned")
SCHEMA = f"helpdesk_{int(no_assignee_key)}"
DDL = [
    "CREATE TABLE tenant (id int PRIMARY KEY, slug text NOT NULL UNIQUE, name text NOT NULL)",
    "INSERT INTO tenant SELECT n, 'org-' || n, 'Organisation ' || n FROM generate_series(1, 4) n",
    "CREATE TABLE feature (tenant_id int, name text, enabled bool NOT NULL, PRIMARY KEY (tenant_id, name))",
    "INSERT INTO feature SELECT t, 'feature-' || n, n % 3 <> 0 FROM generate_series(1, 4) t, generate_series(1, 9) n",
    "CREATE TABLE member (id int PRIMARY KEY, tenant_id int NOT NULL, name text NOT NULL, email text NOT NULL)",
    "INSERT INTO member SELECT t * 100 + n, t, 'Member ' || n, n || '@org-' || t || '.example'"
    " FROM generate_series(1, 4) t, generate_series(1, 60) n",
    "CREATE TABLE folder (id int PRIMARY KEY, tenant_id int NOT NULL, parent_id int, title text NOT NULL)",
    "INSERT INTO folder SELECT n, 2, CASE WHEN n = 1 THEN NULL ELSE (n + 2) / 4 END, 'Folder ' || n"
    " FROM generate_series(1, 120) n",
    "CREATE INDEX ON folder (parent_id)",
    "CREATE TABLE ticket (id int PRIMARY KEY, tenant_id int NOT NULL, folder_id int NOT NULL,"
    " reporter_id int NOT NULL, assignee_id int NOT NULL, title text NOT NULL, body text NOT NULL,"
    " status text NOT NULL, priority int NOT NULL, minutes int NOT NULL, extra jsonb NOT NULL,"
    " created_at timestamp NOT NULL, updated_at timestamp NOT NULL, deleted_at timestamp,"
    " words tsvector)",
    "INSERT INTO ticket SELECT n, n % 2 * 2 + 2, n % 120 + 1, 200 + n % 60 + 1, n % 4000, 'Ticket ' || n,"
    " CASE WHEN n % 4001 = 7 THEN 'The toner is empty again. ' ELSE 'It does not start since Monday. ' END"
    " || repeat('We tried what the handbook says, and it stays as it is. ', 1),"
    " (ARRAY['new', 'open', 'waiting', 'solved'])[n % 4 + 1], n % 5, n * 7 % 300,"
    " jsonb_build_object('channel', (ARRAY['mail', 'phone', 'web'])[n % 3 + 1], 'device', n % 90),"
    " '2026-01-01'::timestamp + n * interval '4 minutes', '2026-01-02'::timestamp + n * interval '5 minutes',"
    " CASE WHEN n % 11 = 0 THEN '2026-03-01'::timestamp END, NULL FROM generate_series(1, 60000) n",
    "UPDATE ticket SET words = to_tsvector('simple', body) WHERE id % 4001 = 7",
    "CREATE INDEX ON ticket USING gin (words)",
    "CREATE INDEX ON ticket (tenant_id, updated_at) WHERE deleted_at IS NULL",
    *([] if no_assignee_key else ["CREATE INDEX ON ticket (assignee_id)"]),
    "CREATE TABLE comment (id int PRIMARY KEY, ticket_id int NOT NULL, member_id int NOT NULL, body text NOT NULL)",
    "INSERT INTO comment SELECT n, 60000 - n % 2000, 201 + n % 60, 'Comment ' || n FROM generate_series(1, 9000) n",
    "CREATE INDEX ON comment (ticket_id)",
    "CREATE TABLE access (member_id int, ticket_id int, level text NOT NULL, PRIMARY KEY (member_id, ticket_id))",
    "INSERT INTO access SELECT 207, n, (ARRAY['read', 'write', 'none'])[n % 3 + 1]"
    " FROM generate_series(50001, 60000) n",
    "CREATE TABLE audit_entry (id int PRIMARY KEY, tenant_id int NOT NULL, member_id int NOT NULL,"
    " table_name text NOT NULL, row_id int NOT NULL, change jsonb NOT NULL, at timestamp NOT NULL)",
    "INSERT INTO audit_entry SELECT n, n % 2 + 1, 201 + n % 60, 'ticket', n,"
    " jsonb_build_object('field', (ARRAY['status', 'priority', 'title', 'minutes'])[n % 4 + 1],"
    " 'old', n % 7, 'new', n % 5), '2026-01-01'::timestamp + n * interval '3 minutes'"
    " FROM generate_series(1, 7000) n",
    "CREATE INDEX ON audit_entry (tenant_id)",
    "ANALYZE",
]
engine = create_engine(
    postgresql_tables.DSN.replace("postgresql://", "postgresql+psycopg://", 1),
    pool_size=4,
    connect_args={"options": f"-csearch_path={SCHEMA}"},
)
Session = sessionmaker(engine)
count_late = planted("n_plus_one@comment_count")


class Base(DeclarativeBase):
    """All tables."""


class Tenant(Base):
    """An organisation."""

    __tablename__ = "tenant"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]


class Feature(Base):
    """What an organisation has paid for."""

    __tablename__ = "feature"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    enabled: Mapped[bool]


class Member(Base):
    """Somebody of an organisation."""

    __tablename__ = "member"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    name: Mapped[str]
    email: Mapped[str]


class Folder(Base):
    """Where tickets are kept; folders have folders."""

    __tablename__ = "folder"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    parent_id: Mapped[int | None]
    title: Mapped[str]


class Comment(Base):
    """What somebody said about a ticket."""

    __tablename__ = "comment"
    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    body: Mapped[str]
    member: Mapped[Member] = relationship()


class Ticket(Base):
    """Something that does not work."""

    __tablename__ = "ticket"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    folder_id: Mapped[int] = mapped_column(ForeignKey("folder.id"))
    reporter_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    assignee_id: Mapped[int]
    title: Mapped[str]
    body: Mapped[str]
    status: Mapped[str]
    priority: Mapped[int]
    minutes: Mapped[int]
    extra: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    folder: Mapped[Folder] = relationship()
    reporter: Mapped[Member] = relationship()
    comments: Mapped[list[Comment]] = relationship(order_by=Comment.id)
    counted: Mapped[int] = column_property(
        select(func.count()).where(Comment.ticket_id == id).correlate_except(Comment).scalar_subquery(),
        deferred=True,
    )

    @property
    def comment_count(self) -> int:
        """How many comments there are."""
        if count_late:
            session = object_session(self)
            asked = select(func.count()).select_from(Comment).where(Comment.ticket_id == self.id)
            return session.scalar(asked) or 0  # cause: n_plus_one@comment_count
        return self.counted


class Access(Base):
    """What a member may do with a ticket."""

    __tablename__ = "access"
    member_id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(primary_key=True)
    level: Mapped[str]


class AuditEntry(Base):
    """Who changed what."""

    __tablename__ = "audit_entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    member_id: Mapped[int]
    table_name: Mapped[str]
    row_id: Mapped[int]
    change: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime]
