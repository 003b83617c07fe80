"""desk -- what the people who answer tickets see."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, g, render_template, request
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import joinedload, selectinload, undefer
from switches import planted

from .models import Access, AuditEntry, Comment, Feature, Folder, Member, Ticket, count_late

desk = Blueprint("desk", __name__, template_folder="templates")
check_each = planted("n_plus_one@may_see")
count_pages = planted("slow_query@page_count")
search_by_pattern = planted("slow_query@search")
load_by_level = planted("n_plus_one@folders")
ask_feature_each_time = planted("duplicate_query@features")
PER_PAGE = 50


def may_see(ticket: Ticket) -> bool:
    """Whether who asks may see a ticket."""
    asked = select(Access.level).where(Access.member_id == g.member.id, Access.ticket_id == ticket.id)
    return g.session.scalar(asked) in ("read", "write")  # cause: n_plus_one@may_see


def visible(tickets: list[Ticket]) -> list[Ticket]:
    """Those that who asks may see."""
    if check_each:
        return [ticket for ticket in tickets if may_see(ticket)]  # cause: n_plus_one@may_see
    asked = select(Access.ticket_id).where(
        Access.member_id == g.member.id,
        Access.ticket_id.in_([ticket.id for ticket in tickets]),
        Access.level.in_(("read", "write")),
    )
    allowed = set(g.session.scalars(asked))
    return [ticket for ticket in tickets if ticket.id in allowed]


def living() -> Any:
    """Tickets of the organisation that nobody deleted, the last touched first."""
    return (
        select(Ticket)
        .where(Ticket.tenant_id == g.tenant.id, Ticket.deleted_at.is_(None))
        .order_by(Ticket.updated_at.desc())
    )


def page_of(asked: Any, number: int) -> tuple[list[Ticket], bool]:
    """A page, and whether there is another one after it."""
    start = (number - 1) * PER_PAGE
    if count_pages:
        total = g.session.scalar(
            select(func.count()).select_from(asked.order_by(None).subquery())
        )  # cause: slow_query@page_count
        rows = g.session.scalars(asked.offset(start).limit(PER_PAGE)).all()
        return list(rows), start + PER_PAGE < total
    rows = g.session.scalars(asked.offset(start).limit(PER_PAGE + 1)).all()
    return list(rows[:PER_PAGE]), len(rows) > PER_PAGE


@desk.get("/tickets")
def tickets() -> str:
    """A page of tickets."""
    asked = living().options(joinedload(Ticket.reporter), joinedload(Ticket.folder))
    number = request.args.get("page", 1, type=int)
    page, more = page_of(asked, number)  # cause: slow_query@page_count
    return render_template("helpdesk/tickets.html", tickets=visible(page), number=number, more=more)


@desk.get("/tickets/search")
def search() -> dict[str, Any]:
    """Tickets in which a word stands."""
    word = request.args["q"]
    asked = living().limit(20)
    if search_by_pattern:
        asked = asked.where(Ticket.body.ilike(f"%{word}%"))  # cause: slow_query@search
    else:
        asked = asked.where(text("words @@ plainto_tsquery('simple', :word)").bindparams(word=word))
    found = g.session.scalars(asked).all()  # cause: slow_query@search
    return {"tickets": [{"id": each.id, "title": each.title, "status": each.status} for each in found]}


@desk.get("/tickets/<int:number>")
def ticket(number: int) -> str:
    """One ticket with all that was said."""
    asked = select(Ticket).where(Ticket.id == number, Ticket.tenant_id == g.tenant.id)
    said = selectinload(Ticket.comments).joinedload(Comment.member)
    found = g.session.scalar(asked.options(joinedload(Ticket.reporter), joinedload(Ticket.folder), said))
    if found is None:
        abort(404)
    near = living().where(Ticket.folder_id == found.folder_id, Ticket.updated_at < found.updated_at).limit(12)
    return render_template("helpdesk/ticket.html", ticket=found, near=g.session.scalars(near).all())


@desk.get("/tickets/<int:number>/turn")
def turn(number: int) -> dict[str, Any]:
    """Solves a ticket or opens it again, and reads it again as it is then: nothing is wrong here."""
    asked = select(Ticket.status, Ticket.priority).where(Ticket.id == number, Ticket.tenant_id == g.tenant.id)
    was = g.session.execute(asked).one()
    status = "open" if was.status == "solved" else "solved"
    g.session.execute(update(Ticket).where(Ticket.id == number).values(status=status))
    change = {"field": "status", "old": was.status, "new": status}
    entry = {"id": 1_000_000 + number, "tenant_id": 3, "member_id": g.member.id, "table_name": "ticket"}
    noted = postgresql.insert(AuditEntry).values(
        **entry, row_id=number, change=change, at=datetime(2026, 3, 1)
    )
    g.session.execute(noted.on_conflict_do_update(index_elements=["id"], set_={"change": change}))
    now = g.session.execute(asked).one()
    g.session.commit()
    return {"ticket": number, "turned": was.status != now.status, "priority": now.priority}


def branch(folder: Folder) -> dict[str, Any]:
    """A folder and all below it."""
    asked = select(Folder).where(Folder.parent_id == folder.id).order_by(Folder.id)
    below = g.session.scalars(asked).all()  # cause: n_plus_one@folders
    return {
        "id": folder.id,
        "title": folder.title,
        "folders": [branch(each) for each in below],
    }  # cause: n_plus_one@folders


def whole_tree(root: Folder) -> dict[str, Any]:
    """The same, from all folders of the organisation."""
    below = defaultdict(list)
    for each in g.session.scalars(select(Folder).where(Folder.tenant_id == g.tenant.id).order_by(Folder.id)):
        below[each.parent_id].append(each)

    def build(folder: Folder) -> dict[str, Any]:
        return {"id": folder.id, "title": folder.title, "folders": [build(each) for each in below[folder.id]]}

    return build(root)


@desk.get("/folders")
def folders() -> dict[str, Any]:
    """The tree at the left side."""
    root = g.session.scalar(select(Folder).where(Folder.tenant_id == g.tenant.id, Folder.parent_id.is_(None)))
    return branch(root) if load_by_level else whole_tree(root)  # cause: n_plus_one@folders


def feature(name: str) -> bool:
    """Whether the organisation has paid for something."""
    if ask_feature_each_time:
        asked = select(Feature.enabled).where(Feature.tenant_id == g.tenant.id, Feature.name == name)
        return bool(g.session.scalar(asked))  # cause: duplicate_query@features
    if "features" not in g:
        asked = select(Feature.name, Feature.enabled).where(Feature.tenant_id == g.tenant.id)
        g.features = dict(g.session.execute(asked).tuples().all())
    return g.features.get(name, False)


@desk.app_context_processor
def helpers() -> dict[str, Any]:
    """What every template may call."""
    return {"feature": feature}


@desk.get("/board")
def board() -> str:
    """Cards of the newest tickets, a column for each status."""
    asked = living().options(joinedload(Ticket.reporter)).limit(45)
    if not count_late:
        asked = asked.options(undefer(Ticket.counted))
    cards = g.session.scalars(asked).all()
    columns = {
        status: [card for card in cards if card.status == status] for status in ("new", "open", "waiting")
    }
    return render_template("helpdesk/board.html", columns=columns)


@desk.get("/people")
def people() -> str:
    """Who works here, with what each has on the table."""
    asked = (
        select(
            Member.id,
            Member.name,
            func.count(Ticket.id),
            func.sum(Ticket.minutes),
            func.max(Ticket.updated_at),
        )
        .join(Ticket, Ticket.reporter_id == Member.id)
        .where(Ticket.tenant_id == g.tenant.id, Ticket.deleted_at.is_(None))
        .where(Ticket.updated_at > text("timestamp '2026-07-01'"))
        .group_by(Member.id)
        .order_by(Member.name)
    )
    latest = g.session.scalars(living().limit(60)).all()
    return render_template("helpdesk/people.html", rows=g.session.execute(asked).all(), latest=latest)
