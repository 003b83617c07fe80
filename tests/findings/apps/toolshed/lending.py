"""Loans, members, tools: what the club's own database knows."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import postgresql_tables
import psycopg
from flask import Flask, abort
from psycopg.rows import dict_row, namedtuple_row
from psycopg_pool import ConnectionPool
from switches import planted

from . import tables

connect_each_time = planted("connection_churn@loans")
ask_for_each_loan = planted("n_plus_one@borrower")
without_badge_index = planted("missing_index@badge")
sum_up_all_tools = planted("slow_query@usage")
fetch_all_postings = planted("unbounded_result@ledger")

MEMBERS = "members" if without_badge_index else "members_by_badge"
OPTIONS: dict[str, Any] = {"options": f"-c search_path={tables.SCHEMA}", "autocommit": True}
making = threading.Lock()
kept: list[ConnectionPool[Any]] = []


def pool() -> ConnectionPool[Any]:
    """Connections that are kept."""
    if not kept:
        with making:
            if not kept:
                kept.append(
                    ConnectionPool(postgresql_tables.DSN, min_size=2, max_size=4, kwargs=OPTIONS, open=True)
                )
    return kept[0]


@contextmanager
def connection() -> Iterator[psycopg.Connection[Any]]:
    """One for some statements."""
    if connect_each_time:
        with psycopg.connect(postgresql_tables.DSN, **OPTIONS) as fresh:  # cause: connection_churn@loans
            yield fresh
    else:
        with pool().connection() as mine:
            yield mine


def pooled(view: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a view a connection of the pool."""

    @wraps(view)
    def wrapped(**values: Any) -> Any:
        with pool().connection() as mine:
            return view(mine, **values)

    return wrapped


class Loan(NamedTuple):
    """Who has what for how long."""

    id: int
    member_id: int
    days: int
    cents: int


class Borrower(NamedTuple):
    """Who it is."""

    id: int
    name: str
    phone: str


class LoanBook:
    """Loans of tools."""

    def of_tool(self, tool: int) -> list[Loan]:
        """All of a tool."""
        with connection() as mine, mine.cursor() as cursor:  # cause: connection_churn@loans
            cursor.execute(
                "SELECT id, member_id, days, cents FROM loans WHERE tool_id = %s ORDER BY id", (tool,)
            )
            return [Loan(*row) for row in cursor]

    def with_borrowers(self, loans: list[Loan]) -> Iterator[tuple[Loan, Borrower]]:
        """Each with the one who has it."""
        with connection() as mine, mine.cursor() as cursor:  # cause: connection_churn@loans
            if ask_for_each_loan:
                for loan in loans:  # cause: n_plus_one@borrower
                    found = cursor.execute(  # cause: n_plus_one@borrower
                        "SELECT id, name, phone FROM members WHERE id = %s", (loan.member_id,)
                    ).fetchone()
                    yield loan, Borrower(*(found or abort(404)))
            else:
                cursor.execute(
                    "SELECT id, name, phone FROM members WHERE id = ANY(%s)",
                    ([loan.member_id for loan in loans],),
                )
                people = {row[0]: Borrower(*row) for row in cursor}
                for loan in loans:
                    yield loan, people[loan.member_id]


book = LoanBook()


def loans_of(tool: int) -> dict[str, Any]:
    """Who had a tool."""
    loans = book.of_tool(tool % 500 + 1)  # cause: connection_churn@loans
    told = [
        f"{who.name} ({who.phone}): {loan.days}"
        for loan, who in book.with_borrowers(loans)  # cause: n_plus_one@borrower connection_churn@loans
    ]
    return {"loans": told}


@pooled
def by_badge(mine: psycopg.Connection[Any], badge: str) -> dict[str, Any]:
    """Who holds a badge, however it is written."""
    cursor = mine.cursor(row_factory=dict_row)
    query = f"SELECT id, name FROM {MEMBERS} WHERE lower(badge) = lower(%s) ORDER BY id"
    return {"members": cursor.execute(query, (badge,)).fetchall()}  # cause: missing_index@badge


