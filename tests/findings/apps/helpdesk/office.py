"""office -- what the organisations' own offices ask for: audits, exports, imports."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, func, insert, select
from switches import planted

from .models import AuditEntry, Comment, Ticket

office = Blueprint("office", __name__)
count_in_python = planted("unbounded_result@audit")
build_entities = planted("orm_overhead@export")


def changes_by_field() -> dict[str, int]:
    """How often each field was changed."""
    if count_in_python:
        entries = g.session.scalars(
            select(AuditEntry).where(AuditEntry.tenant_id == g.tenant.id)
        ).all()  # cause: unbounded_result@audit
        counts = Counter(entry.change["field"] for entry in entries)  # cause: unbounded_result@audit
        return dict(sorted(counts.items()))
    field = AuditEntry.change["field"].astext
    asked = select(field, func.count()).where(AuditEntry.tenant_id == g.tenant.id).group_by(field)
    return dict(sorted(g.session.execute(asked).tuples().all()))


@office.get("/audit")
def audit() -> dict[str, Any]:
    """What is changed most, and the newest changes."""
    newest = select(AuditEntry.id, AuditEntry.table_name, AuditEntry.row_id, AuditEntry.at)
    newest = newest.where(AuditEntry.tenant_id == g.tenant.id).order_by(AuditEntry.id.desc()).limit(20)
    rows = [
        {"id": n, "table": name, "row": row, "at": at.isoformat()}
        for n, name, row, at in g.session.execute(newest)
    ]
    return {"fields": changes_by_field(), "newest": rows}  # cause: unbounded_result@audit


@office.get("/export.json")
def export() -> ResponseReturnValue:
    """All tickets of a quarter, for the organisation's own reports."""
    names = ("id", "title", "status", "priority", "minutes", "folder_id", "assignee_id")
    asked = select(Ticket) if build_entities else select(*(getattr(Ticket, name) for name in names))
    asked = asked.where(Ticket.tenant_id == g.tenant.id, Ticket.deleted_at.is_(None))
    asked = asked.order_by(Ticket.updated_at.desc()).limit(2500)
    if build_entities:
        rows = [
            [getattr(ticket, name) for name in names] for ticket in g.session.scalars(asked)
        ]  # cause: orm_overhead@export
    else:
        rows = [list(row) for row in g.session.execute(asked)]
    return jsonify(columns=names, rows=rows)


@office.get("/assigned")
def assigned() -> dict[str, Any]:
    """What somebody has to do."""
    asked = (
        select(Ticket.id, Ticket.title, Ticket.status)
        .where(Ticket.assignee_id == request.args.get("to", type=int))
        .where(Ticket.deleted_at.is_(None))
        .order_by(Ticket.id)
    )
    rows = g.session.execute(asked).all()  # cause: missing_index@assigned
    return {"tickets": [{"id": n, "title": title, "status": status} for n, title, status in rows]}


@office.get("/import")
def import_comments() -> dict[str, Any]:
    """Comments that came by mail, a few hundred at once."""
    rows = [
        {"id": 100_000 + n, "ticket_id": 100_000, "member_id": 201 + n % 60, "body": f"By mail, line {n}"}
        for n in range(400)
    ]
    g.session.execute(delete(Comment).where(Comment.ticket_id == 100_000))
    g.session.execute(insert(Comment), rows)
    g.session.commit()
    return {"imported": len(rows)}