USAGE = (
    """
    SELECT tools.id, tools.name, used.times, used.cents
      FROM tools JOIN (SELECT tool_id, count(*) AS times, sum(cents) AS cents, max(out_on) AS last
                         FROM loans GROUP BY tool_id) used ON used.tool_id = tools.id
     WHERE tools.shelf = %s ORDER BY used.times DESC, tools.id
    """
    if sum_up_all_tools
    else """
    SELECT tools.id, tools.name, used.times, used.cents
      FROM tools CROSS JOIN LATERAL (SELECT count(*) AS times, sum(cents) AS cents, max(out_on) AS last
                                       FROM loans WHERE loans.tool_id = tools.id) used
     WHERE tools.shelf = %s ORDER BY used.times DESC, tools.id
    """
)  # cause: slow_query@usage


@pooled
def usage(mine: psycopg.Connection[Any], shelf: int) -> dict[str, Any]:
    """How much the tools of a shelf are used."""
    cursor = mine.cursor(row_factory=namedtuple_row)
    cursor.execute(USAGE, (shelf % 75,))  # cause: slow_query@usage
    return {"tools": [[row.name, row.times, int(row.cents)] for row in cursor]}


@pooled
def ledger(mine: psycopg.Connection[Any]) -> dict[str, Any]:
    """What each account has, and the postings that came last."""
    if fetch_all_postings:
        cursor = mine.cursor(row_factory=dict_row)
        cursor.execute("SELECT * FROM postings ORDER BY id")  # cause: unbounded_result@ledger
        postings = cursor.fetchall()  # cause: unbounded_result@ledger
        sums: dict[str, int] = defaultdict(int)
        for posting in postings:  # cause: unbounded_result@ledger
            sums[posting["account"]] += posting["cents"]
        last = [posting["remark"] for posting in postings[-10:]]
    else:
        sums = dict(mine.execute("SELECT account, sum(cents)::int FROM postings GROUP BY account").fetchall())
        newest = mine.execute("SELECT remark FROM postings ORDER BY id DESC LIMIT 10")
        last = [remark for (remark,) in newest][::-1]
    return {"accounts": sums, "last": last}


@pooled
def one_member(mine: psycopg.Connection[Any], member: int) -> dict[str, Any]:
    """A member, the tools he has, and what he owes."""
    key = member * 7 % 90000 + 1
    name, joined = mine.execute("SELECT name, joined FROM members WHERE id = %s", (key,)).fetchone() or abort(
        404
    )
    tools = mine.execute(
        "SELECT tools.name FROM loans JOIN tools ON tools.id = tool_id WHERE member_id = %s", (key,)
    )
    owed = mine.execute("SELECT sum(cents)::int FROM loans WHERE member_id = %s", (key,)).fetchone()
    return {
        "name": name,
        "since": str(joined),
        "tools": [tool for (tool,) in tools],
        "owes": owed and owed[0],
    }


@pooled
def inventory(mine: psycopg.Connection[Any]) -> dict[str, Any]:
    """Tools by kind."""
    rows = mine.execute(
        "SELECT kinds.name, count(*), avg(daily_cents)::int FROM tools JOIN kinds ON kinds.id = kind_id"
        " GROUP BY kinds.name"
    )
    return {name: [count, cents] for name, count, cents in rows}


def install(app: Flask) -> None:
    """Views, and the tables that they need."""
    tables.make()
    for rule, view in (
        ("/tools/<int:tool>/loans", loans_of),
        ("/badges/<badge>", by_badge),
        ("/usage/<int:shelf>", usage),
        ("/ledger", ledger),
        ("/members/<int:member>", one_member),
        ("/inventory", inventory),
    ):
        app.add_url_rule(rule, view.__name__, view)
